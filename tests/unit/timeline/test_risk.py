"""Who is at risk and how long it takes, by hand on a few contacts."""

from collections.abc import Sequence

import numpy as np
import pytest

from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.timeline import NEVER, ContactFacts, EventTuple, build
from shared.timeline.pasts import of_type
from shared.timeline.risk import Episode, Waits, at_risk, episode, recently_active, waited, waits

CONTACTS = ("a", "b", "c")
START = 1_700_000_000_000_000
ENDED, STARTED, RENEWED = "subscription_cancelled", "subscription_started", "subscription_renewed"
Event = tuple[str, str, int]


def rows_of(events: Sequence[Event]) -> list[EventTuple]:
    return [(who, str(n), type_, START + at, None, None, None, None, 1) for n, (who, type_, at) in enumerate(events)]


def cancellation(**fields: object) -> Outcome:
    return Outcome.model_validate({"name": "left", "capability": "churn", "event_types": (ENDED,), **fields})


def silence(*types: str, **fields: object) -> Outcome:
    return Outcome.model_validate({"name": "lapsed", "capability": "churn", "silence": types or ("bought",), **fields})


def pasts_of(events: Sequence[Event], created: dict[str, int] | None = None):
    facts = {name: ContactFacts(created_at=START + at) for name, at in (created or {}).items()}
    return build(CONTACTS, facts, [rows_of(events)])


def asked(wanted: Episode, events: Sequence[Event], day: float, created: dict[str, int] | None = None) -> list[str]:
    """Name those at risk at the beginning of a day."""
    pasts = pasts_of(events, created)
    contact = np.arange(3, dtype=np.int32)
    found = at_risk(wanted, pasts, contact, np.full(3, START + int(day * DAY), dtype=np.int64))
    return [name for name, is_asked in zip(CONTACTS, found, strict=True) if is_asked]


def listed(found: Waits) -> list[tuple[int, str, int | None]]:
    return [
        (int(cutoff) - START, CONTACTS[contact], None if wait == NEVER else int(wait))
        for contact, cutoff, wait in zip(found.contact, found.cutoff, found.wait, strict=True)
    ]


# --- What is waited for.


def test_a_silence_waits_for_its_types_and_asks_the_recently_active() -> None:
    wanted = episode(silence("bought", "seen", active_within_days=60), pasts_of([("a", "bought", 1)]))

    assert wanted == Episode(("bought", "seen"), contractual=False, active_within_days=60)
    assert wanted.looked_up == ("bought", "seen")


def test_a_cancellation_waits_for_the_first_listed_type_that_the_account_has() -> None:
    wanted = episode(cancellation(event_types=("plan_ended", ENDED, "seen")), pasts_of([("a", ENDED, 1)]))

    assert wanted == Episode((ENDED,), contractual=True)


def test_an_account_without_the_type_waits_for_nothing() -> None:
    assert episode(cancellation(), pasts_of([("a", STARTED, 1)])) == Episode((), contractual=True)


@pytest.mark.parametrize(("begun", "begun_by"), [(9, (STARTED, RENEWED)), (8, ())])
def test_beginnings_count_where_nine_in_ten_of_those_who_ended_had_one_before(
    begun: int, begun_by: tuple[str, ...]
) -> None:
    names = [f"c{number}" for number in range(10)]
    events = [(name, ENDED, 10) for name in names]
    events += [(name, STARTED if number % 2 else RENEWED, 9) for number, name in enumerate(names[:begun])]
    events += [(name, STARTED, 10) for name in names[begun:]]  # at that very instant is not before

    wanted = episode(cancellation(), build(names, {}, [rows_of(events)]))

    assert wanted == Episode((ENDED,), contractual=True, begun_by=begun_by)


def test_those_who_did_not_end_say_nothing_of_beginnings() -> None:
    wanted = episode(cancellation(), pasts_of([("a", STARTED, 0), ("a", ENDED, 5), ("b", "seen", 1), ("c", "seen", 1)]))

    assert wanted.begun_by == (STARTED,)
    assert wanted.looked_up == (ENDED, STARTED)


# --- Who is at risk.

LEAVING = Episode((ENDED,), contractual=True)
SUBSCRIBED = Episode((ENDED,), contractual=True, begun_by=(STARTED, RENEWED))
SILENT = Episode(("bought",), contractual=False, active_within_days=10)


def test_who_cancelled_is_no_longer_at_risk() -> None:
    events = [("a", "seen", 0), ("b", "seen", 0), ("b", ENDED, 5 * DAY)]

    assert asked(LEAVING, events, 5) == ["a", "b"]  # at the cutoff itself it lies ahead
    assert asked(LEAVING, events, 5.5) == ["a"]


def test_without_beginnings_nobody_returns() -> None:
    assert asked(LEAVING, [("a", ENDED, DAY), ("a", STARTED, 2 * DAY), ("a", "seen", 3 * DAY)], 9) == []


def test_with_beginnings_a_return_is_a_new_risk() -> None:
    events = [("a", STARTED, 0), ("a", ENDED, 2 * DAY), ("a", STARTED, 4 * DAY), ("a", ENDED, 6 * DAY)]

    assert [asked(SUBSCRIBED, events, day) for day in (0, 1, 2, 3, 4, 5, 6, 7)] == [
        [],
        ["a"],
        ["a"],
        [],
        [],
        ["a"],
        ["a"],
        [],
    ]


def test_with_beginnings_who_never_began_is_not_at_risk_however_well_known() -> None:
    events = [("a", RENEWED, DAY), ("b", "seen", 0)]

    assert asked(SUBSCRIBED, events, 5, created={"b": 0, "c": 0}) == ["a"]


