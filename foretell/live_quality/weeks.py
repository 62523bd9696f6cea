"""ISO weeks by number and by name, and who was in which segment in each of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from shared.contracts.model_quality import SegmentFlow, SegmentWeek
from shared.contracts.rows import DAY, Microseconds
from shared.store import LoggedProbability

_FIRST = date(1969, 12, 29)
"""The Monday of week 0."""


def week_of(at: Microseconds) -> int:
    """Number the ISO week of an instant, UTC; Monday 5 January 1970 begins week 1.

    >>> week_of(0), week_of(4 * DAY - 1), week_of(4 * DAY)
    (0, 0, 1)
    """
    return (at // DAY + 3) // 7


def named(week: int) -> tuple[str, date]:
    """Return the name of a week, and its Monday.

    >>> named(week_of(0))[0], str(named(week_of(0))[1]), named(2944)[0]
    ('1970-W01', '1969-12-29', '2026-W23')
    """
    starts_on = _FIRST + timedelta(weeks=week)
    year, number, _ = starts_on.isocalendar()
    return f"{year}-W{number:02d}", starts_on


@dataclass(slots=True)
class SegmentCounts:
    """Who was in which segment week by week, and who moved: counted from logged predictions, the first of each week."""

    placed: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By week and segment."""
    stayed: Counter[int] = field(default_factory=Counter)
    """By week: contacts in the same segment as the week before."""
    moved: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    """By week: contacts by the segment of the week before and this one's, where they differ."""

    def add(self, part: Sequence[LoggedProbability]) -> None:
        """Count all predictions of some contacts."""
        first: dict[tuple[str, int], str] = {}
        for one in part:
            if one.segment is not None:
                first.setdefault((one.contact_id, week_of(one.cutoff)), one.segment)
        for (contact_id, week), segment in first.items():
            self.placed[week, segment] += 1
            before = first.get((contact_id, week - 1))
            if before == segment:
                self.stayed[week] += 1
            elif before is not None:
                self.moved[week, before, segment] += 1

    def weeks(self) -> list[SegmentWeek]:
        """Return the weeks in order."""
        return [self._week(week) for week in sorted({week for week, _ in self.placed})]

    def _week(self, week: int) -> SegmentWeek:
        counts = {segment: count for (at, segment), count in sorted(self.placed.items()) if at == week}
        contacts = sum(counts.values())
        moves = [(places, count) for (at, *places), count in self.moved.items() if at == week]
        moved = sum(count for _, count in moves)
        both = self.stayed[week] + moved
        name, starts_on = named(week)
        return SegmentWeek(
            week=name,
            starts_on=starts_on,
            contacts=contacts,
            shares={segment: round(count / contacts, 6) for segment, count in counts.items()},
            moved_share=round(moved / both, 6) if both else None,
            moves=[
                SegmentFlow(before=before, after=after, contacts=count)
                for (before, after), count in sorted(moves, key=lambda move: (-move[1], move[0]))
            ],
        )


def counted(parts: Iterable[Sequence[LoggedProbability]]) -> list[SegmentWeek]:
    """Count logged predictions, all of some contacts at a time."""
    counts = SegmentCounts()
    for part in parts:
        counts.add(part)
    return counts.weeks()
