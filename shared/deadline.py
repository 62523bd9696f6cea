"""Until when whoever asked wants an answer: set where a request comes in, kept to wherever its work may wait.

It travels in a context variable: into every coroutine and thread that works for the request. Work behind which nobody
waits (the worker, the command line, polls) has none, and is as patient as its own settings say.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar


class Deadline:
    """An instant that may be moved: threads that work for the same request see it move."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds: float | None = seconds
        self._monotonic = monotonic
        self._ends_at: float | None = monotonic() + seconds

    def restart(self) -> None:
        """Count anew from now, unless the end was fixed: the request has only now come whole."""
        if self._seconds is not None:
            self._ends_at = self._monotonic() + self._seconds

    def fix(self, seconds: float) -> None:
        """Let it end so many seconds from now, whatever comes: whoever asked has said so."""
        self._seconds = None
        self._ends_at = self._monotonic() + seconds

    def lift(self) -> None:
        """Let the rest take its time: the answer has begun."""
        self._ends_at = None

    def left(self) -> float | None:
        """Count the seconds that are left, at least 0; None: it was lifted."""
        return None if self._ends_at is None else max(0.0, self._ends_at - self._monotonic())


_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Give what the block does so many seconds, whatever it had before."""
    made = Deadline(seconds)
    token = _CURRENT.set(made)
    try:
        yield made
    finally:
        _CURRENT.reset(token)


def at_most(seconds: float) -> AbstractContextManager[Deadline]:
    """Give what the block does so many seconds, or what is left where that is less."""
    left = seconds_left()
    return within(seconds if left is None else min(seconds, left))


def current() -> Deadline | None:
    """Find the deadline of the request for which this is done; None: nobody waits."""
    return _CURRENT.get()


def seconds_left() -> float | None:
    """Count the seconds until the deadline, at least 0; None: there is none."""
    deadline = _CURRENT.get()
    return None if deadline is None else deadline.left()