def test_a_beginning_at_the_instant_of_the_end_is_no_return() -> None:
    assert asked(SUBSCRIBED, [("a", STARTED, 0), ("a", ENDED, DAY), ("a", STARTED, DAY)], 2) == []


def test_a_contact_is_at_risk_of_leaving_from_its_creation_else_from_its_first_event() -> None:
    events = [("a", "seen", 3 * DAY), ("b", "seen", 3 * DAY)]

    assert asked(LEAVING, events, 3, created={"b": 0}) == ["b"]
    assert asked(LEAVING, events, 4, created={"b": 0}) == ["a", "b"]
    assert asked(LEAVING, events, 0, created={"b": 0}) == []


def test_silence_asks_whose_last_waited_for_event_is_recent() -> None:
    events = [("a", "bought", 0), ("b", "bought", -1), ("c", "seen", 9 * DAY)]

    assert asked(SILENT, events, 10) == ["a"]


def test_silence_of_several_types_takes_the_last_of_any() -> None:
    either = Episode(("bought", "seen"), contractual=False, active_within_days=10)

    assert asked(either, [("a", "bought", 0), ("a", "seen", 5 * DAY), ("b", "clicked", 9 * DAY)], 15) == ["a"]


def test_silence_without_a_bound_asks_everybody_who_ever_was_active() -> None:
    ever = Episode(("bought",), contractual=False)

    assert asked(ever, [("a", "bought", -900 * DAY), ("b", "seen", 0)], 10) == ["a"]


def test_silence_asks_nobody_who_was_only_created() -> None:
    assert asked(SILENT, [("a", "seen", 9 * DAY)], 10, created={"a": 9 * DAY, "b": 9 * DAY}) == []


def test_a_bound_on_a_cancellation_counts_any_event_or_having_become_known() -> None:
    lately = Episode((ENDED,), contractual=True, active_within_days=10)
    events = [("a", "seen", 0), ("b", "seen", -1)]

    assert asked(lately, events, 10, created={"c": 5 * DAY}) == ["a", "c"]
    assert asked(lately, events, 10, created={"b": DAY, "c": 10 * DAY}) == ["a", "b"]


def test_having_become_known_after_the_cutoff_is_no_activity() -> None:
    wanted = Episode((ENDED,), contractual=True, active_within_days=10)
    contact, cutoff = np.array([0], dtype=np.int32), np.array([START])

    assert not recently_active(wanted, pasts_of([], {"a": 1}), contact, cutoff)[0]
    assert recently_active(wanted, pasts_of([], {"a": -1}), contact, cutoff)[0]


# --- How long it takes.


def test_the_wait_is_from_the_cutoff_to_the_next_event_and_never_beyond_the_end_of_the_data() -> None:
    ends = of_type(pasts_of([("a", "bought", 5), ("a", "bought", 9), ("b", "bought", 9), ("b", "seen", 1)]), 0)
    contact = np.array([0, 0, 0, 1, 2], dtype=np.int32)
    cutoff = START + np.array([0, 5, 6, 0, 0])

    assert waited(ends, contact, cutoff, until=START + 9).tolist() == [5, 0, NEVER, NEVER, NEVER]
    assert waited(ends, contact, cutoff, until=START + 10).tolist() == [5, 0, 3, 9, NEVER]


def test_the_grid_closes_its_horizon_at_the_end_and_goes_on_for_frames_still_open() -> None:
    wanted = silence(horizon_days=6, active_within_days=365)
    found = waits(
        wanted,
        episode(wanted, pasts_of([("a", "bought", 0)])),
        pasts_of([("a", "bought", 0), ("a", "bought", 12 * DAY)]),
        until=START + 20 * DAY,
        least=3 * DAY,
    )

    # A third of 6 days apart, one of them 6 days before the end; from one horizon after the first event on.
    assert [at // DAY for at, _, _ in listed(found)] == [6, 8, 10, 12, 14, 16]
    assert [None if wait is None else wait // DAY for _, _, wait in listed(found)] == [6, 4, 2, 0, None, None]
    assert found.closed(6 * DAY).tolist() == [True, True, True, True, True, False]
    assert found.came_within(3 * DAY).tolist() == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(("contractual", "labels"), [(True, [0.0, 1.0]), (False, [1.0, 0.0])])
def test_leaving_is_that_it_ends_or_that_nothing_comes(contractual: bool, labels: list[float]) -> None:
    cutoff = START + np.array([0, 0, 5]) * DAY
    found = Waits(np.array([0, 1, 2], dtype=np.int32), cutoff, np.array([NEVER, 3 * DAY, DAY]), START + 10 * DAY)

    frames = found.frames(7 * DAY, contractual=contractual)

    assert frames.label.tolist() == labels
    assert frames.contact.tolist() == [0, 1]


def test_an_event_just_at_the_end_of_the_horizon_came_too_late() -> None:
    found = Waits(np.zeros(2, np.int32), np.full(2, START), np.array([7 * DAY - 1, 7 * DAY]), START + 7 * DAY)

    assert found.came_within(7 * DAY).tolist() == [1.0, 0.0]


def test_where_nothing_that_is_waited_for_ever_came_there_is_no_frame() -> None:
    pasts = pasts_of([("a", "seen", 0), ("a", "seen", 50 * DAY)])
    for wanted in (silence(horizon_days=5), cancellation(horizon_days=5)):
        assert len(waits(wanted, episode(wanted, pasts), pasts, until=START + 60 * DAY, least=DAY)) == 0
