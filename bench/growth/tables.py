"""Tables of cost against work, and how fast the one grows with the other."""

import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

TOLERANCE = 0.1
"""An exponent of 1.1 is taken for 1: a tenth is what repeated runs differ by on a busy machine."""


class Cost(NamedTuple):
    """What one step took."""

    cpu_seconds: float
    seconds: float


class Growth(NamedTuple):
    """How a cost grows with the work."""

    exponent: float
    """Slope of log cost over log work, all steps."""
    last: float
    """Slope of the last step, where fixed costs weigh least."""

    @property
    def is_linear(self) -> bool:
        """Whether the cost grows no faster than the work."""
        return max(self) <= 1 + TOLERANCE


def growth(work: Sequence[float], cost: Sequence[float]) -> Growth:
    """Fit how a cost grows with the work.

    >>> growth([1, 10, 100], [0.5, 5.0, 50.0]).is_linear, growth([1, 10, 100], [1.0, 10.0, 10_000.0]).is_linear
    (True, False)
    """
    x, y = np.log(np.asarray(work, dtype=np.float64)), np.log(np.maximum(cost, 1e-9))
    if len(x) < 2:
        return Growth(math.nan, math.nan)
    return Growth(float(np.polyfit(x, y, 1)[0]), float((y[-1] - y[-2]) / (x[-1] - x[-2])))


@dataclass
class Table:
    """One table: a row a size of the work, a column a kind of cost."""

    title: str
    work: str
    """What the first column counts."""
    columns: tuple[str, ...]
    fitted: tuple[str, ...]
    """The columns that are held against the work; the others are shown."""
    rows: list[tuple[float, ...]] = field(default_factory=list)
    """The work, then one value a column."""
    note: str = ""

    def add(self, work: float, *values: float) -> None:
        """Add a row, and print it at once."""
        self.rows.append((work, *values))
        shown = ", ".join(f"{name} {_number(value)}" for name, value in zip(self.columns, values, strict=True))
        print(f"{self.title}: {work:,.0f} {self.work}: {shown}", flush=True)

    def text(self) -> str:
        """Write the table in Markdown, with the exponents below."""
        lines = [f"**{self.title}.** {self.note}".rstrip(), ""]
        lines.append(f"| {self.work} | {' | '.join(self.columns)} |")
        lines.append("|" + "---:|" * (len(self.columns) + 1))
        lines += [f"| {row[0]:,.0f} | {' | '.join(_number(value) for value in row[1:])} |" for row in self.rows]
        return "\n".join([*lines, "", *self.findings()])

    def findings(self) -> list[str]:
        """Write the fitted exponent of each cost, and whether it is linear or better."""
        return [self._finding(name) for name in self.fitted]

    def _finding(self, name: str) -> str:
        place = 1 + self.columns.index(name)
        found = growth([row[0] for row in self.rows], [row[place] for row in self.rows])
        answer = "yes" if found.is_linear else "no"
        if math.isnan(found.exponent):
            return f"- {name}: one size only."
        return f"- {name}: exponent {found.exponent:.2f}, last step {found.last:.2f}; linear or better: {answer}."


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cost_of(act: Callable[[], object], *, children: bool = False) -> Cost:
    """Measure once.

    Args:
        act: what is measured.
        children: whether the processes that it starts are measured instead of this one.
    """
    cpu, start = _cpu(children=children), time.perf_counter()
    act()
    return Cost(_cpu(children=children) - cpu, time.perf_counter() - start)


def median_of(acts: Sequence[Callable[[], object]]) -> Cost:
    """Measure each once, and return the medians."""
    found = np.array([cost_of(act) for act in acts])
    cpu, seconds = np.median(found, axis=0).tolist()
    return Cost(cpu, seconds)


def _cpu(*, children: bool) -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
