"""What the values of one column look like, counted in bounded memory; profiles of parts of a file are merged."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from shared.values.looks import Look, look_of

MAX_DISTINCT: Final = 1_000
MAX_LINES: Final = 5
MAX_WIDTHS: Final = 20


@dataclass(slots=True)
class ColumnProfile:
    """What the values of one column look like, counted.

    >>> profile = ColumnProfile("price")
    >>> profile.add_all(["49,90", "1.299,00", "n/a"], first_line=2)
    >>> profile.filled, profile.lines["missing"]
    (2, [4])
    """

    name: str
    looks: Counter[Look] = field(default_factory=Counter)
    lines: dict[Look, list[int]] = field(default_factory=dict)
    """The first few lines of each look."""
    distinct: set[str] = field(default_factory=set)
    """Values as text, up to `MAX_DISTINCT` of them."""
    widths: set[int] = field(default_factory=set)
    """Characters of whole numbers, up to `MAX_WIDTHS` different ones."""
    thousands: int = 0
    """Whole numbers from 1,000 on without a mark between the thousands."""
    timed: int = 0
    """Dates in an unclear order, or in a stated one, that carry a time of day."""

    def add(self, value: Any, line: int) -> None:
        """Count one value; `line` is where it stands."""
        look = look_of(value)
        self.looks[look] += 1
        kept = self.lines.setdefault(look, [])
        if len(kept) < MAX_LINES:
            kept.append(line)
        if look == "missing":
            return
        text = value if isinstance(value, str) else str(value)
        if len(self.distinct) < MAX_DISTINCT:
            self.distinct.add(text.strip())
        if look in ("whole", "padded", "bit"):
            width = len(text.strip().lstrip("-"))
            self.thousands += width > 3
            if len(self.widths) < MAX_WIDTHS:
                self.widths.add(width)
        if look in ("day_first", "month_first", "either_order") and ":" in text:
            self.timed += 1

    def add_all(self, values: Iterable[Any], *, first_line: int) -> None:
        """Count values that stand on lines one after another."""
        for line, value in enumerate(values, start=first_line):
            self.add(value, line)

    def merge(self, other: "ColumnProfile") -> None:
        """Add what was counted elsewhere of the same column."""
        self.looks.update(other.looks)
        for look, lines in other.lines.items():
            self.lines[look] = sorted(self.lines.get(look, []) + lines)[:MAX_LINES]
        for mine, theirs, most in (
            (self.distinct, other.distinct, MAX_DISTINCT),
            (self.widths, other.widths, MAX_WIDTHS),
        ):
            mine.update(list(theirs - mine)[: most - len(mine)])  # type: ignore[arg-type]
        self.thousands += other.thousands
        self.timed += other.timed

    @property
    def count(self) -> int:
        """How many values there are, missing ones included."""
        return self.looks.total()

    @property
    def missing(self) -> int:
        """How many are missing."""
        return self.looks["missing"]

    @property
    def filled(self) -> int:
        """How many are not missing."""
        return self.count - self.missing
