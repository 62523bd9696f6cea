from typing import Any

import pytest

from shared.contracts.decision_input import DecisionInput

GIVEN = {"contact_id": "c", "message": "b", "propensity": 0.5, "decided_at": "2026-05-04T08:00:00Z"}


def read(**more: Any) -> DecisionInput:
    return DecisionInput.model_validate({**GIVEN, **more})


def test_candidates_are_sorted_and_nothing_is_empty_text() -> None:
    assert read(candidates=["c", "b", None, "b"]).all_candidates() == ("", "b", "c")


def test_candidates_that_were_only_counted_get_ids_of_their_own() -> None:
    assert read(number_of_candidates=3).all_candidates() == ("b", "~1", "~2")
    assert read(number_of_candidates=1).all_candidates() == ("b",)
    assert read(message=None, number_of_candidates=2).all_candidates() == ("", "~1")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "either candidates or number_of_candidates"),
        ({"candidates": ["b"], "number_of_candidates": 1}, "either candidates or number_of_candidates"),
        ({"candidates": ["a"]}, "among which the message is"),
        ({"message": None, "candidates": ["b"]}, "among which the message is"),
        ({"candidates": ["b"], "propensity": 0.0}, "propensity"),
        ({"candidates": ["b"], "propensity": 1.01}, "propensity"),
        ({"candidates": ["b"], "reward": float("inf")}, "reward"),
        ({"candidates": ["b"], "reward": float("nan")}, "reward"),
    ],
)
def test_a_decision_that_cannot_have_been_is_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(**more)
