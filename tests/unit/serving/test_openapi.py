from typing import Any

import pytest
from openapi_spec_validator import validate


@pytest.fixture
async def document(running: Any) -> Any:
    async with running() as client:
        return client.app.openapi()


def test_the_document_is_valid(document: Any) -> None:
    validate(document)


def test_the_operation_is_named_and_has_an_example_of_everything(document: Any) -> None:
    operation = document["paths"]["/score"]["post"]

    problems = {"401", "403", "409", "413", "422", "503"}
    assert operation["operationId"] == "predict_score"
    assert operation["requestBody"]["content"]["application/json"]["examples"]
    assert problems < set(operation["responses"])
    for status in problems:
        examples = operation["responses"][status]["content"]["application/problem+json"]["examples"]
        assert {example["value"]["status"] for example in examples.values()} == {int(status)}


def test_health_is_not_part_of_it(document: Any) -> None:
    assert list(document["paths"]) == ["/score"]
