"""Journeys: the touches that led to a conversion, or to none, as numpy arrays."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, Microseconds
from shared.errors import BadRequest
from shared.learners.simple import Vector

MOST_CHANNELS: Final = 40
"""Told apart; the rarest beyond them are one channel, `OTHERS`."""
OTHERS: Final = "all others"
MOST_NAMES: Final = 100_000
"""Beyond so many, a name says nothing of a channel: it is another one for each contact."""
Whole = NDArray[np.int64]


class Touch(NamedTuple):
    """One time that a contact met a channel."""

    at: Microseconds
    channel: str


class Conversion(NamedTuple):
    """One time that a contact, or its company, reached the outcome."""

    at: Microseconds
    value: float = 0.0


class PathCounts(NamedTuple):
    """How often one path ended in a conversion, and how often in none."""

    path: Sequence[str]
    conversions: float
    value: float
    nulls: float


@dataclass(frozen=True, slots=True)
class Journeys:
    """n journeys, or n distinct paths with how often each was gone; touches of one lie together, in time order."""

    channels: tuple[str, ...]
    offsets: Whole
    """(n + 1,) touches of journey i are offsets[i]:offsets[i + 1]; a journey may have none."""
    channel: NDArray[np.int32]
    """(n_touches,) index into `channels`."""
    age_days: Vector
    """(n_touches,) days before the journey's end; NaN where no times are known."""
    conversions: Vector
    """(n,) how often it ended in one."""
    value: Vector
    """(n,) what these brought, all together."""
    nulls: Vector
    """(n,) how often it ended in none."""
    unit: Whole
    """(n,) whose journey: what is resampled together; -1 throughout where paths are counted, not people."""
    idle: int = 0
    """Contacts (or companies) of whom there is no journey."""
    idle_nulls: float = 0.0
    """How many journeys without touches that ended in none each of these stands for."""

    def __len__(self) -> int:
        """Count the journeys, or the distinct paths; not those for which the idle stand."""
        return len(self.conversions)

    @property
    def owner(self) -> Whole:
        """Return the journey of each touch, shape (n_touches,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def touched(self) -> NDArray[np.bool_]:
        """Whether a journey met any channel, shape (n,)."""
        found: NDArray[np.bool_] = np.diff(self.offsets) > 0
        return found

    @property
    def counted(self) -> bool:
        """Whether these are paths with counts, not journeys of people."""
        return bool(len(self)) and int(self.unit[0]) < 0


class JourneyBuilder:
    """Takes touches and conversions in any order, 24 bytes each, and cuts them into journeys as long as the lookback.

    A conversion in `since <= t < until` ends a journey of the touches in the lookback before it that come after the
    conversion before. All other touches led to none: they are cut, from the last one back, into journeys as long, which
    count where their last touch lies in the period, and in part where less than the lookback is left of it: a
    conversion may still come. The rest of the period is cut likewise, into journeys without touches that ended in
    none. So the rates of those with and without touches are chances within the same time.
    Conversions of one instant are one journey that ended in as many.
    """

    def __init__(self, *, since: Microseconds, until: Microseconds, lookback: Microseconds, once: bool = False) -> None:
        """Begin with nothing.

        Args:
            since: beginning of the period.
            until: its end; nothing from there on is looked at.
            lookback: how far back a touch may lie.
            once: whether only the first conversion of each counts: who has converted is at risk no more, and what they
                do later is no journey.
        """
        self._since, self._until, self._lookback, self._once = since, until, lookback, once
        self._codes: dict[str, int] = {}
        self._unit, self._at, self._channel = array("q"), array("q"), array("l")
        self._won_unit, self._won_at, self._won_value = array("q"), array("q"), array("d")

    @property
    def touches(self) -> int:
        """Count the touches."""
        return len(self._at)

    def touch(self, unit: int, at: Microseconds, channel: str) -> None:
        """Add a touch; unheeded outside of the period and the lookback before it.

        Args:
            unit: whose: a number of the contact or company.
            at: when.
            channel: met.

        Raises:
            BadRequest: there are more than 100,000 names.
        """
        if not self._since - self._lookback <= at < self._until:
            return
        code = self._codes.setdefault(channel, len(self._codes))
        if code >= MOST_NAMES:
            raise BadRequest(
                f"The events name more than {MOST_NAMES:,} different channels, one for each contact or nearly so; "
                "choose another `by`: channel, campaign or a property with few values.",
                errors=[{"pointer": "/query/by", "detail": "names more than a report can tell apart"}],
            )
        self._unit.append(unit)
        self._at.append(at)
        self._channel.append(code)

    def convert(self, unit: int, at: Microseconds, value: float = 0.0) -> None:
        """Add a conversion; one before the period only cuts journeys."""
        if at < self._until:
            self._won_unit.append(unit)
            self._won_at.append(at)
            self._won_value.append(value)

    def build(self, units: int) -> Journeys:
        """Cut all that was added into journeys.

        Args:
            units: contacts (or companies) that there are, those with neither touch nor conversion too.
        """
        names, channel = _recoded(self._codes, np.array(self._channel, dtype=np.int64))
        won_unit, won_at, won_times, won_value = self._conversions()
        unit, at, following, channel = self._ordered(won_unit, won_at, channel)
        number, counts = len(won_unit), won_at >= self._since
        led = _leads(unit, following, won_unit)
        end = np.zeros(len(at), dtype=np.int64)
        end[led] = won_at[following[led]]
        led &= at >= end - self._lookback
        rest = np.flatnonzero(~led)
        null_unit, end[rest], stretch = self._stretches(unit[rest], at[rest], following[rest])
        last = np.zeros(len(null_unit), dtype=np.int64)
        last[stretch] = end[rest]
        journey = np.where(led, following, -1)
        journey[rest] = number + stretch
        kept = np.concatenate([counts, last >= self._since])  # of all that could be a journey
        mine = np.flatnonzero(kept[journey])
        mine = mine[np.argsort(journey[mine], kind="stable")]
        owner = (np.cumsum(kept) - 1)[journey[mine]]
        whose = np.concatenate([won_unit, null_unit])[kept]
        followed = np.clip((self._until - last) / self._lookback, 0.0, 1.0)
        gone = np.concatenate([np.ones(number), followed])[kept]
        spare_unit, spare = self._spare(whose, gone, won_unit, won_at)
        none, length = np.zeros(len(null_unit)), len(whose) + len(spare)
        done = len(np.setdiff1d(won_unit[~counts], whose)) if self._once else 0
        return Journeys(
            names,
            np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=length))]).astype(np.int64),
            channel[mine].astype(np.int32),
            (end[mine] - at[mine]) / DAY,
            np.concatenate([np.concatenate([won_times, none])[kept], np.zeros(len(spare))]),
            np.concatenate([np.concatenate([won_value, none])[kept], np.zeros(len(spare))]),
            np.concatenate([np.concatenate([np.zeros(number), followed])[kept], spare]),
            np.concatenate([whose, spare_unit]),
            max(0, units - len(np.unique(whose)) - done),
            max(1.0, (self._until - self._since) / self._lookback),
        )

    def _stretches(self, unit: Whole, at: Whole, following: Whole) -> tuple[Whole, Whole, Whole]:
        """Cut touches that led to no conversion, in order, into stretches of the lookback, from the last one back.

        Returns:
            The unit of each stretch, and of each touch the instant of the last one of its stretch, and the stretch.
        """
        between, of = _numbered(unit, following)
        last = np.zeros(between, dtype=np.int64)
        last[of] = at  # the last one stays
        back = np.maximum(last[of] - at - 1, 0) // self._lookback
        stretches, stretch = _numbered(of, back)
        end, whose = np.zeros(stretches, dtype=np.int64), np.zeros(stretches, dtype=np.int64)
        end[stretch], whose[stretch] = at, unit
        return whose, end[stretch], stretch

    def _spare(self, whose: Whole, gone: Vector, won_unit: Whole, won_at: Whole) -> tuple[Whole, Vector]:
        """Count of each unit with journeys those without touches for which the rest of its time has room."""
        unit, place = np.unique(whose, return_inverse=True)
        journeys = np.bincount(place, weights=gone, minlength=len(unit))
        time = np.full(len(unit), float(self._until - self._since))
        if self._once:
            _, mine, theirs = np.intersect1d(unit, won_unit, return_indices=True)
            time[mine] = won_at[theirs] - self._since
        spare: Vector = np.maximum(1.0, time / self._lookback) - journeys
        return unit[spare > 0], spare[spare > 0]

    def _conversions(self) -> tuple[Whole, Whole, Vector, Vector]:
        """Return unit, instant, number and value of the conversions in order, those of one instant as one."""
        unit, at = np.array(self._won_unit, dtype=np.int64), np.array(self._won_at, dtype=np.int64)
        value = np.array(self._won_value, dtype=np.float64)
        order = np.lexsort((value, at, unit))
        unit, at, value = unit[order], at[order], value[order]
        news = np.ones(len(unit), dtype=bool)
        news[1:] = (unit[1:] != unit[:-1]) | (at[1:] != at[:-1])
        if self._once:
            first = np.ones(len(unit), dtype=bool)
            first[1:] = unit[1:] != unit[:-1]
            return unit[first], at[first], np.ones(int(first.sum())), value[first]
        of = np.cumsum(news) - 1
        times = np.bincount(of, minlength=int(news.sum())).astype(np.float64)
        worth: Vector = np.bincount(of, weights=value, minlength=int(news.sum())).astype(np.float64)
        return unit[news], at[news], times, worth

    def _ordered(self, won_unit: Whole, won_at: Whole, channel: Whole) -> tuple[Whole, Whole, Whole, Whole]:
        """Return unit, instant, following conversion and channel of the touches, by unit, instant and channel.

        A touch at the instant of a conversion comes after it.
        """
        number = len(won_unit)
        unit = np.concatenate([won_unit, np.array(self._unit, dtype=np.int64)])
        at = np.concatenate([won_at, np.array(self._at, dtype=np.int64)])
        name = np.concatenate([np.full(number, -1, dtype=np.int64), channel])
        order = np.lexsort((name, at, unit))
        is_won = order < number
        mine, following = order[~is_won], np.cumsum(is_won, dtype=np.int64)[~is_won]
        if self._once:  # who has converted is at risk no more
            at_risk = _leads(unit[mine], following, won_unit) | ~np.isin(unit[mine], won_unit)
            mine, following = mine[at_risk], following[at_risk]
        return unit[mine], at[mine], following, name[mine]


def from_contacts(
    touches: Mapping[str, Sequence[Touch]],
    conversions: Mapping[str, Sequence[Conversion]],
    builder: JourneyBuilder,
    *,
    others: int = 0,
) -> Journeys:
    """Cut what each contact (or company) did into journeys, by name.

    Args:
        touches: of each contact, in any order.
        conversions: of each, in any order.
        builder: knows the period; nothing was added to it.
        others: contacts with neither touch nor conversion.
    """
    contacts = sorted(touches.keys() | conversions.keys())
    for unit, contact in enumerate(contacts):
        for touch in touches.get(contact, ()):
            builder.touch(unit, touch.at, touch.channel)
        for conversion in conversions.get(contact, ()):
            builder.convert(unit, conversion.at, conversion.value)
    return builder.build(len(contacts) + others)


def from_paths(rows: Iterable[PathCounts]) -> Journeys:
    """Take paths with counts, as other tools export them: no people, no times."""
    given = [row for row in rows if row.conversions > 0 or row.nulls > 0]
    used: dict[str, float] = defaultdict(float)
    for row in given:
        for name in row.path:
            used[name] += row.conversions + row.nulls
    kept, code = _names(used)
    return Journeys(
        kept,
        np.cumsum([0, *(len(row.path) for row in given)], dtype=np.int64),
        np.array([code[name] for row in given for name in row.path], dtype=np.int32),
        np.full(sum(len(row.path) for row in given), np.nan),
        np.array([row.conversions for row in given], dtype=np.float64),
        np.array([row.value for row in given], dtype=np.float64),
        np.array([row.nulls for row in given], dtype=np.float64),
        np.full(len(given), -1, dtype=np.int64),
    )


def _leads(unit: Whole, following: Whole, won_unit: Whole) -> NDArray[np.bool_]:
    """Whether the conversion that follows each touch is of the same unit."""
    led: NDArray[np.bool_] = following < len(won_unit)
    led[led] = won_unit[following[led]] == unit[led]
    return led


def _numbered(first: Whole, second: Whole) -> tuple[int, Whole]:
    """Number what is equal in both and lies together; return how many numbers there are, and the number of each."""
    news = np.ones(len(first), dtype=bool)
    news[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return int(news.sum()), np.cumsum(news) - 1


def _recoded(codes: Mapping[str, int], channel: Whole) -> tuple[tuple[str, ...], Whole]:
    """Number the channels by name, whatever order they came in."""
    counts = np.bincount(channel, minlength=len(codes))
    kept, code = _names({name: float(counts[number]) for name, number in codes.items()})
    renumbered = np.array([code[name] for name in codes], dtype=np.int64)
    return kept, renumbered[channel] if len(channel) else channel


def _names(used: Mapping[str, float]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Number the channels by name; the rarest beyond `MOST_CHANNELS` share one number."""
    kept = sorted(used)
    if len(kept) > MOST_CHANNELS:
        rank = sorted(used, key=lambda name: (-used[name], name))
        kept = [*sorted(rank[: MOST_CHANNELS - 1]), OTHERS]
    code = {name: number for number, name in enumerate(kept)}
    return tuple(kept), {name: code.get(name, len(kept) - 1) for name in used}
