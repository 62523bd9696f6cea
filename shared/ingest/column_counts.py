"""What a column holds, learned over all of its values in bounded memory."""

from collections import Counter
from typing import Any, Literal

from shared.ingest.cells import present
from shared.values.columns import (
    MAX_LINES,
    ColumnProfile,
    ColumnType,
    Look,
    decide,
    look_of,
    mark_of_counts,
    order_of_counts,
)
from shared.values.instants import DateOrder
from shared.values.numbers import DecimalMark
from shared.values.personal import MAX_SAMPLE, Personal, personal_of
from shared.values.personal import look_of as personal_look_of

MAX_KNOWN = 2_000
"""Texts whose look is remembered: most columns repeat themselves."""


class ColumnCounts:
    """Counts what the values of one column look like, and how many of them lead to a person."""

    __slots__ = ("_kinds", "_known", "has_numbers", "profile")

    def __init__(self, name: str) -> None:
        """Begin with nothing seen."""
        self.profile = ColumnProfile(name)
        self.has_numbers = False
        self._kinds: Counter[Any] = Counter()
        self._known: dict[str, tuple[Look, int, int]] = {}

    def observe(self, cell: Any, line: int) -> None:
        """Count a cell."""
        profile = self.profile
        if not isinstance(cell, str):
            self.has_numbers |= isinstance(cell, (int, float)) and not isinstance(cell, bool)
            profile.add("..." if isinstance(cell, (list, dict)) else cell, line)
            return
        known = self._known.get(cell)
        if known is not None:
            self._again(known, line)
            return
        thousands, timed = profile.thousands, profile.timed
        profile.add(cell, line)
        if len(self._known) < MAX_KNOWN:
            self._known[cell] = (look_of(cell), profile.thousands - thousands, profile.timed - timed)
        if self._kinds.total() < MAX_SAMPLE and present(cell):
            self._kinds[personal_look_of(cell)] += 1

    def _again(self, known: tuple[Look, int, int], line: int) -> None:
        """Count a text that was met before, as the profile would."""
        look, thousands, timed = known
        profile = self.profile
        profile.looks[look] += 1
        profile.thousands += thousands
        profile.timed += timed
        lines = profile.lines[look]
        if len(lines) < MAX_LINES:
            lines.append(line)

    def type(self, *, declared: bool, decimal: DecimalMark | None, order: DateOrder | None) -> ColumnType:
        """Choose what the column is read as.

        Args:
            declared: whether the format says what each value is, so that a text is one.
            decimal: as a person says.
            order: as a person says.
        """
        if declared and not self.has_numbers and self.profile.filled:
            return ColumnType(self.profile.name, "text", count=self.profile.count, missing=self.profile.missing)
        return decide(self.profile, decimal=decimal, order=order)

    @property
    def decimal(self) -> DecimalMark | None:
        """Mark that begins decimals, as nearly all values show."""
        looks = self.profile.looks
        return mark_of_counts(looks["point"] + looks["grouped_point"], looks["comma"] + looks["grouped_comma"])

    @property
    def order(self) -> DateOrder | None:
        """Order of day and month, as all dates show."""
        return order_of_counts(self.profile.looks["day_first"], self.profile.looks["month_first"])

    @property
    def epoch(self) -> Literal["seconds", "milliseconds"] | None:
        """What whole numbers count, where all values are as long as an instant since 1970 is."""
        if not self.profile.filled or self.profile.looks["whole"] != self.profile.filled:
            return None
        return {frozenset({10}): "seconds", frozenset({13}): "milliseconds"}.get(  # type: ignore[return-value]
            frozenset(self.profile.widths)
        )

    def personal(self, header: str) -> Personal | None:
        """Say whether the column names or finds a person."""
        return personal_of(header, self._kinds)
