"""Journeys: the touches that led to a conversion, or to none, as numpy arrays."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, Microseconds
from shared.learners.simple import Vector

MOST_CHANNELS: Final = 40
"""Told apart; the rarest beyond them are one channel, `OTHERS`."""
OTHERS: Final = "all others"


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
    offsets: NDArray[np.int64]
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
    unit: NDArray[np.int64]
    """(n,) whose journey: what is resampled together; -1 throughout where paths are counted, not people."""

    def __len__(self) -> int:
        """Count the journeys, or the distinct paths."""
        return len(self.conversions)

    @property
    def owner(self) -> NDArray[np.int64]:
        """Return the journey of each touch, shape (n_touches,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def counted(self) -> bool:
        """Whether these are paths with counts, not journeys of people."""
        return bool(len(self)) and int(self.unit[0]) < 0

    def weighed(self, conversions: Vector, value: Vector, nulls: Vector) -> "Journeys":
        """Return the same journeys, gone more or less often."""
        return replace(self, conversions=conversions, value=value, nulls=nulls)


def from_contacts(
    touches: Mapping[str, Sequence[Touch]],
    conversions: Mapping[str, Sequence[Conversion]],
    *,
    since: Microseconds,
    until: Microseconds,
    lookback: Microseconds,
    others: int = 0,
) -> Journeys:
    """Cut what each contact (or company) did into journeys.

    A conversion in `since <= t < until` ends a journey of the touches in the lookback before it that come after the
    conversion before. Touches of the period after the last conversion, or of who never converted, are a journey that
    ended in none, counted from the last of them.

    Args:
        touches: of each contact, in any order.
        conversions: of each, in any order; those outside the period only cut journeys.
        since: beginning of the period.
        until: its end; nothing after it is looked at.
        lookback: how far back a touch may lie.
        others: contacts with neither touch nor conversion: each a journey without touches that ended in none.
    """
    made: list[tuple[int, list[Touch], Microseconds, Conversion | None]] = []
    for unit, contact in enumerate(sorted(touches.keys() | conversions.keys())):
        seen = sorted(one for one in touches.get(contact, ()) if one.at < until)
        before: Microseconds = since - lookback
        for conversion in sorted(one for one in conversions.get(contact, ()) if one.at < until):
            if conversion.at >= since:
                begin = max(before, conversion.at - lookback)
                made.append((unit, [one for one in seen if begin <= one.at < conversion.at], conversion.at, conversion))
            before = max(before, conversion.at)
        left = [one for one in seen if one.at >= max(before, since)]
        if left:
            begin = left[-1].at - lookback
            made.append((unit, [one for one in left if one.at >= begin], left[-1].at, None))
    units = len(touches.keys() | conversions.keys())
    made += [(units + number, [], until, None) for number in range(others)]
    names, code = _names(Counter(one.channel for _, path, _, _ in made for one in path))
    return Journeys(
        names,
        np.cumsum([0, *(len(path) for _, path, _, _ in made)], dtype=np.int64),
        np.array([code[one.channel] for _, path, _, _ in made for one in path], dtype=np.int32),
        np.array([(end - one.at) / DAY for _, path, end, _ in made for one in path], dtype=np.float64),
        np.array([0.0 if found is None else 1.0 for *_, found in made]),
        np.array([0.0 if found is None else found.value for *_, found in made]),
        np.array([1.0 if found is None else 0.0 for *_, found in made]),
        np.array([unit for unit, *_ in made], dtype=np.int64),
    )


def from_paths(rows: Iterable[PathCounts]) -> Journeys:
    """Take paths with counts, as other tools export them: no people, no times."""
    given = [row for row in rows if row.conversions or row.nulls]
    names, code = _names(Counter({name: 0 for row in given for name in row.path}) + _used(given))
    return Journeys(
        names,
        np.cumsum([0, *(len(row.path) for row in given)], dtype=np.int64),
        np.array([code[name] for row in given for name in row.path], dtype=np.int32),
        np.full(sum(len(row.path) for row in given), np.nan),
        np.array([row.conversions for row in given], dtype=np.float64),
        np.array([row.value for row in given], dtype=np.float64),
        np.array([row.nulls for row in given], dtype=np.float64),
        np.full(len(given), -1, dtype=np.int64),
    )


def _used(rows: Sequence[PathCounts]) -> Counter[str]:
    used: Counter[str] = Counter()
    for row in rows:
        for name in row.path:
            used[name] += int(row.conversions + row.nulls)
    return used


def _names(used: Counter[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Number the channels by name; the rarest beyond `MOST_CHANNELS` share one number."""
    kept = sorted(used)
    if len(kept) > MOST_CHANNELS:
        rank = sorted(used, key=lambda name: (-used[name], name))
        kept = [*sorted(rank[: MOST_CHANNELS - 1]), OTHERS]
    code = {name: number for number, name in enumerate(kept)}
    return tuple(kept), {name: code.get(name, len(kept) - 1) for name in used}
