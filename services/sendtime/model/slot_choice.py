"""Choose an instant for each contact: what every slot promises, by answers or by activity, and the best. Pure."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Stages
from services.sendtime.model.local_week import (
    HOUR_OF,
    HOURS,
    SLOTS,
    Candidates,
    Matrix,
    Vector,
    by_hour,
    slot_of,
    within_hour,
)
from services.sendtime.model.query import Advice, SendOption, SendTimeQuery, When
from services.sendtime.model.reasons import HOUR, LOOKALIKE, WEEKDAY, SlotCounts, by_thing, reasons
from services.sendtime.model.timing import Known, Timing, matrix_of
from shared.contracts.prediction import Source
from shared.contracts.rows import Microseconds
from shared.features import ReasonPart
from shared.learners.simple import chance, log_odds
from shared.ties import falling, largest
from shared.timeline.pasts import utc_offsets

ENOUGH_SENDS = 20.0
"""Sends in an hour of the day, by weight, below which it is not recommended before hours that were tried."""
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the chosen slots are what they are, one a contact."""

    margin: Vector
    """Log-odds of the contact at its slot, shape (n,)."""
    base: Vector
    """Of the population at the same slot, shape (n,)."""
    reasons: list[list[ReasonPart]]
    """Each list sums to margin - base when nothing was cut off."""


class SlotJudge(Protocol):
    """One way to judge slots; made for the contacts of a call."""

    @property
    def is_chance(self) -> bool:
        """Whether margins are those of a chance; else of a share of activity."""

    @property
    def population(self) -> Vector:
        """Log-odds of the average contact, shape (168,)."""

    @property
    def confidence(self) -> Vector:
        """How much each contact's own past decides, 0 to 1, shape (n,)."""

    @property
    def has_groups(self) -> bool:
        """Whether look-alikes differ from the population."""

    @property
    def tried(self) -> NDArray[np.bool_]:
        """Which hours of the day were sent at often enough to know anything of them, shape (24,)."""

    def margins(self, rows: Rows, slots: Rows) -> Matrix:
        """Log-odds of contacts in slots, shape (len(rows), len(slots))."""

    def explained(self, rows: Rows, slots: Rows, most: int) -> Explained:
        """Explain one slot a contact."""


@dataclass(frozen=True)
class ByAnswers:
    """Sends are known: the calibrated chance of an answer."""

    timing: Timing
    known: Known
    counts: SlotCounts
    is_chance: bool = True

    @property
    def population(self) -> Vector:
        """Log-odds of an answer of the average contact."""
        return self.timing.population_margins()

    @property
    def confidence(self) -> Vector:
        """Own engagements against the pseudo-engagements of the pooling."""
        own = self.known.levels.engaged
        return own / (own + self.timing.response.pulling.hours)

    @property
    def has_groups(self) -> bool:
        """Whether there is more than one group of look-alikes."""
        return len(self.timing.response.group_share) > 1

    @property
    def tried(self) -> NDArray[np.bool_]:
        """Hours with some sends to many contacts, by weight of age."""
        often: NDArray[np.bool_] = by_hour(self.timing.response.sent) >= ENOUGH_SENDS
        return often

    def margins(self, rows: Rows, slots: Rows) -> Matrix:
        """Log-odds of an answer."""
        frame, slot = np.repeat(rows, len(slots)), np.tile(slots, len(rows))
        return self.timing.margins(self._laid_out(frame, slot)).reshape(len(rows), len(slots))

    def explained(self, rows: Rows, slots: Rows, most: int) -> Explained:
        """Against the average contact in the same slot."""
        values = self._laid_out(rows, slots)
        if not most:
            base = self.population[slots]
            return Explained(self.timing.margins(values), base, [[] for _ in rows])
        shares, base = self.timing.against_population(values, slots)
        listed = reasons(by_thing(shares), self.counts, rows=rows, slots=slots, most=most)
        return Explained(self.timing.margins(values), base, listed)

    def _laid_out(self, frame: Rows, slot: Rows) -> Matrix:
        return matrix_of(self.timing.response, self.known, frame, slot)


@dataclass(frozen=True)
class ByActivity:
    """Only activity is known: the share of the week's activity that falls into a slot."""

    stages: Stages
    strength: float
    has_groups: bool
    counts: SlotCounts
    is_chance: bool = False

    @property
    def tried(self) -> NDArray[np.bool_]:
        """All True: contacts may be active at any hour."""
        return np.ones(HOURS, dtype=bool)

    @property
    def population(self) -> Vector:
        """Log-odds of the population's shares."""
        return log_odds(self.stages.population)

    @property
    def confidence(self) -> Vector:
        """Own acts against the acts' worth of the pooling."""
        return self.stages.evidence / (self.stages.evidence + self.strength)

    def margins(self, rows: Rows, slots: Rows) -> Matrix:
        """Log-odds of the shares."""
        return log_odds(self.stages.days[np.ix_(rows, slots)])

    def explained(self, rows: Rows, slots: Rows, most: int) -> Explained:
        """By what each stage changed."""
        base = self.population[slots]
        alike, hours, days = (
            log_odds(stage[rows, slots]) for stage in (self.stages.lookalike, self.stages.hours, self.stages.days)
        )
        things = {LOOKALIKE: alike - base, HOUR: hours - alike, WEEKDAY: days - hours}
        listed = reasons(things, self.counts, rows=rows, slots=slots, most=most) if most else [[] for _ in rows]
        return Explained(days, base, listed)


