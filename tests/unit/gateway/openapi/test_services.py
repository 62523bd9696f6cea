import json
from pathlib import Path
from typing import Any

from gateway.openapi.services import add_services, own_paths, saved_service_document
from shared.capabilities import Capability


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def service(schemas: dict[str, Any], uses: str) -> dict[str, Any]:
    answer = {"description": "d", "content": {"application/json": {"schema": reference(uses)}}}
    refused = {"description": "only between processes"}
    return {
        "paths": {
            "/score": {"post": {"operationId": "score", "responses": {"200": answer, "401": refused}}},
            "/healthz": {"get": {"operationId": "health", "responses": {"200": {"description": "d"}}}},
        },
        "components": {"schemas": schemas},
    }


def gateway(schemas: dict[str, Any]) -> dict[str, Any]:
    return {"paths": {}, "components": {"schemas": schemas}}


def test_only_the_capabilitys_own_paths_and_what_they_use_are_kept() -> None:
    document = service({"A": reference("B"), "B": {"type": "object"}, "Unused": {}}, uses="A")

    kept = own_paths(document, Capability("scoring", "/score", "?"))

    assert list(kept["paths"]) == ["/score"]
    assert list(kept["components"]["schemas"]) == ["A", "B"]


def test_paths_under_a_prefix_belong_to_the_capability() -> None:
    line = Capability("segmentation", "/segment", "?", prefixes=("/segments",))
    paths = {path: {"get": {}} for path in ("/segment", "/segments", "/segments/{id}", "/segmentsx", "/other")}

    assert list(own_paths({"paths": paths}, line)["paths"]) == ["/segment", "/segments", "/segments/{id}"]


def test_a_schema_of_the_same_content_is_shared(tmp_path: Path) -> None:
    saved_service_document("scoring", service({"A": {"type": "object"}}, uses="A"), tmp_path)
    document = gateway({"A": {"type": "object"}})

    add_services(document, tmp_path)

    assert document["components"]["schemas"] == {"A": {"type": "object"}}
    assert list(document["paths"]) == ["/score"]


def test_a_clash_is_renamed_with_everything_that_refers_to_it(tmp_path: Path) -> None:
    schemas = {"A": {"properties": {"b": reference("B")}}, "B": {"type": "string"}}
    saved_service_document("scoring", service(schemas, uses="A"), tmp_path)
    document = gateway({"A": {"properties": {"b": reference("B")}}, "B": {"type": "integer"}})

    add_services(document, tmp_path)

    assert document["components"]["schemas"] == {
        "A": {"properties": {"b": reference("B")}},
        "B": {"type": "integer"},
        "ScoringA": {"properties": {"b": reference("ScoringB")}},
        "ScoringB": {"type": "string"},
    }
    assert '"#/components/schemas/ScoringA"' in json.dumps(document["paths"])


def test_what_only_the_gateway_sees_is_left_out(tmp_path: Path) -> None:
    saved_service_document("scoring", service({"A": {}}, uses="A"), tmp_path)
    document = gateway({})

    add_services(document, tmp_path)

    assert list(document["paths"]["/score"]["post"]["responses"]) == ["200"]


def test_a_capability_without_a_kept_document_is_left_out(tmp_path: Path) -> None:
    document = gateway({})

    add_services(document, tmp_path)

    assert document["paths"] == {}
