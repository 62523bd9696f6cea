import pytest

from gateway.openapi.three_zero import as_3_0, schema_3_0


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        (
            {"type": ["string", "integer"], "title": "a"},
            {"anyOf": [{"type": "string"}, {"type": "integer"}], "title": "a"},
        ),
        ({"type": "null"}, {"nullable": True, "enum": [None]}),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
            {"anyOf": [{"type": "integer", "nullable": True}, {"type": "string"}]},
        ),
        (
            {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}], "description": "d"},
            {"type": "string", "enum": ["a", "b", None], "description": "d", "nullable": True},
        ),
        (
            {"$ref": "#/components/schemas/A", "description": "d"},
            {"allOf": [{"$ref": "#/components/schemas/A"}], "description": "d"},
        ),
        ({"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/A"}),
        ({"type": "number", "exclusiveMaximum": 2.5}, {"type": "number", "maximum": 2.5, "exclusiveMaximum": True}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}]},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"enum": [1]}]}},
        ),
        (
            {"type": "object", "propertyNames": {"maxLength": 3}, "additionalProperties": {"type": ["string", "null"]}},
            {"type": "object", "additionalProperties": {"type": "string", "nullable": True}},
        ),
        (
            {"properties": {"const": {"const": "a"}, "examples": {"type": "array", "items": {"examples": [1]}}}},
            {"properties": {"const": {"enum": ["a"]}, "examples": {"type": "array", "items": {"example": 1}}}},
        ),
        (True, True),
    ],
)
def test_a_schema_is_written_in_the_words_of_3_0(newer: object, older: object) -> None:
    assert schema_3_0(newer) == older


def test_a_nullable_reference_points_to_a_nullable_twin() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1", "summary": "s", "license": {"name": "n", "identifier": "i"}},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": {},
        "components": {
            "schemas": {
                "Parts": {"type": "object"},
                "Holder": {
                    "type": "object",
                    "properties": {"parts": {"anyOf": [{"$ref": "#/components/schemas/Parts"}, {"type": "null"}]}},
                },
            }
        },
    }

    older = as_3_0(document)

    assert older["openapi"] == "3.0.3"
    assert older["info"] == {"title": "t", "version": "1", "license": {"name": "n"}}
    assert "jsonSchemaDialect" not in older
    assert older["components"]["schemas"]["PartsOrNull"] == {"type": "object", "title": "PartsOrNull", "nullable": True}
    assert older["components"]["schemas"]["Holder"]["properties"]["parts"] == {
        "$ref": "#/components/schemas/PartsOrNull"
    }
    assert document["openapi"] == "3.1.0"


def test_examples_are_data_and_stay_as_they_are() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/a": {
                "get": {
                    "responses": {
                        "200": {
                            "description": "d",
                            "content": {
                                "application/json": {
                                    "schema": {"type": ["string", "null"]},
                                    "example": {"const": 1, "schema": {"type": ["x", "null"]}},
                                }
                            },
                        }
                    }
                }
            }
        },
        "components": {"schemas": {}},
    }

    media = as_3_0(document)["paths"]["/a"]["get"]["responses"]["200"]["content"]["application/json"]

    assert media == {
        "schema": {"type": "string", "nullable": True},
        "example": {"const": 1, "schema": {"type": ["x", "null"]}},
    }