def week_of(judge: SlotJudge, rows: Rows) -> Matrix:
    """Log-odds of contacts in every slot, shape (len(rows), 168)."""
    return judge.margins(rows, np.arange(SLOTS))


ENOUGH_OF_ONE = 0.2
"""Confidence from which the answer is called the contact's own."""
NO_VARIATION = "no_exposure_variation"
SPREAD = "spread_within_the_hour"
NEVER_TRIED = "hour_never_tried"
UNTRIED = -1e3
"""Below any log-odds, and near enough to them that an order among the untried is left."""
_SOURCES: dict[str, Source] = {"population": "population", "default": "default"}


@dataclass(frozen=True, slots=True)
class FallbackHour:
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
    judge: SlotJudge,
    zone: str,
    rows: NDArray[np.int64],
    allowed: Candidates,
    query: SendTimeQuery,
    *,
    fallback: FallbackHour | None,
) -> list[Advice]:
    """Choose among the same candidates for all contacts of one zone.

    Args:
        judge: what slots promise.
        zone: IANA name.
        rows: the contacts, as the judge counts them.
        allowed: at least one candidate.
        query: what is wanted of the answer.
        fallback: where hours cannot be compared; else None.
    """
    slots, place = np.unique(allowed.slot, return_inverse=True)
    margins = judge.margins(rows, slots)[:, place]
    hour = HOUR_OF[allowed.slot]
    # An hour without sends looks average only because nothing is known of it.
    untried = np.where(judge.tried[hour], 0.0, UNTRIED)
    preferred = margins + untried if fallback is None else fallback.preference(allowed, query.default_send_at)
    wanted = np.broadcast_to(preferred, margins.shape)
    order = falling(wanted)[:, : 1 + query.alternatives]
    values = chance(margins)
    if fallback is not None:
        values[:, hour != fallback.hour] = np.nan
    instants = tuple(
        When(at, local_at, zone, slot)
        for at, local_at, slot in zip(
            allowed.at.tolist(), allowed.local_at.tolist(), allowed.slot.tolist(), strict=True
        )
    )
    best = order[:, 0]
    picked = np.arange(len(rows))
    common = int(largest(judge.population[allowed.slot] + untried))
    parts = _AdviceParts(
        options=[
            [_option(instants[at], values[number, at], is_chance=judge.is_chance) for at in places]
            for number, places in enumerate(order.tolist())
        ],
        lift=(values[picked, best] / values[:, common] - 1).tolist(),
        explained=judge.explained(rows, allowed.slot[best], query.reasons),
        confidence=judge.confidence[rows].tolist(),
        week=chance(week_of(judge, rows)) if query.week else None,
        at_default=_at_default(judge, zone, rows, query.default_send_at),
    )
    advice = [parts.advice(number, judge, instants) for number in range(len(rows))]
    if fallback is not None:
        return [_by_default(one) for one in advice]
    if untried.max() == 0.0:
        return advice
    return [replace(one, data_quality=(NEVER_TRIED,)) for one in advice]


@dataclass(frozen=True, slots=True)
class _AdviceParts:
    """Everything that answers are put together from, one entry a contact."""

    options: list[list[SendOption]]
    lift: list[float]
    explained: Explained
    confidence: list[float]
    week: Matrix | None
    at_default: list[SendOption] | None

    def advice(self, number: int, judge: SlotJudge, instants: tuple[When, ...]) -> Advice:
        """Put one contact's answer together."""
        basis = basis_of(self.confidence[number], has_groups=judge.has_groups)
        return Advice(
            source=_SOURCES.get(basis, "model"),
            probability=self.options[number][0].probability,
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
    """Remove what cannot be known where all sends went out at one hour."""
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


def _at_default(
    judge: SlotJudge, zone: str, rows: NDArray[np.int64], at: Microseconds | None
) -> list[SendOption] | None:
    """Return what the caller's own time promises each contact."""
    if at is None:
        return None
    instant = np.array([at], dtype=np.int64)
    local_at = instant + utc_offsets(zone, instant)
    when = When(at, int(local_at[0]), zone, int(slot_of(local_at)[0]))
    values = chance(judge.margins(rows, slot_of(local_at)))[:, 0]
    return [_option(when, value, is_chance=judge.is_chance) for value in values.tolist()]


def _option(when: When, value: float, *, is_chance: bool) -> SendOption:
    known = None if np.isnan(value) else float(value)
    return SendOption(when, known if is_chance else None, None if is_chance else known)


def spread(advice: Advice, contact_id: str, query: SendTimeQuery) -> Advice:
    """Move the chosen instants inside their hours, as finer granularities ask; nothing is known that finely."""
    if query.minutes >= 60 or advice.best is None:
        return advice

    def moved(option: SendOption) -> SendOption:
        when = option.when
        at = within_hour(when.at, when.zone, query.rules, contact_id=contact_id, minutes=query.minutes)
        return option._replace(when=when._replace(at=at, local_at=when.local_at + at - when.at))

    return replace(
        advice,
        best=moved(advice.best),
        alternatives=tuple(moved(option) for option in advice.alternatives),
        data_quality=(*advice.data_quality, SPREAD),
    )
