from typing import Any

import numpy as np
import pytest

from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.learners.simple import log_odds
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue
from shared.training.evidence import JudgedFrames, attribute_groups, churn_question, outcome_evidence, scoring_question

N = 600
ROWS = np.arange(N, dtype=np.int32)
CUTOFF = np.full(N, 100 * DAY)


def pasts_with(**attributes: list[Any]) -> Pasts:
    """Give contact i the i-th value of each attribute, in turn; None: it has none."""
    ids = [f"c{number:04d}" for number in range(N)]
    facts = {}
    for number, one in enumerate(ids):
        given = {name: values[number % len(values)] for name, values in attributes.items()}
        dated = tuple(DatedValue(name, ALWAYS, value) for name, value in given.items() if value is not None)
        facts[one] = ContactFacts(created_at=0, attributes=dated)
    return build(ids, facts, ())


def evidence(pasts: Pasts, labels: Any, chances: Any) -> dict[str, Any]:
    held_out = JudgedFrames(np.array(labels, dtype=float), log_odds(np.array(chances, dtype=float)), ROWS, CUTOFF)
    return outcome_evidence(pasts, held_out, question="?", importance=[("plan", 1.0)], people={})


def test_the_figures_of_a_group_are_those_of_its_frames() -> None:
    women = np.tile([True, False], N // 2)
    labels = np.where(women, np.arange(N) % 4 < 2, np.arange(N) % 20 == 1)
    chances = np.where(women, 0.25, 0.1)

    found = evidence(pasts_with(gender=["f", "m"]), labels, chances)["groups"]["attributes"][0]

    assert (found["name"], found["words"]) == ("gender", "Gender")
    of = {one["name"]: one for one in found["groups"]}
    assert list(of) == ["f", "m"]
    assert (of["f"]["contacts"], of["f"]["positives"], of["f"]["mean_prediction"]) == (300, 150, 0.25)
    assert of["f"]["calibration_ratio"]["value"] == pytest.approx(150 / 75)
    assert of["m"]["calibration_ratio"]["value"] == pytest.approx(30 / 30)
    assert of["f"]["calibration_ratio"]["low"] < 2 < of["f"]["calibration_ratio"]["high"]
    assert (of["f"]["auc"]["value"], of["f"]["compared"]) == (0.5, True)


def test_found_is_the_share_of_positives_among_the_highest_fifth() -> None:
    chances = (np.arange(N) + 1) / (N + 1)
    labels = np.arange(N) >= N // 2

    found = evidence(pasts_with(plan=["a", "b"]), labels, chances)["groups"]["attributes"][0]["groups"]

    assert [one["found"]["value"] for one in found] == [pytest.approx(0.4, abs=0.01)] * 2


def test_a_group_that_is_too_small_is_among_the_others_or_not_shown() -> None:
    rare = [*["rare"] * 19, *["plain", "other"] * 300]

    named = evidence(pasts_with(plan=rare[:N]), np.arange(N) % 2, np.full(N, 0.5))["groups"]["attributes"]

    assert [one["name"] for one in named[0]["groups"]] == ["other", "plain"]


def test_what_nearly_everybody_has_alone_is_no_group_and_neither_is_the_outcome() -> None:
    pasts = pasts_with(
        email=[f"{number}@example.org" for number in range(N)], plan=["a", "b"], won=["yes", "no"], empty=[None]
    )

    found = attribute_groups(pasts, ROWS, CUTOFF, excluded="won")

    assert [one.attribute for one in found] == ["plan"]


def test_no_group_is_named_after_a_person_or_an_address() -> None:
    pasts = pasts_with(
        owner_mail=[f"rep-{number}@example.org" for number in range(6)],
        sales_rep=["Anna Smith", "Peter Miller", "Mary Jones"],
        vorname=["Anna", "Peter"],
        hotline=["+49 151 12345678", "+33 6 12 34 56 78"],
        gender=["f", "m"],
        source=["shop", "fair", *["web"] * 8, "anna@example.org", "by anna@example.org"],
    )

    found = attribute_groups(pasts, ROWS, CUTOFF)

    assert [(one.attribute, list(one.names)) for one in found] == [
        ("gender", ["f", "m", "all others", "not filled in"]),
        ("source", ["fair", "shop", "web", "all others", "not filled in"]),
    ]


def test_numbers_become_quarters_in_their_order_and_what_is_often_unfair_comes_first() -> None:
    pasts = pasts_with(age=[float(number) for number in range(20, 60)], a_plan=["a", "b"], vip=[True, False])

    found = attribute_groups(pasts, ROWS, CUTOFF)

    assert [one.attribute for one in found] == ["age", "a_plan", "vip"]
    assert list(found[0].names[:4]) == ["up to 29.8", "over 29.8 to 39.5", "over 39.5 to 49.2", "over 49.2"]
    assert list(found[2].names[:2]) == ["no", "yes"]


def test_a_value_that_came_later_is_not_known_at_the_cutoff() -> None:
    late = tuple(DatedValue("plan", 200 * DAY, name) for name in ("a",))
    pasts = build(["c1"], {"c1": ContactFacts(created_at=0, attributes=late)}, ())

    assert attribute_groups(pasts, np.zeros(40, np.int32), np.full(40, 100 * DAY)) == []


def test_counts_by_score_hold_every_frame_once() -> None:
    found = evidence(pasts_with(plan=["a", "b"]), np.arange(N) % 3 == 0, (np.arange(N) + 1) / (N + 1))["scores"]

    assert (sum(found["frames"]), sum(found["positives"])) == (N, N // 3)
    assert found["contacts_from"][0] == N
    assert found["chance"] == sorted(found["chance"])


def test_questions_are_put_in_words() -> None:
    flat = Outcome(name="won", capability="scoring", attribute="converted_at_fair")
    silent = Outcome(name="quiet", capability="churn", silence=("order_placed", "email_clicked"))

    assert scoring_question(flat, None, None) == "How likely is it that this contact has Converted at fair: yes?"
    assert churn_question(silent, silent.silence, 28, contractual=False) == (
        "How likely is it that no order or email click comes from this contact in the next 28 days?"
    )
    assert churn_question(silent, ("subscription_cancelled",), 60, contractual=True) == (
        "How likely is a cancellation by this contact within the next 60 days?"
    )
    assert churn_question(flat, (), None, contractual=True) == (
        "How likely is this contact to leave (Converted at fair: yes)?"
    )


def test_values_that_are_not_plain_and_numbers_without_spread_are_no_groups() -> None:
    pasts = pasts_with(tags=[["a"], ["b"]], same=["one"], score=[1.0, 2.0], tiny=[0.001 + n / 1e9 for n in range(40)])

    assert [one.attribute for one in attribute_groups(pasts, ROWS, CUTOFF)] == ["score"]


def test_at_most_six_attributes_are_compared() -> None:
    pasts = pasts_with(**{f"plan_{number}": ["a", "b"] for number in range(8)})

    assert [one.attribute for one in attribute_groups(pasts, ROWS, CUTOFF)] == [f"plan_{n}" for n in range(6)]
