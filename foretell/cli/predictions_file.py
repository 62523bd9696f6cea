"""The ranked list as a file that only its owner can read: CSV, or a workbook for Excel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli.output import progress_bars
from gateway.predictions.list_files import csv_pieces, write_workbook
from gateway.predictions.ranked_list import pages

if TYPE_CHECKING:
    from shared.store import AccountStore, PredictionFilter, PredictionRow


def written(store: "AccountStore", wanted: "PredictionFilter", out: Path) -> int:
    """Write the list; a file of that name is replaced once the new one is whole.

    Args:
        store: whose predictions.
        wanted: which, and in which order.
        out: ends in .csv or .xlsx.

    Returns:
        How many contacts it holds.
    """
    total = store.predictions.statuses(wanted.capability, wanted.outcome).get(wanted.status, 0)
    with progress_bars() as progress, _replacing(out) as fresh:
        task = progress.add_task(f"Writing {out.name}", total=max(total, 1))
        count = 0

        def counted() -> "Iterator[list[PredictionRow]]":
            nonlocal count
            for rows in pages(store, wanted):
                yield rows
                count += len(rows)
                progress.update(task, completed=count)

        (_write_workbook if out.suffix.lower() == ".xlsx" else _write_csv)(fresh, counted())
        progress.update(task, completed=max(total, 1))
    return count


def _write_csv(file: Path, pages_of: "Iterator[list[PredictionRow]]") -> None:
    with file.open("w", newline="", encoding="utf-8") as target:
        target.writelines(csv_pieces(pages_of))


def _write_workbook(file: Path, pages_of: "Iterator[list[PredictionRow]]") -> None:
    with file.open("wb") as target:
        write_workbook(target, chain.from_iterable(pages_of))


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """Make a file beside the wanted one, readable by its owner alone, and put it in its place at the end."""
    fresh = out.with_name(f".{out.name}.{os.getpid()}.new")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield fresh
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
