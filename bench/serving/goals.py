"""The goals: what each asks, and what the rounds say of it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bench.serving import cells
from bench.serving.arithmetic import Bound, Load, Spread, Void, shown
from bench.serving.rounds import Measured
from shared.capabilities import TABLE


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal after the rounds."""

    number: int
    goal: str
    measured: str
    met: str
    """yes, no, or void with the reason."""


@dataclass(frozen=True, slots=True)
class Part:
    """One figure that a goal asks for."""

    what: str
    bound: Bound
    figure: Callable[[], Spread]
    unit: str = ""
    digits: int = 2


def judged(number: int, goal: str, parts: Sequence[Part]) -> Verdict:
    """Hold figures against a goal: met when the median of every part is; void when one does not count."""
    said, met = list[str](), True
    for part in parts:
        try:
            found = part.figure()
        except Void as void:
            return Verdict(number, goal, "; ".join(said), f"void ({part.what}: {void})")
        met = met and part.bound.is_met(found.middle)
        middle = shown(found.middle, part.bound, part.digits)
        spread = f"({found.least:.{part.digits}f} to {found.most:.{part.digits}f})"
        said.append(f"{part.what} {middle}{part.unit} {spread}")
    return Verdict(number, goal, "; ".join(said), "yes" if met else "no")


def fastest(found: Measured, names: Sequence[str]) -> str:
    """Return which of some cells has the most requests a second.

    Raises:
        Void: none of them counts; with the reason of one.
    """
    counting = [name for name in names if name in found.loads and name not in found.voids]
    if not counting:
        raise Void(next((f"{name}: {found.voids[name]}" for name in names if name in found.voids), "not measured"))
    return max(counting, key=lambda name: found.spread(name, rate).middle)


def of_requests(found: Measured, mlserver: Sequence[str], peers: Sequence[str]) -> list[Verdict]:
    """Judge goals 1 to 5.

    Args:
        found: what the rounds found.
        mlserver: names of MLServer's settings; the faster one counts.
        peers: names of all other model servers.
    """
    row = [cells.named(name, cells.ROW) for name in mlserver]
    rows = [cells.named(name, cells.ROWS) for name in peers]
    raw = [cells.RAW, cells.RAW_THREADED]

    def against(ours: str, theirs: Sequence[str], figure: Callable[[Load], float]) -> Spread:
        return found.ratio(ours, fastest(found, theirs), figure)

    at_least, at_most = partial(Bound, at_least=True), partial(Bound, at_least=False)
    return [
        judged(
            1,
            "`/score` by id, 200 events, 3 reasons, through the gateway: at least MLServer's requests/s for a bare row,"
            " p99 no higher",
            [
                Part("requests/s", at_least(1.0), lambda: against(cells.ONE, row, rate), " of MLServer's"),
                Part("p99", at_most(1.0), lambda: against(cells.ONE, row, p99), " of MLServer's"),
            ],
        ),
        judged(
            2,
            "`/score` at the service, inline attributes, no reasons: 3 times MLServer",
            [Part("requests/s", at_least(3.0), lambda: against(cells.INLINE, row, rate), " of MLServer's")],
        ),
        judged(
            3,
            "1,000 contacts a call, 20 inline attributes, no reasons: 0.4 of `Booster.predict`'s rows/s, ahead of every"
            " other model server",
            [
                Part("rows/s", at_least(0.4), lambda: against(cells.BULK_INLINE, raw, rate), " of `predict`'s", 3),
                Part("rows/s", at_least(1.0), lambda: against(cells.BULK_INLINE, rows, rate), " of the fastest's"),
            ],
        ),
        judged(
            4,
            "1,000 stored contacts with 50 events each: at most 100 ms",
            [Part("p50", at_most(100.0), lambda: found.spread(cells.STORED, p50), " ms", 1)],
        ),
        judged(
            5,
            "the gateway adds at most 0.4 ms at p50",
            [Part("p50", at_most(0.4), lambda: found.difference(cells.ALONE, cells.DIRECT_ALONE, p50), " ms more")],
        ),
    ]


def of_capabilities(found: Measured) -> Verdict:
    """Judge goal 6: `/score` answers at most 1.5 times as many requests a second as each other capability."""
    bound = Bound(1.5, at_least=False)
    parts = [
        Part(line.path, bound, partial(found.ratio, cells.ONE, cells.other(line.path), rate))
        for line in TABLE
        if line.name != "scoring"
    ]
    return judged(6, "one contact by id of every other capability: at most 1.5 times `/score`", parts)


def of_decisions(found: Measured) -> Verdict:
    """Judge the goal of next best message."""
    parts = [Part("p50", Bound(300.0, at_least=False), lambda: found.spread(cells.DECIDED, p50), " ms", 1)]
    return judged(10, "1,000 stored contacts and 100 messages decided in one call: under 300 ms", parts)


def rate(load: Load) -> float:
    """Return requests a second."""
    return load.rate


def p50(load: Load) -> float:
    """Return the median of the latencies, milliseconds."""
    return load.p50_ms


def p99(load: Load) -> float:
    """Return the 99th percentile of the latencies, milliseconds."""
    return load.p99_ms
