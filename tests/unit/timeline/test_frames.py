"""Frames against a plain reading of the rules: when a contact is asked about, and what came of it."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.outcome import Moment, Outcome
from shared.contracts.rows import DAY, HOUR
from shared.timeline import NEVER, ContactFacts, EventTuple, build
from shared.timeline.pasts import Frames, closed_frames, known_since, outcome_type, positions_before

CONTACTS = ("a", "b", "c")
START = 1_700_000_000_000_000


def rows_of(events: Sequence[tuple[str, str, int]]) -> list[EventTuple]:
    return [(who, str(n), type_, START + at, None, None, None, None, 1) for n, (who, type_, at) in enumerate(events)]


def outcome(**fields: object) -> Outcome:
    return Outcome.model_validate({"name": "bought", "capability": "scoring", "event_types": ("bought",), **fields})


def listed(frames: Frames) -> list[tuple[int, str, float]]:
    return [
        (int(cutoff) - START, CONTACTS[contact], float(label))
        for contact, cutoff, label in zip(frames.contact, frames.cutoff, frames.label, strict=True)
    ]


def by_hand(
    wanted: Outcome, facts: dict[str, ContactFacts], rows: Sequence[EventTuple], until: int
) -> list[tuple[int, str, float]]:
    horizon = wanted.horizon_days * DAY
    if not any(row[2] == "bought" for row in rows):
        return []
    if wanted.at:
        asked = {
            (row[3] + moment.after_seconds * 1_000_000, row[0])
            for row in rows
            for moment in wanted.at
            if row[2] == moment.event_type
        }
    else:
        every = (wanted.every_days or max(1, round(wanted.horizon_days / 3))) * DAY
        earliest = min(row[3] for row in rows) + min(wanted.horizon_days, 90) * DAY
        instants = [until - horizon - step * every for step in range(1_000)]
        asked = {(at, name) for at in instants if at >= earliest for name in CONTACTS}
    frames = []
    for cutoff, name in sorted(asked):
        mine = [row for row in rows if row[0] == name]
        created = facts[name].created_at if name in facts else None
        since = created if created is not None else min((row[3] for row in mine), default=NEVER)
        signs = [since, *(row[3] for row in mine if row[3] < cutoff)]
        active = max(at for at in signs if at < cutoff) if since < cutoff else None
        reached = any(row[2] == "bought" and row[3] < cutoff for row in mine)
        if cutoff + horizon > until or active is None or active < cutoff - wanted.active_within_days * DAY:
            continue
        if reached and not wanted.repeatable:
            continue
        label = any(row[2] == "bought" and cutoff <= row[3] < cutoff + horizon for row in mine)
        frames.append((cutoff - START, name, float(label)))
    return frames


steps = st.integers(0, 40).map(lambda half_days: half_days * DAY // 2)


@given(
    events=st.lists(
        st.tuples(st.sampled_from(CONTACTS), st.sampled_from(("bought", "seen", "asked")), steps), max_size=25
    ),
    created=st.dictionaries(st.sampled_from(CONTACTS), st.one_of(st.none(), steps)),
    wanted=st.builds(
        outcome,
        horizon_days=st.integers(1, 8),
        repeatable=st.booleans(),
        active_within_days=st.integers(1, 12),
        every_days=st.sampled_from((None, 1, 3)),
    )
    | st.builds(
        outcome,
        horizon_days=st.integers(1, 8),
        repeatable=st.booleans(),
        at=st.just((Moment(event_type="asked", after_seconds=3_600), Moment(event_type="seen", after_seconds=0))),
    ),
    until=st.integers(0, 60),
)
def test_frames_and_labels_are_what_the_rules_say(
    events: list[tuple[str, str, int]], created: dict[str, int | None], wanted: Outcome, until: int
) -> None:
    rows = rows_of(events)
    facts = {name: ContactFacts(created_at=None if at is None else START + at) for name, at in created.items()}
    end = START + until * DAY // 2
    frames = closed_frames(wanted, build(CONTACTS, facts, [rows]), until=end)
    assert listed(frames) == by_hand(wanted, facts, rows, end)


@pytest.mark.parametrize(("at", "label"), [(-1, None), (0, 1.0), (7 * DAY - 1, 1.0), (7 * DAY, 0.0)])
def test_the_horizon_begins_at_the_cutoff_and_ends_before_its_end(at: int, label: float | None) -> None:
    asked = 20 * DAY
    rows = rows_of([("a", "asked", asked), ("a", "seen", asked - DAY), ("a", "bought", asked + at), ("b", "bought", 0)])
    wanted = outcome(horizon_days=7, at=(Moment(event_type="asked", after_seconds=0),))
    frames = closed_frames(wanted, build(CONTACTS, {}, [rows]), until=START + 100 * DAY)
    assert listed(frames) == ([] if label is None else [(asked, "a", label)])


def test_an_open_horizon_is_no_frame() -> None:
    rows = rows_of([("a", "asked", DAY), ("a", "seen", 0), ("b", "bought", 0)])
    wanted = outcome(horizon_days=7, at=(Moment(event_type="asked", after_seconds=0),))
    pasts = build(CONTACTS, {}, [rows])
    assert listed(closed_frames(wanted, pasts, until=START + 8 * DAY - 1)) == []
    assert listed(closed_frames(wanted, pasts, until=START + 8 * DAY)) == [(DAY, "a", 0.0)]


def test_the_first_listed_type_that_the_account_has_means_the_outcome() -> None:
    pasts = build(CONTACTS, {}, [rows_of([("a", "order_placed", 1), ("a", "other", 2)])])
    wanted = outcome(event_types=("deal_won", "order_placed", "other"))
    assert pasts.types[outcome_type(wanted, pasts)] == "order_placed"
    assert outcome_type(outcome(), pasts) == -1


def test_a_contact_is_known_from_its_creation_else_from_its_first_event() -> None:
    pasts = build(CONTACTS, {"a": ContactFacts(created_at=START + 5)}, [rows_of([("a", "x", 1), ("b", "x", 3)])])
    assert known_since(pasts).tolist() == [START + 5, START + 3, NEVER]


@given(
    events=st.lists(st.tuples(st.sampled_from(CONTACTS), st.just("x"), st.integers(0, 30))),
    asked=st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 31)), min_size=1, max_size=8),
)
def test_positions_split_a_past_strictly_before_the_instant(
    events: list[tuple[str, str, int]], asked: list[tuple[int, int]]
) -> None:
    pasts = build(CONTACTS, {}, [rows_of(events)])
    contact = np.array([row for row, _ in asked], dtype=np.int32)
    instant = np.array([START + at for _, at in asked], dtype=np.int64)
    found = positions_before(pasts, contact, instant)
    assert found.dtype == np.int64
    for (row, at), position in zip(asked, found, strict=True):
        before = sum(who == CONTACTS[row] and step < at for who, _, step in events)
        assert position == pasts.offsets[row] + before


def test_frames_can_be_taken_by_row() -> None:
    frames = Frames(np.array([0, 1], dtype=np.int32), np.array([5, 6]), np.array([0.0, 1.0]))
    assert len(frames.take(np.array([True, False]))) == 1
    assert frames.take(np.array([1])).label.tolist() == [1.0]


def test_a_shuffled_account_gives_the_same_frames() -> None:
    rows = rows_of([("a", "seen", day * HOUR * 20) for day in range(60)] + [("b", "bought", 9 * DAY), ("b", "seen", 0)])
    wanted = outcome(horizon_days=5)
    one = closed_frames(wanted, build(CONTACTS, {}, [rows]), until=START + 50 * DAY)
    other = closed_frames(wanted, build(CONTACTS, {}, [rows[::-1]]), until=START + 50 * DAY)
    assert listed(one) == listed(other) != []
