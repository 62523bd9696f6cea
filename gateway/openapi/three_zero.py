"""OpenAPI 3.1 written as 3.0: what JSON Schema 2020-12 says in other words, and what 3.0 cannot say at all."""

from typing import Any

Node = dict[str, Any]

_UNKNOWN_TO_3_0 = (
    "$schema",
    "$id",
    "$defs",
    "$comment",
    "contentEncoding",
    "contentMediaType",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_MAPS_OF_SCHEMAS = ("properties",)
_LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf")
_SCHEMAS = ("items", "additionalProperties", "not")


def as_3_0(document: Node) -> Node:
    """Write a 3.1 document as 3.0.3.

    Args:
        document: valid 3.1; left as it is.

    Returns:
        A new document. Constraints that 3.0 has no word for (a pattern of property names) are left out:
        whatever the 3.1 document allows, this one allows too.
    """
    info = {name: value for name, value in document["info"].items() if name != "summary"}
    if "license" in info:
        info["license"] = {name: value for name, value in info["license"].items() if name != "identifier"}
    converted = {**document, "openapi": "3.0.3", "info": info}
    for name in ("jsonSchemaDialect", "webhooks"):
        converted.pop(name, None)
    components = dict(document.get("components", {}))
    components["schemas"] = {name: schema_3_0(schema) for name, schema in components.get("schemas", {}).items()}
    converted["components"] = {name: _walked(part) if name != "schemas" else part for name, part in components.items()}
    converted["paths"] = _walked(document["paths"])
    return _with_nullable_references(converted)


def _walked(value: Any) -> Any:
    """Convert every `schema` below paths, parameters, bodies and responses; examples are data and stay."""
    if isinstance(value, list):
        return [_walked(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        name: schema_3_0(part) if name == "schema" else part if name in ("example", "examples") else _walked(part)
        for name, part in value.items()
    }


def schema_3_0(schema: Any) -> Any:
    """Write one schema as 3.0.

    >>> schema_3_0({"anyOf": [{"type": "string"}, {"type": "null"}], "examples": ["a"]})
    {'type': 'string', 'example': 'a', 'nullable': True}
    >>> schema_3_0({"const": 1, "exclusiveMinimum": 0})
    {'enum': [1], 'minimum': 0, 'exclusiveMinimum': True}
    """
    if not isinstance(schema, dict):
        return schema
    node = {name: value for name, value in schema.items() if name not in _UNKNOWN_TO_3_0}
    _reword_values(node)
    _reword_bounds(node)
    _reword_tuple(node)
    for name in _MAPS_OF_SCHEMAS:
        if name in node:
            node[name] = {key: schema_3_0(value) for key, value in node[name].items()}
    for name in _SCHEMAS:
        if name in node:
            node[name] = schema_3_0(node[name])
    _reword_null(node)
    for name in _LISTS_OF_SCHEMAS:
        if name in node:
            node[name] = [schema_3_0(value) for value in node[name]]
    return _null_listed(_reference_alone(_single(node)))


def _reword_values(node: Node) -> None:
    if "const" in node:
        node["enum"] = [node.pop("const")]
    examples = node.pop("examples", None)
    if examples and "example" not in node:
        node["example"] = examples[0]


def _reword_bounds(node: Node) -> None:
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        limit = node.get(exclusive)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            del node[exclusive]
            node[bound] = limit
            node[exclusive] = True


def _reword_tuple(node: Node) -> None:
    prefix = node.pop("prefixItems", None)
    if prefix is not None:
        node["items"] = {"anyOf": prefix}
    elif node.get("type") == "array" and "items" not in node:
        node["items"] = {}


def _reword_null(node: Node) -> None:
    """Replace the type null of 3.1 by `nullable`."""
    kinds = node.get("type")
    if isinstance(kinds, list):
        _set_kinds(node, [kind for kind in kinds if kind != "null"], nullable="null" in kinds)
    elif kinds == "null":
        del node["type"]
        node.update(nullable=True, enum=[None])
    for name in ("anyOf", "oneOf"):
        given = node.get(name)
        if given is None:
            continue
        kept = [part for part in given if part != {"type": "null"}]
        if len(kept) < len(given):
            node[name] = kept
            _let_null_in(node, kept)


def _let_null_in(node: Node, kept: list[Node]) -> None:
    """Set `nullable` on one alternative: in 3.0 it counts only beside a `type`."""
    if len(kept) > 1 and "type" in kept[0]:
        kept[0] = {**kept[0], "nullable": True}
    else:
        node["nullable"] = True


def _set_kinds(node: Node, kinds: list[str], *, nullable: bool) -> None:
    del node["type"]
    if len(kinds) == 1:
        node["type"] = kinds[0]
    else:
        node["anyOf"] = [{"type": kind} for kind in kinds]
    if nullable:
        node["nullable"] = True


def _single(node: Node) -> Node:
    """Lift the only alternative, so that importers see a plain nullable type."""
    for name in ("anyOf", "oneOf"):
        if name in node and len(node[name]) == 1:
            only = node.pop(name)[0]
            return {**only, **node} if "$ref" not in only else {"allOf": [only], **node}
    return node


def _reference_alone(node: Node) -> Node:
    """In 3.0 whatever stands beside `$ref` is ignored: wrap it."""
    if "$ref" in node and len(node) > 1:
        return {"allOf": [{"$ref": node.pop("$ref")}], **node}
    return node


def _null_listed(node: Node) -> Node:
    """In 3.0 `nullable` does not widen an `enum`: null must be listed."""
    if node.get("nullable") and None not in node.get("enum", [None]):
        node["enum"] = [*node["enum"], None]
    return node


def _with_nullable_references(document: Node) -> Node:
    """Give every schema that is referred to as nullable a nullable twin.

    In 3.0 `nullable` beside `allOf` does not let null in, and importers do not read `anyOf` with null.
    """
    schemas = document["components"]["schemas"]
    twins: Node = {}
    parts: Node = {}

    def twin(name: str) -> Node:
        """Copy a schema; objects within it get a name, since a generator would make the same class of each twice."""
        copied = {**schemas[name], "title": f"{name}OrNull", "nullable": True}
        for field, value in schemas[name].get("properties", {}).items():
            if value.get("type") == "object":
                parts[f"{name}{field.title().replace('_', '')}"] = value
                reference = {"$ref": f"#/components/schemas/{name}{field.title().replace('_', '')}"}
                copied["properties"] = {**copied["properties"], field: reference}
        return _null_listed(copied)

    def walked(value: Any) -> Any:
        if isinstance(value, list):
            return [walked(part) for part in value]
        if not isinstance(value, dict):
            return value
        match value:
            case {"nullable": True, "allOf": [{"$ref": str(reference)}], **others}:
                name = reference.rsplit("/", 1)[1]
                twins[f"{name}OrNull"] = twin(name)
                return _reference_alone({"$ref": f"{reference}OrNull", **others})
        return {name: walked(part) for name, part in value.items()}

    walked_document: Node = walked(document)
    for name, made in [*twins.items(), *parts.items()]:
        walked_document["components"]["schemas"][name] = walked(made)
    return walked_document
