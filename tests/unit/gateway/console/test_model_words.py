from typing import Any

import pytest

from gateway.console.model_words import assessment_words, drift_words, trust

STEADY, DRIFTED = {"has_drifted": False, "status": "measured"}, {"has_drifted": True, "status": "measured"}


@pytest.mark.parametrize(
    ("grade", "assessment", "drift", "words"),
    [
        ("A", "holds", STEADY, "Yes"),
        ("B", "not_enough", None, "Yes"),
        ("B", "chances_off", STEADY, "With care"),
        ("A", "worse", STEADY, "With care"),
        ("A", "holds", DRIFTED, "With care"),
        ("C", "holds", STEADY, "With care"),
        ("D", "worse", DRIFTED, "Not yet"),
    ],
)
def test_a_model_is_trusted_by_its_test_and_by_what_came_of_it(
    grade: str, assessment: str, drift: dict[str, Any] | None, words: str
) -> None:
    assert trust(grade, {"verdict": assessment, "drift": drift}).words == words


def test_groups_are_trusted_by_their_test_and_by_drift_alone() -> None:
    steady = trust("A", {"verdict": "not_measured", "drift": STEADY}, comes_true=False)
    drifted = trust("A", {"verdict": "not_measured", "drift": DRIFTED}, comes_true=False)

    assert (steady.words, len(steady.reasons)) == ("Yes", 1)
    assert (drifted.words, len(drifted.reasons)) == ("With care", 2)


def test_words_that_are_not_known_are_shown_as_they_are() -> None:
    assert assessment_words("of_another_release") == ("", "of another release")
    assert drift_words({"has_drifted": False, "status": "new_kind"}) == ("", "new kind")
