import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from openapi_schema_validator import OAS30Validator, OAS31Validator
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator, validate
from pydantic import Field, TypeAdapter, ValidationError

from gateway.app import create_app
from gateway.openapi import as_3_0, saved_service_document
from gateway.openapi.document import operations
from gateway.openapi.services import FOLDER
from services.specs import spec_of
from shared.capabilities import TABLE
from shared.contracts.validation import sentence
from shared.serving.service import create_app as create_service
from shared.settings import GatewaySettings, ServiceSettings

VERBS = {
    "get": "list|show|check|export|report",
    "post": "put|add|attribute|cancel|erase|load|plan|predict|preview|promote|receive|release|replay|retry|rollback|"
    "rotate|search|test|train|undo",
    "put": "put",
    "patch": "change|rename",
    "delete": "delete|erase|revoke",
}
"""Of operationIds, by method."""
PUBLISHED = Path(__file__).with_name("gateway.json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    settings = GatewaySettings(signing_key="0" * 64, identity_key="0" * 64)
    return create_app(settings).openapi()


def media_types(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is asked or answered, with its place."""
    for _, _, operation in operations(document):
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for name, body in bodies.items():
            if "$ref" in body:
                body = document["components"]["responses"][body["$ref"].rsplit("/", 1)[1]]
            for media in body.get("content", {}).values():
                yield f"{operation['operationId']} {name}", media


def examples_of(media: dict[str, Any]) -> list[Any]:
    return [media["example"]] if "example" in media else [one["value"] for one in media.get("examples", {}).values()]


def test_the_document_equals_the_published_one(document: dict[str, Any]) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))

    assert json.loads(json.dumps(document)) == published, (
        "The API changed. When that is wanted: python -m foretell.derived"
    )


def test_it_is_valid_3_1(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV31SpecValidator)


def test_written_as_3_0_it_is_valid_3_0(document: dict[str, Any]) -> None:
    validate(as_3_0(document), cls=OpenAPIV30SpecValidator)


def test_what_a_pattern_asks_for_is_in_words_where_people_write(document: dict[str, Any]) -> None:
    written = [media["schema"] for place, media in media_types(document) if place.endswith(" request")]
    written += [
        parameter
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "path"  # ids: nobody makes them up
    ]
    patterns = {pattern for schema in written for pattern in patterns_in(schema, document, set())}

    assert len(patterns) > 10
    assert {pattern for pattern in patterns if "pattern" in wanted(pattern)} == set()


def patterns_in(schema: Any, document: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """Every pattern of a schema and of those that it refers to."""
    if isinstance(schema, list):
        for one in schema:
            yield from patterns_in(one, document, seen)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("pattern"), str):
        yield schema["pattern"]
    yield from schema.get("patternProperties", ())
    reference = schema.get("$ref")
    if reference is not None and reference not in seen:
        seen.add(reference)
        yield from patterns_in(document["components"]["schemas"][reference.rsplit("/", 1)[1]], document, seen)
    for one in schema.values():
        yield from patterns_in(one, document, seen)


def wanted(pattern: str) -> str:
    """Say what a pattern asks for, as an answer does."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[str, Field(pattern=pattern)]).validate_python("\n\n")
    return sentence(caught.value.errors()[0])


def test_every_capability_of_the_table_is_in_it(document: dict[str, Any]) -> None:
    assert [line.path for line in TABLE if line.path not in document["paths"]] == []


def test_operation_ids_are_unique_and_of_one_style(document: dict[str, Any]) -> None:
    ids = [(method, operation["operationId"]) for _, method, operation in operations(document)]
    ids += [("post", item["post"]["operationId"]) for item in document["webhooks"].values()]

    assert len(ids) == len({name for _, name in ids})
    assert [
        name for method, name in ids if not re.fullmatch(rf"(?:{VERBS[method]})(?:_[a-z]+)+", name) or len(name) > 40
    ] == []


def test_an_error_shown_for_an_operation_is_one_of_its_own(document: dict[str, Any]) -> None:
    wrong = []
    for path, method, operation in operations(document):
        owner = next((line for line in TABLE if path.startswith((line.path, *line.prefixes))), None)
        for status, answer in operation["responses"].items():
            for name, example in (
                answer.get("content", {}).get("application/problem+json", {}).get("examples", {}).items()
            ):
                text = json.dumps(example["value"])
                others = [line.name for line in TABLE if line is not owner and f"{line.name} service" in text]
                foreign = owner is not None and any(f"train {line.name}" in text for line in TABLE if line is not owner)
                if int(status) != example["value"]["status"] or others or foreign:
                    wrong.append((f"{method} {path}", name))

    assert wrong == []


def test_every_operation_has_a_tag_and_a_summary(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}

    assert [
        operation["operationId"]
        for _, _, operation in operations(document)
        if not operation.get("summary") or not set(operation.get("tags", ["none"])) <= tags
    ] == []


def test_every_request_answer_and_error_has_an_example(document: dict[str, Any]) -> None:
    assert [place for place, media in media_types(document) if not examples_of(media)] == []


@pytest.mark.parametrize("version", ["3.1", "3.0"])
def test_every_example_fits_its_schema(document: dict[str, Any], version: str) -> None:
    written = document if version == "3.1" else as_3_0(document)
    validator = OAS31Validator if version == "3.1" else OAS30Validator

    wrong = []
    for place, media in media_types(written):
        schema = {**media["schema"], "components": written["components"]}
        for example in examples_of(media):
            wrong += [(place, error.message) for error in validator(schema).iter_errors(example)]

    assert wrong == []


def test_every_field_of_an_answer_is_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, described in schema.get("properties", {}).items()
        if "description" not in described
    ] == []


def test_only_operations_for_operators_and_webhooks_are_open(document: dict[str, Any]) -> None:
    assert document["security"] == [{"key": []}]
    assert sorted(path for path, _, operation in operations(document) if operation.get("security") == []) == [
        "/healthz",
        "/readyz",
        "/webhooks/{provider}/{source_id}",
        "/webhooks/{provider}/{source_id}",
    ]


@pytest.mark.parametrize("name", [line.name for line in TABLE])
def test_the_kept_document_equals_that_of_the_service(name: str, tmp_path: Path) -> None:
    app = create_service(spec_of(name), ServiceSettings(home=tmp_path, signing_key="0" * 64))

    written = saved_service_document(name, app.openapi(), tmp_path)

    kept = FOLDER / f"{name}.json"
    assert kept.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), (
        "A service's API changed. When that is wanted: foretell openapi"
    )
