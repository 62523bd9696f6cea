"""Types that stand in many places get one name, so that a generated client has one class for each.

pydantic writes a `Literal` out wherever it is used, and generators make a class of every copy, with names such as
`ScorePredictionBandType0`. Whatever of this kind occurs is named here: what several places share by the table below,
anything else that may be null by the schema and the field that it stands in.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

from gateway.deliveries.schemas import DeliveryStateName
from gateway.subscriptions.schemas import State
from shared.capabilities import NAMES, OUTCOME_NAMES
from shared.contracts.message import MESSAGE_TYPES, TEST_TYPE
from shared.contracts.prediction import Band, Grade, Source, Status, Trend
from shared.webhooks_out.connectors import ConnectorName

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/"
_NULL: Final[Schema] = {"type": "null"}
_ABOUT: Final = ("title", "description", "default", "examples", "example")
"""Keywords that describe the place and not the type."""


def _enum(*values: str) -> Schema:
    return {"enum": list(values), "type": "string"}


def _any_of(*kinds: str) -> Schema:
    return {"anyOf": [{"type": kind} for kind in kinds]}


_SHARED: Final[Mapping[str, Schema]] = {
    "Band": _enum(*get_args(Band)),
    "Capability": _enum(*NAMES),
    "AllContacts": _enum("all"),
    "NoQuietHours": _enum("off"),
    "OutcomeCapability": _enum(*OUTCOME_NAMES),
    "ChangeCause": _enum("events", "time", "model"),
    "Connector": _enum(*get_args(ConnectorName)),
    "DeliveryState": _enum(*get_args(DeliveryStateName)),
    "Engagement": _enum("click", "open", "order"),
    "Grade": _enum(*get_args(Grade)),
    "MessageType": _enum(*MESSAGE_TYPES),
    "PredictionSource": _enum(*get_args(Source)),
    "PredictionStatus": _enum(*get_args(Status)),
    "SubscriptionState": _enum(*get_args(State)),
    "TestMessageType": _enum(TEST_TYPE, *MESSAGE_TYPES),
    "Trend": _enum(*get_args(Trend)),
    "Weekday": _enum("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "Consent": {
        "additionalProperties": False,
        "properties": {"profiling": {**_enum("granted", "denied"), "description": "As to profiling."}},
        "type": "object",
    },
    "Counts": {"additionalProperties": {"type": "integer"}, "type": "object"},
    "Scalar": _any_of("string", "integer", "number", "boolean", "null"),
    "FeatureValue": _any_of("number", "string", "boolean", "null"),
    "AttributeValue": {
        "anyOf": [*_any_of("string", "integer", "number", "boolean", "null")["anyOf"], {"$ref": f"{_REF}DatedScalar"}]
    },
}
_NAMES: Final = {json.dumps(schema, sort_keys=True): name for name, schema in _SHARED.items()}


def name_types(document: Schema) -> None:
    """Give names to what is written out, in place.

    Args:
        document: OpenAPI 3.1, complete but for this.
    """
    components = document["components"]["schemas"]
    named: dict[str, Schema] = {}
    for owner, schema in components.items():
        for field, part in schema.get("properties", {}).items():
            schema["properties"][field] = _named(part, named, f"{owner}{_camel(field)}")
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _named(_present(parameter["schema"]), named, "")
    components.update(named)


def _present(schema: Schema) -> Schema:
    """Write a parameter without null: it is sent, or it is not."""
    parts = [part for part in schema.get("anyOf", ()) if part != _NULL]
    if len(parts) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name not in ("anyOf", "default")}, **parts[0]}


def _named(schema: Any, named: dict[str, Schema], place: str) -> Any:
    """Return a schema with references instead of what was written out."""
    if not isinstance(schema, dict):
        return schema
    schema = _plain(schema)
    about = {name: value for name, value in schema.items() if name in _ABOUT}
    kind = {name: value for name, value in schema.items() if name not in _ABOUT}
    shared = _NAMES.get(json.dumps(kind, sort_keys=True))
    if shared is not None:
        named[shared] = {"title": shared, **kind}
        about.pop("title", None)
        return {"$ref": f"{_REF}{shared}", **about}
    for inner in ("items", "additionalProperties"):
        if inner in kind:
            kind[inner] = _named(kind[inner], named, f"{place}Item")
    if "properties" in kind:
        kind["properties"] = {
            name: _named(part, named, f"{place}{_camel(name)}") for name, part in kind["properties"].items()
        }
    if "anyOf" in kind:
        kind["anyOf"] = [_alternative(part, named, place) for part in kind["anyOf"]]
    return {**kind, **about}


def _alternative(part: Schema, named: dict[str, Schema], place: str) -> Schema:
    """Name an alternative that generators would make a class of."""
    found: Schema = _named(part, named, place)
    is_class = "enum" in found or found.get("type") == "object"
    if not is_class or not place:
        return found
    named[place] = {"title": place, **found}
    return {"$ref": f"{_REF}{place}"}


def _plain(schema: Schema) -> Schema:
    """Write in the usual form what pydantic writes in another."""
    match schema:
        case {"type": "object", "propertyNames": {"const": str(name)}, "additionalProperties": value, **rest}:
            return {
                **rest,
                "type": "object",
                "properties": {name: {**value, "description": f"As to {name}."}},
                "additionalProperties": False,
            }
        case {"type": "object", "maxLength": int(most), **rest}:
            return {**rest, "type": "object", "maxProperties": most}
        case {"const": "off" | "all" as only, "type": "string", **rest}:
            return {**rest, **_enum(only)}
        case {"anyOf": [{"const": first, "type": "string"}, {"enum": [*others], "type": "string"}], **rest}:
            return {**rest, **_enum(first, *others)}
    return schema


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
