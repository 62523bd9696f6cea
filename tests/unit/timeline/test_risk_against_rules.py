"""Frames and waits of a whole account against a plain reading of the rules."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.timeline import NEVER, ContactFacts, ContactPasts, EventTuple, build
from shared.timeline.risk import Episode, Waits, at_risk, episode, recently_active, waits, was_active

CONTACTS = ("a", "b", "c")
START = 1_700_000_000_000_000
ENDED, STARTED, RENEWED = "subscription_cancelled", "subscription_started", "subscription_renewed"
TYPES = (ENDED, STARTED, RENEWED, "seen", "bought")
EPISODES = (
    Episode((ENDED,), contractual=True),
    Episode((ENDED,), contractual=True, begun_by=(STARTED, RENEWED)),
    Episode(("bought",), contractual=False, active_within_days=10),
    Episode((ENDED,), contractual=True, active_within_days=5),
)
Event = tuple[str, str, int]


def rows_of(events: Sequence[Event]) -> list[EventTuple]:
    return [(who, str(n), type_, START + at, None, None, None, None, 1) for n, (who, type_, at) in enumerate(events)]


def cancellation(**fields: object) -> Outcome:
    return Outcome.model_validate({"name": "left", "capability": "churn", "event_types": (ENDED,), **fields})


def silence(*types: str, **fields: object) -> Outcome:
    return Outcome.model_validate({"name": "lapsed", "capability": "churn", "silence": types, **fields})


def facts_of(created: dict[str, int | None]) -> dict[str, ContactFacts]:
    return {name: ContactFacts(created_at=None if at is None else START + at) for name, at in created.items()}


def asked(wanted: Episode, events: Sequence[Event], day: int, created: dict[str, int]) -> list[bool]:
    pasts = build(CONTACTS, facts_of({**created}), [rows_of(events)])
    found = at_risk(wanted, pasts, np.arange(3, dtype=np.int32), np.full(3, START + day * DAY, dtype=np.int64))
    return [bool(one) for one in found]


def listed(found: Waits) -> list[tuple[int, str, int | None]]:
    return [
        (int(cutoff) - START, CONTACTS[contact], None if wait == NEVER else int(wait))
        for contact, cutoff, wait in zip(found.contact, found.cutoff, found.wait, strict=True)
    ]


def told_begun(events: Sequence[EventTuple]) -> bool:
    """Whether nearly all who ended had begun before."""
    first_end: dict[str, int] = {}
    for row in events:
        if row[2] == ENDED:
            first_end[row[0]] = min(row[3], first_end.get(row[0], row[3]))
    begun = [
        any(row[0] == name and row[2] in (STARTED, RENEWED) and row[3] < at for row in events)
        for name, at in first_end.items()
    ]
    return bool(begun) and sum(begun) >= 0.9 * len(begun)


def is_at_risk(outcome: Outcome, facts: dict[str, ContactFacts], rows: Sequence[EventTuple], who: str, at: int) -> bool:
    before = [row for row in rows if row[0] == who and row[3] < at]
    since = None if outcome.active_within_days is None else at - outcome.active_within_days * DAY
    created = facts[who].created_at if who in facts else None
    known = created if created is not None else min((row[3] for row in rows if row[0] == who), default=None)
    if outcome.silence:
        signs = [row[3] for row in before if row[2] in outcome.silence]
        return bool(signs) and (since is None or max(signs) >= since)
    signs = [row[3] for row in before] + ([known] if known is not None and known < at else [])
    if since is not None and (not signs or max(signs) < since):
        return False
    ends = [row[3] for row in before if row[2] == ENDED]
    if told_begun(rows):
        begins = [row[3] for row in before if row[2] in (STARTED, RENEWED)]
        return bool(begins) and (not ends or max(begins) > max(ends))
    return not ends and known is not None and known < at


def by_hand(
    outcome: Outcome, facts: dict[str, ContactFacts], rows: Sequence[EventTuple], until: int
) -> list[tuple[int, str, int | None]]:
    types = outcome.silence or (ENDED,)
    if not any(row[2] in types for row in rows):
        return []
    every = (outcome.every_days or max(1, round(outcome.horizon_days / 3))) * DAY
    earliest = min(row[3] for row in rows) + min(outcome.horizon_days, 90) * DAY
    anchor = until - outcome.horizon_days * DAY
    instants = sorted(anchor + step * every for step in range(-200, 200))
    found = []
    for at in instants:
        for who in CONTACTS:
            if not earliest <= at <= until - DAY or not is_at_risk(outcome, facts, rows, who, at):
                continue
            came = [row[3] - at for row in rows if row[0] == who and row[2] in types and at <= row[3] < until]
            found.append((at - START, who, min(came, default=None)))
    return found


half_days = st.integers(0, 40).map(lambda half: half * DAY // 2)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    fields = {
        "horizon_days": draw(st.integers(1, 8)),
        "active_within_days": draw(st.none() | st.integers(1, 12)),
        "every_days": draw(st.sampled_from((None, 1, 3))),
    }
    types = draw(st.sampled_from(((), ("bought",), ("bought", "seen"), ("never_seen", "seen"))))
    return silence(*types, **fields) if types else cancellation(**fields)


@given(
    events=st.lists(st.tuples(st.sampled_from(CONTACTS), st.sampled_from(TYPES), half_days), max_size=25),
    created=st.dictionaries(st.sampled_from(CONTACTS), st.none() | half_days),
    outcome=outcomes(),
    until=st.integers(0, 60),
)
def test_frames_and_waits_are_what_the_rules_say(
    events: list[Event], created: dict[str, int | None], outcome: Outcome, until: int
) -> None:
    rows = rows_of(events)
    facts = facts_of(created)
    pasts, end = build(CONTACTS, facts, [rows]), START + until * DAY // 2

    found = waits(outcome, episode(outcome, pasts), pasts, until=end, least=DAY)

    assert listed(found) == by_hand(outcome, facts, rows, end)


@given(
    events=st.lists(st.tuples(st.sampled_from(CONTACTS), st.sampled_from(TYPES), half_days), max_size=15),
    later=st.lists(st.tuples(st.sampled_from(CONTACTS), st.sampled_from(TYPES), half_days), min_size=1, max_size=15),
    created=st.dictionaries(st.sampled_from(CONTACTS), half_days),
    wanted=st.sampled_from(EPISODES),
    day=st.integers(0, 20),
)
def test_nothing_at_or_after_the_cutoff_changes_who_is_at_risk(
    events: list[Event], later: list[Event], created: dict[str, int], wanted: Episode, day: int
) -> None:
    before = [one for one in events if one[2] < day * DAY]
    after = [(who, type_, day * DAY + at) for who, type_, at in later]

    assert asked(wanted, [*before, *after], day, created) == asked(wanted, before, day, created)


@given(
    events=st.lists(st.tuples(st.sampled_from(TYPES), st.integers(-30, 30).map(lambda days: days * DAY)), max_size=8),
    created=st.one_of(st.none(), st.integers(-30, 30).map(lambda days: days * DAY)),
    cutoff=st.integers(-30, 30).map(lambda days: days * DAY),
    wanted=st.sampled_from((*EPISODES, Episode(("bought",), contractual=False))),
)
def test_one_contact_alone_is_as_active_as_among_many(
    events: list[tuple[str, int]], created: int | None, cutoff: int, wanted: Episode
) -> None:
    rows = rows_of([("a", name, at) for name, at in events])
    pasts, at = ContactPasts(["a"], facts_of({"a": created}), rows), START + cutoff

    alone = was_active(wanted, pasts.one_by_one[0], at)

    assert [alone] == recently_active(wanted, pasts.columns, np.array([0], dtype=np.int32), np.array([at])).tolist()
