"""The report of a holdout, read from the store: who is on which side, and what they did since.

Everybody counts on the side where their id was drawn, asked about or not, treated or not (intention to treat): all
contacts but those created after the end, and those who had reached an outcome before that is reached once. What
decides who counts was settled before the treatment could change it, so both sides lose alike.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.capabilities import capability as line_of
from shared.contracts.holdout import Holdout, holding
from shared.contracts.rows import Microseconds, instant_of
from shared.errors import BadRequest
from shared.lift.report import ArmCounts, Counted, HoldoutReport, compared, mean_of
from shared.store import AccountStore


class Measure(NamedTuple):
    """What is counted."""

    types: tuple[str, ...]
    """Of events."""
    once: bool
    """Whether those who did it before are left out: they cannot do it again."""


def measure_of(store: AccountStore, holdout: Holdout, named: Sequence[str]) -> Measure:
    """Return what a report counts: what was named, else what reaches the outcome that is held out.

    Raises:
        BadRequest: none was named, and the holdout is not about an outcome that events reach.
    """
    if named:
        return Measure(tuple(dict.fromkeys(named)), once=False)
    question = holdout.capability
    if question and line_of(question).per_outcome:
        name = holdout.outcome or store.outcomes.default(question)
        outcome = store.outcomes.find(question, name) if name else None
        types = () if outcome is None else outcome.event_types
        if outcome is not None and types:
            used = next((one for one in types if store.experiments.holdouts.has_events(one)), types[0])
            return Measure((used,), once=not outcome.repeatable)
    detail = "Name what is to be counted, an event type: this holdout is not about one outcome that events reach."
    raise BadRequest(detail, errors=[{"pointer": "/query/measure", "detail": detail}])


def report_of(store: AccountStore, holdout: Holdout, measure: Measure, *, now: Microseconds) -> HoldoutReport:
    """Count both sides and compare them; reads all contacts, and all events once."""
    until = min(at for at in (now, holdout.until, holdout.released_at) if at is not None)
    sides = _Sides(holdout)
    before = set[str]()
    if measure.once:
        for names in store.experiments.holdouts.reached_before(measure.types, holdout.created_at):
            before.update(names)
    counted, left_out = set[str](), 0
    for ids in store.experiments.holdouts.population(until):
        for one in ids:
            if one in before:
                left_out += 1
            else:
                counted.add(one)
                sides.of(one).contacts += 1
    currencies, unnamed = _add_reached(store, measure, sides, counted, (holdout.created_at, until))
    if holdout.capability:
        _add_predicted(store, holdout, sides, counted, (holdout.created_at, until), now=now)
    return compared(
        Counted(
            holdout.name,
            holdout.share,
            measure.types,
            _instant(holdout.created_at),
            _instant(until),
            not holdout.is_active(now),
            left_out,
            sides.treated,
            sides.control,
            currencies,
            unnamed,
        )
    )


def _instant(at: Microseconds) -> datetime:
    return instant_of(at)


class _Sides:
    """Both sides while they are counted."""

    def __init__(self, holdout: Holdout) -> None:
        self.treated, self.control = ArmCounts(), ArmCounts()
        self._holdout = holdout

    def of(self, contact_id: str) -> ArmCounts:
        """Return the side of a contact."""
        return self.control if self._holdout.holds(contact_id) else self.treated


def _add_reached(
    store: AccountStore,
    measure: Measure,
    sides: _Sides,
    counted: set[str],
    window: tuple[Microseconds, Microseconds],
) -> tuple[frozenset[str], int]:
    """Add what contacts did; return the currencies of their values, and how many values name none."""
    currencies, unnamed = set[str](), 0
    for rows in store.experiments.holdouts.reached(measure.types, *window):
        for row in rows:
            if row.contact_id not in counted:
                continue
            side = sides.of(row.contact_id)
            side.reached += 1
            side.events += row.events
            if row.value is not None:
                side.values.append(row.value)
            currencies.update((row.currency or "").split())
            unnamed += row.without_currency
    return frozenset(currencies), unnamed


def _add_predicted(
    store: AccountStore,
    holdout: Holdout,
    sides: _Sides,
    counted: set[str],
    window: tuple[Microseconds, Microseconds],
    *,
    now: Microseconds,
) -> None:
    """Add about whom a prediction was logged, and, of whom no holdout holds any more, what it said at first."""
    held = store.experiments.holdouts.active(holdout.capability, holdout.outcome, at=now)
    first: tuple[dict[str, float], dict[str, float]] = ({}, {})
    predicted: tuple[set[str], set[str]] = (set(), set())
    for rows in store.predictions.first_probabilities(holdout.capability, holdout.outcome, window):
        for contact_id, probability in rows:
            if contact_id not in counted:  # answered from the call alone, or merged into another since
                continue
            side = int(holdout.holds(contact_id))
            predicted[side].add(contact_id)
            if probability is not None and holding(held, contact_id) is None:
                first[side].setdefault(contact_id, probability)
    one_question = bool(holdout.outcome) or not line_of(holdout.capability).per_outcome
    for side, arm in enumerate((sides.treated, sides.control)):
        arm.predicted = len(predicted[side])
        arm.mean_probability = mean_of(first[side]) if one_question and not holdout.is_active(now) else None
