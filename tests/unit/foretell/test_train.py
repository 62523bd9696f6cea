"""Choices of a training by hand that hold for those that nobody makes by hand."""

from types import SimpleNamespace
from typing import Any

import pytest

from foretell.train import later_choices
from services.specs import spec_of
from shared.contracts.training import ColumnChoices


def choices_after(capability: str, found: dict[str, Any]) -> Any:
    store: Any = SimpleNamespace(models=SimpleNamespace(commands=SimpleNamespace(last_choices=lambda model: found)))
    return later_choices(store, spec_of(capability), "")


def test_the_order_of_time_holds_for_later_and_what_is_allowed_is_the_outcome_s() -> None:
    chosen = ColumnChoices(promote=False, allowed={"plan"}, forbidden={"city"}, order_by="signed_up")

    kept = chosen.for_later().model_dump(mode="json")

    assert kept == {"promote": True, "allowed": [], "forbidden": [], "order_by": "signed_up"}
    assert choices_after("scoring", kept) == ColumnChoices(order_by="signed_up")


def test_the_number_of_segments_holds_for_later() -> None:
    chosen = spec_of("segmentation").training.choices(segments=4, attributes={"plan"})

    assert choices_after("segmentation", chosen.for_later().model_dump(mode="json")) == chosen


@pytest.mark.parametrize("found", [{}, {"a choice": "of another release"}])
def test_without_choices_that_fit_everything_is_as_found(found: dict[str, Any]) -> None:
    assert choices_after("scoring", found) == ColumnChoices()
