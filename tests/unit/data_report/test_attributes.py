from dataclasses import replace

import pytest

from shared.contracts.outcome import Outcome
from tests.unit.data_report.accounts import ORDERED, TODAY, WON, account, findings

WON_BY_HALF = ["yes", "no"] * 50
PLANS = ["free", "pro"] * 50
ORDERS = [(owner, "order_placed", TODAY - owner) for owner in range(100)]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([None] * 91 + ["pro"] * 9, "attribute_rare"),
        (["n/a"] * 100, "attribute_empty"),
        (["pro"] * 100, "attribute_constant"),
        ([1_000 + number for number in range(100)], "attribute_row_number"),
        ([f"text {number}" for number in range(100)], "attribute_distinct"),
        ([f"c{number}@example.org" for number in range(100)], "attribute_personal"),
    ],
)
def test_an_attribute_that_training_leaves_out_is_named_with_its_reason(values: list[object], code: str) -> None:
    (finding,) = findings(account(attributes={"won": WON_BY_HALF, "column": values}, outcomes=[WON]), code)

    assert (finding.subject, finding.severity, finding.affects[0].outcome) == ("column", "informs", "won")


@pytest.mark.parametrize(
    ("learnable", "effect"), [(100, "It is not learned from."), (60_000, "Perhaps: It is not learned from.")]
)
def test_an_attribute_that_few_of_a_sample_have_may_be_had_by_enough(learnable: int, effect: str) -> None:
    rare = account(attributes={"won": WON_BY_HALF, "column": [None] * 91 + ["pro"] * 9}, outcomes=[WON])

    (finding,) = findings(replace(rare, learnable=learnable), "attribute_rare")

    assert finding.effect == effect


def test_an_attribute_that_says_the_same_as_another_is_named() -> None:
    twice = account(attributes={"won": WON_BY_HALF, "plan": PLANS, "tier": PLANS}, outcomes=[WON])

    assert [one.subject for one in findings(twice, "attribute_copy")] == ["tier"]


def test_an_undated_attribute_is_not_learned_from_for_events_and_is_for_a_flat_outcome() -> None:
    attributes = {"won": WON_BY_HALF, "country": ["de", "fr", "us", "fr"] * 25}
    undated = account(events=ORDERS, attributes=attributes, outcomes=[WON, ORDERED], dated=False)
    dated = account(events=ORDERS, attributes=attributes, outcomes=[WON, ORDERED])

    (finding,) = findings(undated, "attribute_undated")

    assert (finding.subject, finding.command) == ("country", "foretell import --static country")
    assert "won" not in {one.outcome for one in finding.affects}
    assert "ordered" in {one.outcome for one in finding.affects}
    assert findings(dated, "attribute_undated") == []


def test_a_column_that_is_filled_in_for_those_who_reached_the_outcome_leaks() -> None:
    filled = [plan if won == "yes" else None for plan, won in zip(["a", "b", "b", "a"] * 25, WON_BY_HALF, strict=True)]
    data = account(attributes={"won": WON_BY_HALF, "seller": filled}, outcomes=[WON])

    (finding,) = findings(data, "attribute_leaks")

    assert finding.found == "seller: being filled in alone predicts won with an AUC of 1.00."
    assert finding.command == "foretell outcomes set won --capability scoring --forbid seller"


def test_a_column_whose_name_speaks_of_the_outcome_is_named_until_it_was_answered() -> None:
    attributes = {"won": WON_BY_HALF, "lost reason": ["price", "time", "time", "price"] * 25}
    answered = Outcome(name="won", capability="scoring", attribute="won", forbidden=("lost reason",))

    asked = findings(account(attributes=attributes, outcomes=[WON]), "attribute_may_leak")

    assert [one.command for one in asked] == ["foretell outcomes set won --capability scoring --forbid 'lost reason'"]
    assert findings(account(attributes=attributes, outcomes=[answered]), "attribute_may_leak") == []
