from typing import Any

import pytest

from gateway.console.model_words import assessment_words, changed, trust

STEADY: dict[str, Any] = {"has_drifted": False, "status": "measured", "text": "Inputs are spread as in training."}
DRIFTED: dict[str, Any] = {"has_drifted": True, "status": "measured", "text": "Orders have changed."}
FIRST: dict[str, Any] = {"has_drifted": False, "status": "first_round", "text": "This was the first round."}
KNOWN, UNKNOWN = {"has_drifted": False, "drifted_share": 0.01}, {"has_drifted": True, "drifted_share": 0.08}


@pytest.mark.parametrize(
    ("grade", "assessment", "has_changed", "words"),
    [
        ("A", "holds", False, "Yes"),
        ("B", "not_enough", False, "Yes"),
        ("B", "chances_off", False, "With care"),
        ("A", "worse", False, "With care"),
        ("A", "holds", True, "With care"),
        ("C", "holds", False, "With care"),
        ("D", "worse", True, "Not yet"),
    ],
)
def test_a_model_is_trusted_by_its_test_and_by_what_came_of_it(
    grade: str, assessment: str, has_changed: bool, words: str
) -> None:
    assert trust(grade, {"verdict": assessment}, has_changed=has_changed).words == words


def test_groups_are_trusted_by_their_test_and_by_drift_alone() -> None:
    steady = trust("A", {"verdict": "not_measured"}, comes_true=False)
    drifted = trust("A", {"verdict": "not_measured"}, comes_true=False, has_changed=True)

    assert (steady.words, len(steady.reasons)) == ("Yes", 1)
    assert (drifted.words, len(drifted.reasons)) == ("With care", 2)


def test_words_that_are_not_known_are_shown_as_they_are() -> None:
    assert assessment_words("of_another_release") == ("", "of another release")
    assert changed(None, {**STEADY, "status": "new_kind"})[:3] == (False, "", "new kind")


OUTSIDE = "8% of its latest answers rest on inputs outside all that it was shown."


@pytest.mark.parametrize(
    ("unknown", "drift", "words", "sentences"),
    [
        (None, None, "not looked at yet", "The worker looks once a day, when it scores all contacts."),
        (KNOWN, None, "too early to say", "The worker looks once a day, when it scores all contacts."),
        (KNOWN, FIRST, "too early to say", "This was the first round."),
        (KNOWN, STEADY, "no", "Inputs are spread as in training."),
        (KNOWN, DRIFTED, "yes: train again", "Orders have changed."),
        (UNKNOWN, None, "yes: train again", OUTSIDE),
        (UNKNOWN, STEADY, "yes: train again", OUTSIDE),
        (UNKNOWN, DRIFTED, "yes: train again", f"{OUTSIDE} Orders have changed."),
    ],
)
def test_two_measures_give_one_statement(
    unknown: dict[str, Any] | None, drift: dict[str, Any] | None, words: str, sentences: str
) -> None:
    found = changed(unknown, drift)

    assert (found.words, found.sentences) == (words, sentences)
    assert found.has_changed == (words == "yes: train again")
