from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.errors import InsufficientData
from shared.features import Feature, FeatureSet, matrix
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from shared.timeline.past_rows import DatedValue
from shared.training.material import framed, line_notes, scanned

NOW = 1_700_000_000_000_000
WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30, every_days=10)
FLAT = Outcome(name="converted", capability="scoring", attribute="converted")


def flat(values: list[Any], **named: Any) -> Pasts:
    facts = {}
    for number, value in enumerate(values):
        named_too = {"converted": value, **named}
        attributes = tuple(DatedValue(name, ALWAYS, content, dated=False) for name, content in named_too.items())
        facts[f"c{number}"] = ContactFacts(attributes=attributes)
    return build(list(facts), facts, ())


def test_forty_contacts_of_each_kind_are_enough() -> None:
    stuff = framed(FLAT, flat([1] * 40 + [0] * 40), now=NOW)

    assert len(stuff.frames) == 80
    assert stuff.frames.label.sum() == 40
    assert (stuff.flat, len(stuff.splits)) == (True, 5)


@pytest.mark.parametrize(("yes", "no"), [(39, 500), (500, 39), (0, 0)])
def test_one_fewer_is_refused_with_the_counts(yes: int, no: int) -> None:
    with pytest.raises(InsufficientData, match=f"{yes} contacts reached it and {no} did not; 40 and 40") as refused:
        framed(FLAT, flat([1] * yes + [0] * no), now=NOW)

    assert refused.value.members["with_outcome"] == yes
    assert refused.value.members["needed_without_outcome"] == 40


def test_an_outcome_column_that_nobody_has_is_refused() -> None:
    with pytest.raises(InsufficientData, match="0 contacts reached it and 0 did not"):
        framed(FLAT.model_copy(update={"attribute": "bought"}), flat([1, 0] * 50), now=NOW)


def test_contacts_are_counted_not_their_frames(simulated: Callable[..., Any]) -> None:
    world = simulated(60, 300)

    with pytest.raises(InsufficientData) as refused:
        framed(WON, world.pasts, now=world.until)

    assert refused.value.members["with_outcome"] < 40
    assert refused.value.members["without_outcome"] <= 60


@pytest.mark.parametrize(
    ("positive", "yes", "no", "unknown"),
    [(None, "Yes", False, "maybe"), (None, 1, "0", None), ("Gold", " Gold ", "silver", "")],
)
def test_labels_of_flat_data_are_read_as_a_person_would(positive: str | None, yes: Any, no: Any, unknown: Any) -> None:
    outcome = FLAT.model_copy(update={"positive": positive})

    stuff = framed(outcome, flat([yes] * 41 + [no] * 43 + [unknown] * 9), now=NOW)

    assert stuff.frames.label.tolist() == [1.0] * 41 + [0.0] * 43
    assert stuff.frames.contact.tolist() == list(range(84))


def test_flat_dates_are_counted_from_now_as_serving_counts_them() -> None:
    pasts = flat([1] * 40 + [0] * 40, signed_on="2023-11-04")
    signed = FeatureSet((Feature("signed_on", "date", "days", "signed_on", attribute="signed_on"),))

    frames = framed(FLAT, pasts, now=NOW).frames

    assert matrix(signed, pasts, frames.contact, frames.cutoff)[0, 0] == pytest.approx(10.926, abs=0.001)


class Store:
    def __init__(self, facts: dict[str, ContactFacts], rows: list[EventTuple]) -> None:
        self.facts, self.rows, self.scanned = facts, rows, False

    @property
    def pasts(self) -> Any:
        return SimpleNamespace(scan_facts=lambda: (list(self.facts), self.facts), scan_events=self._scan)

    def _scan(self, *, currency: str | None) -> list[list[EventTuple]]:
        self.scanned = True
        return [self.rows]


def test_contacts_who_denied_profiling_teach_nothing(simulated: Callable[..., Any]) -> None:
    world = simulated(400, 200)
    facts = {
        name: ContactFacts(fact.created_at, None, {"profiling": "denied" if name < "c0050" else "granted"})
        for name, fact in world.facts.items()
    }

    pasts = scanned(Store(facts, world.rows))

    assert len(pasts) == 350
    assert min(pasts.contact_ids) == "c0050"


def test_events_are_not_read_where_none_are_wanted() -> None:
    facts = {
        f"c{n}": ContactFacts(attributes=(DatedValue("converted", ALWAYS, n % 2, dated=False),)) for n in range(100)
    }
    store = Store(facts, [])

    scanned(store, with_events=False)

    assert not store.scanned


def test_a_span_shorter_than_the_horizon_leaves_nothing_to_judge(simulated: Callable[..., Any]) -> None:
    world = simulated(2_000, 75)

    with pytest.raises(InsufficientData, match="with a horizon of 30 days that leaves nothing to be judged on"):
        framed(WON, world.pasts, now=world.until)


def test_nothing_after_now_exists(simulated: Callable[..., Any]) -> None:
    world = simulated(500, 360)
    now = world.until - 60 * DAY

    stuff = framed(WON, world.pasts, now=now)

    assert stuff.until == now
    assert stuff.frames.cutoff.max() + 30 * DAY <= now


def test_too_many_frames_are_thinned_and_the_number_before_is_kept(simulated: Callable[..., Any]) -> None:
    world = simulated(500, 360)
    whole = framed(WON, world.pasts, now=world.until)

    thinned = framed(WON, world.pasts, now=world.until, most=3_000)

    assert len(thinned.frames) == 3_000
    assert thinned.thinned_from == len(whole.frames)
    assert np.all(np.diff(thinned.frames.cutoff) >= 0)


def test_an_outcome_that_comes_once_ends_the_question(simulated: Callable[..., Any]) -> None:
    world = simulated(500, 360)

    once = framed(WON, world.pasts, now=world.until)
    again = framed(WON.model_copy(update={"repeatable": True}), world.pasts, now=world.until)

    assert once.reached_by == ("deal_won",)
    assert again.reached_by == ()
    assert len(again.frames) > len(once.frames)


def test_a_report_says_how_many_lines_are_how_many_orders() -> None:
    lines = [("a", str(n), "order_placed", n // 3 * DAY, 1.0, None, None, None, 1) for n in range(1_200)]
    views = [("a", f"v-{n}", "page_viewed", DAY, None, None, None, None, 1) for n in range(2)]

    (note,) = line_notes(build(["a"], {}, [lines + views]))

    assert note == (
        "Some orders have several lines: the 1,200 order_placed learned from are 400 orders, which count whole; "
        "items count line by line."
    )
    assert line_notes(build(["a"], {}, [lines[::3] + views])) == []
