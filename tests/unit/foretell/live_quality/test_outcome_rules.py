from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foretell.live_quality.outcome_rules import OutcomeRule, outcome_rules_of, pasts_of
from shared.contracts.outcome import CANCELLED, Flag, Outcome
from shared.contracts.rows import DAY
from shared.store import EventTypeUse, VersionRow
from shared.timeline import ContactFacts, DatedValue, EventTimes

CUTOFF = 100 * DAY


def did(*events: tuple[str, float]) -> EventTimes:
    types = [type_ for type_, _ in events]
    return EventTimes("c", types, [int(days * DAY) for _, days in events], [1] * len(events), [0] * len(events))


def label(question: OutcomeRule, *events: tuple[str, float]) -> float:
    pasts = pasts_of(["c"], [did(*events)] if events else [])
    return float(question.labels(pasts, np.zeros(1, np.int32), np.array([CUTOFF]))[0])


WON = OutcomeRule(30 * DAY, ("deal_won",))
SILENT = OutcomeRule(30 * DAY, ("order_placed", "page_viewed"), is_silence=True)
LEFT = OutcomeRule(30 * DAY, (CANCELLED,), ("subscription_started",))


@pytest.mark.parametrize(
    ("question", "events", "expected"),
    [
        (WON, [], 0.0),
        (WON, [("deal_won", 100)], 1.0),
        (WON, [("deal_won", 129.99)], 1.0),
        (WON, [("deal_won", 130)], 0.0),
        (WON, [("deal_won", 99.9), ("deal_won", 101)], None),
        (OutcomeRule(30 * DAY, ("deal_won",), repeatable=True), [("deal_won", 99.9), ("deal_won", 101)], 1.0),
        (SILENT, [], 1.0),
        (SILENT, [("order_placed", 99)], 1.0),
        (SILENT, [("page_viewed", 129)], 0.0),
        (SILENT, [("page_viewed", 130)], 1.0),
        (LEFT, [("subscription_started", 5), (CANCELLED, 110)], 1.0),
        (LEFT, [("subscription_started", 5)], 0.0),
        (LEFT, [(CANCELLED, 50)], None),
        (LEFT, [(CANCELLED, 50), ("subscription_started", 60), (CANCELLED, 101)], 1.0),
    ],
)
def test_a_prediction_comes_true_by_the_rule_of_its_frames(
    question: OutcomeRule, events: list[tuple[str, float]], expected: float | None
) -> None:
    found = label(question, *events)

    assert found == expected if expected is not None else np.isnan(found)


def test_a_prediction_is_over_with_its_horizon_and_one_by_an_attribute_never_by_time() -> None:
    cutoff = np.array([CUTOFF])

    assert WON.closed(cutoff, 130 * DAY).tolist() == [True]
    assert WON.closed(cutoff, 130 * DAY - 1).tolist() == [False]
    assert OutcomeRule(DAY, flag=Flag("won", None)).closed(cutoff, 500 * DAY).tolist() == [False]


@pytest.mark.parametrize(
    ("values", "after", "before"),
    [
        ([], None, 0.0),
        ([(90, "no")], None, 0.0),
        ([(90, "no"), (110, "yes")], 1.0, 0.0),
        ([(105, "yes"), (110, "no")], 0.0, 0.0),
        ([(90, "yes"), (110, "yes")], 1.0, 1.0),
        ([(110, "")], None, 0.0),
    ],
)
def test_an_attribute_says_it_from_the_cutoff_on(
    values: list[tuple[int, str]], after: float | None, before: float
) -> None:
    facts = ContactFacts(attributes=[DatedValue("won", day * DAY, value) for day, value in values])

    found, known = OutcomeRule(30 * DAY, flag=Flag("won", None)).stated([facts], [CUTOFF])

    assert known[0] == before
    assert found[0] == after if after is not None else np.isnan(found[0])


def version(number: str, *, horizon_days: int | None = 60, **report: Any) -> VersionRow:
    return VersionRow("scoring", "x", number, "d", "rule", "C", 1, horizon_days, "run", report=report)


def asked(defined: Outcome, *versions: VersionRow, types: tuple[str, ...] = ()) -> dict[str, OutcomeRule]:
    uses = [EventTypeUse(name, 5, 5, 5) for name in types]
    store: Any = SimpleNamespace(events=SimpleNamespace(types=lambda: uses))
    return outcome_rules_of(store, defined, versions)


def test_a_version_is_judged_by_what_it_was_trained_on() -> None:
    now = Outcome(name="x", capability="scoring", event_types=("deal_won",), horizon_days=90)
    before = now.model_copy(update={"event_types": ("order_placed",)})

    found = asked(
        now,
        version("1", outcome=before.model_dump(mode="json")),
        version("2", reached_by=["deal_won"], trained_until=50 * DAY),
    )

    assert found["1"] == OutcomeRule(60 * DAY, ("order_placed",), since=1)
    assert found["2"] == OutcomeRule(60 * DAY, ("deal_won",), since=50 * DAY)
    assert found[""] == OutcomeRule(90 * DAY, ("deal_won",))


def test_of_several_types_the_first_that_the_account_has_is_meant() -> None:
    both = Outcome(name="x", capability="scoring", event_types=("deal_won", "order_placed"))

    assert asked(both, types=("order_placed",))[""].ends == ("order_placed",)


def test_churn_is_chosen_from_the_events_of_the_account() -> None:
    churn = Outcome(name="churn", capability="churn")

    contract, silence = asked(churn, types=(CANCELLED,))[""], asked(churn, types=("order_placed",))[""]

    assert (contract.ends, contract.begins[0], contract.is_silence) == ((CANCELLED,), "subscription_started", False)
    assert (silence.ends, silence.begins, silence.is_silence) == (("order_placed",), (), True)


def test_an_attribute_decides_where_the_outcome_is_one() -> None:
    flat = Outcome(name="x", capability="scoring", attribute="stage", positive="won")

    assert asked(flat, version("1", horizon_days=None))["1"].flag == Flag("stage", "won")
