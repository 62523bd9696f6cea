"""A migration as people see it: a bar in a terminal, elsewhere lines that go on."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from foretell.cli.output import print_note, progress_bars
from shared.settings import Settings
from shared.store import MigrationProgress, migrate

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_SECONDS = 5.0
"""How long a line stands before the next one about the same step."""


def migrate_showing(settings: Settings, *, revision: str = "head") -> None:
    """Bring both databases up to a revision, and show on stderr what takes long.

    Raises:
        StoreUnavailable: a database cannot be reached.
        Conflict: a newer release has migrated it.
    """
    with _shown() as progress:
        migrate(settings, revision=revision, note=_note, progress=progress)


@contextmanager
def _shown() -> Iterator[MigrationProgress]:
    if not sys.stderr.isatty():
        yield StepLines(_note)
        return
    with ExitStack() as stack:
        bars = StepBars(stack)
        yield bars
        bars.end()


def _note(line: str) -> None:
    """Print a line; whoever read it may be gone, and a migration is not to end for that."""
    with suppress(OSError):
        print_note(line)


class StepLines:
    """Writes a line as a step begins and ends, and every few seconds while it counts rows."""

    def __init__(self, write: Callable[[str], None], seconds: Callable[[], float] = time.monotonic) -> None:
        """Write nothing yet."""
        self._write, self._seconds = write, seconds
        self._step, self._written_at = "", 0.0

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Take how far a step is."""
        now = self._seconds()
        if step == self._step and done != total and now - self._written_at < LINE_SECONDS:
            return
        self._step, self._written_at = step, now
        self._write(_line(step, done, total))


class StepBars:
    """Draws a bar for each step; the first one opens the display."""

    def __init__(self, stack: ExitStack) -> None:
        """Draw nothing yet; the stack closes the display."""
        self._stack = stack
        self._step = ""
        self._drawn: tuple[Progress, TaskID] | None = None

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Take how far a step is; the one before has ended."""
        if step != self._step or self._drawn is None:
            display = self._stack.enter_context(progress_bars()) if self._drawn is None else self._drawn[0]
            self.end()
            self._step, self._drawn = step, (display, display.add_task(step, total=total))
        display, task = self._drawn
        display.update(task, description=_line(step, done, total), completed=done)

    def end(self) -> None:
        """Fill the bar of a step that counted nothing."""
        if self._drawn is not None:
            display, task = self._drawn
            if display.tasks[task].total is None:
                display.update(task, total=1, completed=1)


def _line(step: str, done: int, total: int | None) -> str:
    """Write how far a step is.

    >>> _line("events: counting", 20_000, 1_000_000)
    'events: counting, 20,000 of 1,000,000 rows'
    """
    return step if total is None else f"{step}, {done:,} of {total:,} rows"
