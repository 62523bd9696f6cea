"""Runs that alternate: every round puts each load on its system once, so that a disturbance falls on all of them."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.serving.arithmetic import Load, NothingAnswered, Spread, Void, ratios
from bench.serving.load import closed_loop
from bench.serving.processes import Running

WARM_UP_SECONDS = 1.0
BULK_SECONDS = 3.0
PATIENCE = 5
"""How many times longer a run lasts when the first one brought no answer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of load on one system."""

    name: str
    run: Callable[[float], Load]
    """Puts the load on for so many seconds."""
    rows: int = 1
    """Contacts or rows of each request."""
    connections: int = 1

    @property
    def least_seconds(self) -> float:
        """Return how long a run must last so that it holds some requests."""
        return 1.0 if self.rows == 1 else BULK_SECONDS


@dataclass
class Measured:
    """What the rounds found, by cell."""

    loads: dict[str, list[Load]] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    voids: dict[str, str] = field(default_factory=dict)
    """Cells that do not count, and why."""

    def leave_out(self, name: str, why: str) -> None:
        """List a load that cannot be measured here."""
        self.cells[name], self.voids[name] = Cell(name, _nothing), why

    def of(self, name: str) -> list[Load]:
        """Return the runs of a cell.

        Raises:
            Void: it does not count, or was not measured.
        """
        if name in self.voids:
            raise Void(self.voids[name])
        if name not in self.loads:
            raise Void("not measured")
        return self.loads[name]

    def spread(self, name: str, figure: Callable[[Load], float]) -> Spread:
        """Summarise a figure of a cell over its rounds."""
        return Spread.of([figure(load) for load in self.of(name)])

    def ratio(self, ours: str, theirs: str, figure: Callable[[Load], float]) -> Spread:
        """Divide a figure of two cells, round by round."""
        return ratios([figure(load) for load in self.of(ours)], [figure(load) for load in self.of(theirs)])

    def difference(self, ours: str, theirs: str, figure: Callable[[Load], float]) -> Spread:
        """Subtract a figure of two cells, round by round."""
        pairs = zip(self.of(ours), self.of(theirs), strict=True)
        return Spread.of([figure(one) - figure(other) for one, other in pairs])

    def run(self, cells: Sequence[Cell], *, rounds: int, seconds: float) -> None:
        """Warm every cell up, then measure them in turns; a cell with an error answer is left out from there on."""
        self.cells.update({cell.name: cell for cell in cells})
        for place in range(-1, rounds):
            for cell in cells:
                if cell.name in self.voids:
                    continue
                try:
                    load = cell.run(WARM_UP_SECONDS if place < 0 else max(seconds, cell.least_seconds))
                except Void as void:
                    # A slow call may not end within the warm-up; an error comes again.
                    if place >= 0:
                        self.voids[cell.name] = str(void)
                    continue
                if place >= 0:
                    self.loads.setdefault(cell.name, []).append(load)
            print("." if place >= 0 else "  rounds: ", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)


def _nothing(_: float) -> Load:
    raise Void("it is left out")


def over_http(
    name: str,
    system: Running,
    requests: Callable[[], Sequence[bytes]],
    folder: Path,
    *,
    connections: int,
    rows: int = 1,
) -> Cell:
    """Describe a closed loop of requests to a system; counts what its processes compute meanwhile.

    Args:
        name: of the cell.
        system: its processes answer.
        requests: called before each run: some are signed, and grow old.
        folder: for a file of them.
        connections: how many at once.
        rows: contacts or rows of each request.
    """

    def run(seconds: float) -> Load:
        sent, before = requests(), system.cpu_seconds()
        try:
            load = closed_loop(system.port, sent, folder, connections=connections, seconds=seconds)
        except NothingAnswered:
            system.settle()
            load = closed_loop(system.port, sent, folder, connections=connections, seconds=PATIENCE * seconds)
        finally:
            system.settle()
        # What was under way when the time was over has been computed too, and is not counted as answered.
        share = load.requests / (load.requests + connections)
        return replace(load, cpu_seconds=share * (system.cpu_seconds() - before))

    return Cell(name, run, rows, connections)


def in_this_process(name: str, act: Callable[[], object], *, rows: int = 1) -> Cell:
    """Describe a function that is called again and again in this process."""

    def run(seconds: float) -> Load:
        taken: list[float] = []
        began, computed = time.perf_counter(), time.process_time()
        while (at := time.perf_counter()) < began + seconds:
            act()
            taken.append(time.perf_counter() - at)
        p50, p99 = (float(np.percentile(taken, share)) * 1e3 for share in (50, 99))
        return Load(len(taken), at - began, p50, p99, 0, time.process_time() - computed)

    return Cell(name, run, rows)
