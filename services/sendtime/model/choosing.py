"""From what slots promise to an instant for each contact of one time zone, with what lies beside it. Pure."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.asking import Advice, Option, When, Wish
from services.sendtime.model.judges import Explained, Judge, week_of
from services.sendtime.model.week import HOUR_OF, HOURS, Matrix, slot_of
from services.sendtime.model.windows import Candidates, inside_hour
from shared.contracts.prediction import Source
from shared.contracts.rows import Microseconds
from shared.learners.simple import chance
from shared.ties import falling, largest
from shared.timeline.localtime import offsets

ENOUGH_OF_ONE = 0.2
"""Confidence from which the answer is called the contact's own."""
NO_VARIATION = "no_exposure_variation"
SPREAD = "spread_within_the_hour"
NEVER_TRIED = "hour_never_tried"
UNTRIED = -1e3
"""Below any log-odds, and near enough to them that an order among the untried is left."""
_SOURCES: dict[str, Source] = {"population": "population", "default": "default"}


@dataclass(frozen=True, slots=True)
class Usual:
    """The hour that all sends went out at, where hours cannot be compared."""

    hour: int

    def preference(self, allowed: Candidates, default_send_at: Microseconds | None) -> NDArray[np.float64]:
        """Prefer the instant next to the caller's own, else the usual hour, the earlier the better, shape (c,)."""
        if default_send_at is not None:
            away = np.abs(allowed.at - default_send_at)
        else:
            apart = np.abs(HOUR_OF[allowed.slot] - self.hour)
            away = np.minimum(apart, HOURS - apart)
        wanted: NDArray[np.float64] = -away.astype(np.float64)
        return wanted


def chosen(
    judge: Judge, zone: str, rows: NDArray[np.int64], allowed: Candidates, wish: Wish, *, usual: Usual | None
) -> list[Advice]:
    """Choose among the same candidates for all contacts of one zone.

    Args:
        judge: what slots promise.
        zone: IANA name.
        rows: the contacts, as the judge counts them.
        allowed: at least one candidate.
        wish: what is wanted of the answer.
        usual: where hours cannot be compared; else None.
    """
    slots, place = np.unique(allowed.slot, return_inverse=True)
    margins = judge.margins(rows, slots)[:, place]
    hour = HOUR_OF[allowed.slot]
    # What was never tried is only as good as the average because nothing is known of it.
    untried = np.where(judge.tried[hour], 0.0, UNTRIED)
    preferred = margins + untried if usual is None else usual.preference(allowed, wish.default_send_at)
    wanted = np.broadcast_to(preferred, margins.shape)
    order = falling(wanted)[:, : 1 + wish.alternatives]
    values = chance(margins)
    if usual is not None:
        values[:, hour != usual.hour] = np.nan
    instants = tuple(
        When(at, local_at, zone, slot)
        for at, local_at, slot in zip(
            allowed.at.tolist(), allowed.local_at.tolist(), allowed.slot.tolist(), strict=True
        )
    )
    best = order[:, 0]
    picked = np.arange(len(rows))
    common = int(largest(judge.population[allowed.slot] + untried))
    parts = _Parts(
        options=[
            [_option(instants[at], values[number, at], is_chance=judge.is_chance) for at in places]
            for number, places in enumerate(order.tolist())
        ],
        lift=(values[picked, best] / values[:, common] - 1).tolist(),
        explained=judge.explained(rows, allowed.slot[best], wish.reasons),
        confidence=judge.confidence[rows].tolist(),
        week=chance(week_of(judge, rows)) if wish.week else None,
        at_default=_at_default(judge, zone, rows, wish.default_send_at),
    )
    advice = [parts.advice(number, judge, instants) for number in range(len(rows))]
    if usual is not None:
        return [_by_default(one) for one in advice]
    if untried.max() == 0.0:
        return advice
    return [replace(one, data_quality=(NEVER_TRIED,)) for one in advice]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything that answers are put together from, one entry a contact."""

    options: list[list[Option]]
    lift: list[float]
    explained: Explained
    confidence: list[float]
    week: Matrix | None
    at_default: list[Option] | None

    def advice(self, number: int, judge: Judge, instants: tuple[When, ...]) -> Advice:
        """Put one contact's answer together."""
        basis = basis_of(self.confidence[number], has_groups=judge.has_groups)
        return Advice(
            status="ok",
            source=_SOURCES.get(basis, "model"),
            best=self.options[number][0],
            alternatives=tuple(self.options[number][1:]),
            at_default=None if self.at_default is None else self.at_default[number],
            lift=self.lift[number] if judge.is_chance else None,
            basis=basis,
            confidence=self.confidence[number],
            margin=float(self.explained.margin[number]),
            base=float(self.explained.base[number]),
            reasons=self.explained.reasons[number],
            week=None if self.week is None else self.week[number].tolist(),
            allowed=instants,
        )


def basis_of(confidence: float, *, has_groups: bool) -> str:
    """Name what an answer rests on.

    >>> basis_of(0.5, has_groups=True), basis_of(0.1, has_groups=True), basis_of(0.0, has_groups=True)
    ('individual', 'lookalike', 'population')
    """
    if confidence >= ENOUGH_OF_ONE:
        return "individual"
    return "lookalike" if confidence > 0 and has_groups else "population"


def _by_default(advice: Advice) -> Advice:
    """Take back what cannot be known where all sends went out at one hour."""
    return replace(
        advice,
        source="default",
        lift=None,
        basis="default",
        confidence=0.0,
        margin=advice.base,
        reasons=[],
        at_default=None,
        week=None,
        data_quality=(NO_VARIATION,),
    )


def _at_default(judge: Judge, zone: str, rows: NDArray[np.int64], at: Microseconds | None) -> list[Option] | None:
    """Tell what the caller's own time promises each contact."""
    if at is None:
        return None
    instant = np.array([at], dtype=np.int64)
    local_at = instant + offsets(zone, instant)
    when = When(at, int(local_at[0]), zone, int(slot_of(local_at)[0]))
    values = chance(judge.margins(rows, slot_of(local_at)))[:, 0]
    return [_option(when, value, is_chance=judge.is_chance) for value in values.tolist()]


def _option(when: When, value: float, *, is_chance: bool) -> Option:
    known = None if np.isnan(value) else float(value)
    return Option(when, known if is_chance else None, None if is_chance else known)


def spread(advice: Advice, contact_id: str, wish: Wish) -> Advice:
    """Move the chosen instants inside their hours, as finer granularities ask; nothing is known that finely."""
    if wish.minutes >= 60 or advice.best is None:
        return advice

    def moved(option: Option) -> Option:
        when = option.when
        at = inside_hour(when.at, when.zone, wish.rules, contact_id=contact_id, minutes=wish.minutes)
        return option._replace(when=when._replace(at=at, local_at=when.local_at + at - when.at))

    return replace(
        advice,
        best=moved(advice.best),
        alternatives=tuple(moved(option) for option in advice.alternatives),
        data_quality=(*advice.data_quality, SPREAD),
    )
