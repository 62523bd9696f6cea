"""What goes over the wire: nothing in an answer is left to a default, and every field says what it is."""

import importlib
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from shared.capabilities import TABLE

NAMES = [line.name for line in TABLE]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for argument in get_args(annotation):
        yield from models_in(argument)


def models_named(name: str, ending: str) -> set[type[BaseModel]]:
    """Collect the models of a capability's wire whose name ends so, with all that they contain."""
    schemas = vars(importlib.import_module(f"services.{name}.schemas"))
    outer = [model for key, model in schemas.items() if key.endswith(ending) and isinstance(model, type)]
    return {inner for model in outer for inner in models_in(model)}


@pytest.mark.parametrize("name", NAMES)
def test_no_field_of_a_response_has_a_default(name: str) -> None:
    models = models_named(name, "Response")

    assert models
    assert [
        f"{model.__name__}.{field}"
        for model in models
        for field, info in model.model_fields.items()
        if not info.is_required()
    ] == []


@pytest.mark.parametrize("ending", ["Request", "Response"])
@pytest.mark.parametrize("name", NAMES)
def test_every_wire_model_is_frozen_and_takes_no_unknown_field(name: str, ending: str) -> None:
    models = models_named(name, ending)

    assert models
    assert [
        model.__name__
        for model in models
        if not (model.model_config.get("frozen") and model.model_config.get("extra") == "forbid")
    ] == []


@pytest.mark.parametrize("ending", ["Request", "Response"])
@pytest.mark.parametrize("name", NAMES)
def test_every_field_on_the_wire_is_described(name: str, ending: str) -> None:
    assert [
        f"{model.__name__}.{field}"
        for model in models_named(name, ending)
        for field, info in model.model_fields.items()
        if not info.description
    ] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_request_and_a_response_share_no_class(name: str) -> None:
    assert models_named(name, "Request") & models_named(name, "Response") == set()
