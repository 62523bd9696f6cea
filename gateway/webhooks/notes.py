"""What of an item is left out though the rest is taken: said to the account by field, never with a value.

Every reader of `reading` and `attributes` notes what is there and cannot be read, wherever it is called from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

LEFT_OUT: Final = "value_left_out"
MOST: Final = 10
"""Of one item; an item with more is wrong as a whole."""
_MAX_FIELD: Final = 100


class Note(NamedTuple):
    """Something the account should know of an item that was taken, or skipped."""

    reason: str
    """A stable code."""
    detail: str
    """A sentence without any value of it."""


_taken: ContextVar[list[Note] | None] = ContextVar("notes", default=None)


@contextmanager
def collected() -> Iterator[list[Note]]:
    """Collect what is noted meanwhile."""
    notes: list[Note] = []
    token = _taken.set(notes)
    try:
        yield notes
    finally:
        _taken.reset(token)


def left_out(field: str, what: str) -> None:
    """Note that a field was left out.

    Args:
        field: where it stands; one that may be an address is not repeated.
        what: is wrong with it: `is not a number`.
    """
    notes = _taken.get()
    if notes is None or len(notes) >= MOST:
        return
    named = field if field.isprintable() and not any(mark in field for mark in ("@", "%40", "hash:")) else "A field"
    note = Note(LEFT_OUT, f"{named[:_MAX_FIELD]} {what}; the rest of the item was taken.")
    if note not in notes:
        notes.append(note)
