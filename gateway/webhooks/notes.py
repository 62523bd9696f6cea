"""Notes about fields that were left out of an item though the rest was taken: by field, never with a value.

Every function of `payload` and `attributes` notes a field that is there and cannot be read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

LEFT_OUT: Final = "value_left_out"
MOST: Final = 10
"""Notes of one item; more are not kept."""
_MAX_FIELD: Final = 100


class Note(NamedTuple):
    """What the account should know about an item that was taken or skipped."""

    reason: str
    """A stable code."""
    detail: str
    """A sentence without any value of it."""


_taken: ContextVar[list[Note] | None] = ContextVar("notes", default=None)


@contextmanager
def collected() -> Iterator[list[Note]]:
    """Collect the notes that are made inside the `with` block."""
    notes: list[Note] = []
    token = _taken.set(notes)
    try:
        yield notes
    finally:
        _taken.reset(token)


def left_out(field: str, what: str) -> None:
    """Note that a field was left out.

    Args:
        field: its path; one that may be an address is not repeated.
        what: is wrong with it: `is not a number`.
    """
    notes = _taken.get()
    if notes is None or len(notes) >= MOST:
        return
    named = field if field.isprintable() and not any(mark in field for mark in ("@", "%40", "hash:")) else "A field"
    note = Note(LEFT_OUT, f"{named[:_MAX_FIELD]} {what}; the rest of the item was taken.")
    if note not in notes:
        notes.append(note)
