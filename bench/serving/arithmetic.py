"""What figures mean: runs, ratios with their range, goals met or not. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


class Void(Exception):
    """A figure that does not count, and why."""


class NothingAnswered(Void):
    """A run was over before the first answer came."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run of load on one system."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    """Answers that were no success, and connections that failed."""
    cpu_seconds: float = 0.0
    """Of all processes of the system together."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time of one request."""
        return 1e3 * self.cpu_seconds / self.requests


def load_of(output: str) -> Load:
    """Read what `wrk.lua` printed last; microseconds become milliseconds.

    Raises:
        Void: an answer was an error, or nothing was answered at all.
    """
    line = output.strip().splitlines()[-1] if output.strip() else ""
    try:
        said = json.loads(line)
    except ValueError:
        raise Void(f"wrk gave no figures: {line or 'it printed nothing'}") from None
    load = Load(
        requests=said["requests"],
        seconds=said["duration"] / 1e6,
        p50_ms=said["p50"] / 1e3,
        p99_ms=said["p99"] / 1e3,
        errors=sum(said["errors"].values()),
    )
    return require_clean(load)


def require_clean(load: Load) -> Load:
    """Return a load if all its answers count.

    Raises:
        Void: one was an error, or there was none.
    """
    if load.errors:
        raise Void(f"{load.errors} of {load.requests} answers were errors")
    if not load.requests:
        raise NothingAnswered("nothing was answered")
    return load


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several runs: its median, least and most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise one value a run.

        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(middle=2.0, least=1.0, most=3.0)
        """
        return cls(median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Divide round by round, so that what disturbed a round disturbs both sides of its ratio.

    >>> ratios([2.0, 9.0], [1.0, 3.0])
    Spread(middle=2.5, least=2.0, most=3.0)
    """
    return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])


@dataclass(frozen=True, slots=True)
class Bound:
    """What a goal asks of a figure."""

    limit: float
    at_least: bool
    """False: at most."""

    def is_met(self, value: float) -> bool:
        """Whether a figure as measured, unrounded, reaches the goal.

        >>> Bound(1.0, at_least=True).is_met(0.9996), Bound(1.0, at_least=True).is_met(1.0)
        (False, True)
        """
        return value >= self.limit if self.at_least else value <= self.limit


def shown(value: float, bound: Bound, digits: int = 2) -> str:
    """Write a figure so that rounding never carries it over the goal.

    >>> shown(0.9996, Bound(1.0, at_least=True)), shown(0.4004, Bound(0.4, at_least=False))
    ('0.99', '0.41')
    """
    factor = 10**digits
    exact = value * factor
    near = round(exact)
    # Only what is already a whole number of digits may stay; the tolerance is that of the division.
    if abs(exact - near) < 1e-9:
        return f"{value:.{digits}f}"
    cut = int(exact // 1) if bound.at_least else int(-(-exact // 1))
    return f"{cut / factor:.{digits}f}"
