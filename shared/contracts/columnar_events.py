"""Events laid out as columns: a file of millions reaches the store without an object for each of its rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from typing import Any, overload

from shared.contracts.rows import EventRow


@dataclass(frozen=True, slots=True)
class ColumnarEvents(Sequence[EventRow]):
    """Events by field; rows are made only of those that are looked at."""

    size: int
    """How many events."""
    values: Mapping[str, Sequence[Any]]
    """Values by field of `EventRow`, each `size` long; a field that is not here is None in every row."""

    @classmethod
    def of_rows(cls, rows: Collection[EventRow]) -> "ColumnarEvents":
        """Lay out rows, in their order."""
        columns = zip(EventRow._fields, zip(*rows, strict=True), strict=False)
        return cls(len(rows), {name: column for name, column in columns if _holds_any(column)})

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of a field."""
        found = self.values.get(name)
        return [None] * self.size if found is None else found

    def only(self, chosen: Sequence[bool]) -> "ColumnarEvents":
        """Keep some of the events.

        Args:
            chosen: of each, shape (size,).
        """
        kept = {name: list(compress(column, chosen)) for name, column in self.values.items()}
        return ColumnarEvents(sum(chosen), kept)

    def __len__(self) -> int:
        """Count the events."""
        return self.size

    def __iter__(self) -> Iterator[EventRow]:
        """Make the rows one by one."""
        columns = (self.values.get(name, repeat(None, self.size)) for name in EventRow._fields)
        return map(EventRow._make, zip(*columns, strict=True))

    @overload
    def __getitem__(self, place: int) -> EventRow: ...

    @overload
    def __getitem__(self, place: slice) -> "ColumnarEvents": ...

    def __getitem__(self, place: int | slice) -> "EventRow | ColumnarEvents":
        """Make one row, or cut out the columns of several."""
        if isinstance(place, slice):
            part = {name: column[place] for name, column in self.values.items()}
            return ColumnarEvents(len(range(self.size)[place]), part)
        at = range(self.size)[place]
        return EventRow._make(self.values[name][at] if name in self.values else None for name in EventRow._fields)


def _holds_any(column: Sequence[Any]) -> bool:
    return any(value is not None for value in column)
