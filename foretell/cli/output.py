"""The only place that lays results out: tables for people, JSON for scripts, progress on stderr."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from shared.contracts.rows import Microseconds, instant_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from shared.contracts.outcome import Outcome


def show_rows(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows as a table with one line a row, or as a JSON list.

    Args:
        rows: the same keys in each.
        as_json: for scripts.
        empty: the sentence for people when there are none.
    """
    if as_json:
        show_json(rows)
    elif not rows:
        typer.echo(empty)
    else:
        for line in aligned([list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]):
            typer.echo(line)


def show_json(values: Sequence[dict[str, Any]]) -> None:
    """Print a JSON list for scripts."""
    typer.echo(json.dumps(list(values), indent=2, default=str))


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Pad columns to the same width, two spaces between them.

    >>> aligned([["a", "b"], ["long", "c"]])
    ['a     b', 'long  c']
    """
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _text(value: Any) -> str:
    if value in (None, "", [], ()):
        return "-"
    if isinstance(value, (list, tuple)):
        return ",".join(str(part) for part in value)
    return str(value)


def answers_of(outcome: "Outcome") -> str:
    """Write which attributes an outcome allows and forbids; empty where it says nothing."""
    answers = {"allowed": outcome.allowed, "forbidden": outcome.forbidden}
    return "; ".join(f"{word} {', '.join(names)}" for word, names in answers.items() if names)


def instant(at: Microseconds | None) -> str | None:
    """Write an instant as ISO 8601 in UTC, to the second."""
    return None if at is None else f"{instant_of(at):%Y-%m-%dT%H:%M:%SZ}"


def print_note(sentence: str) -> None:
    """Print something that is not a result, on stderr."""
    typer.echo(sentence, err=True)


@contextmanager
def progress_bars() -> Iterator["Progress"]:
    """Show progress bars on stderr; on something that is not a terminal only their ends are seen."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress
