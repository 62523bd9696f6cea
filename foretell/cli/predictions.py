"""`foretell predictions`: the ranked list as a file that only its owner can read: CSV, or a workbook for Excel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, CapabilityOption, examples
from shared.contracts.rows import microseconds, now_us
from shared.errors import BadRequest, UnknownOutcome

if TYPE_CHECKING:
    from shared.store import AccountStore, PredictionFilter, PredictionRow

app = typer.Typer(
    no_args_is_help=True,
    help="Take the ranked list out: whom to call today.",
    epilog=examples("foretell predictions export --outcome customer --out leads.xlsx --band very_high"),
)


@app.command(
    epilog=examples(
        "foretell predictions export --outcome customer --out leads.csv",
        "foretell predictions export --capability churn --outcome churn --out leavers.xlsx --min-score 80",
    )
)
def export(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    outcome: Annotated[
        str | None, typer.Option("--outcome", "-o", help="Which outcome; default: the account's.", metavar="NAME")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Where to: FILE.csv or FILE.xlsx; only you can read it.")],
    status: Annotated[str, typer.Option(help="Only of this status.")] = "ok",
    band: Annotated[str | None, typer.Option(help="Only this band: low, medium, high or very_high.")] = None,
    min_score: Annotated[int | None, typer.Option(min=1, max=99, help="Only scores from this one on.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only contacts whose latest segment has this id.")] = None,
    updated_since: Annotated[
        datetime | None, typer.Option(help="Only predictions made at this instant (UTC) or later.")
    ] = None,
    lowest_first: Annotated[bool, typer.Option("--lowest-first", help="Lowest score first.")] = False,
) -> None:
    """Write the latest prediction about each contact, highest score first, without those who reached the outcome."""
    from datetime import UTC
    from typing import get_args

    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.output import print_note
    from gateway.predictions.ranked_list import why_empty
    from shared.capabilities import capability as line_of
    from shared.contracts.prediction import Band, Status
    from shared.store import PredictionFilter

    if out.suffix.lower() not in (".csv", ".xlsx"):
        raise BadRequest("Name a file that ends in .csv or .xlsx.")
    for given, known in ((status, get_args(Status)), (band, get_args(Band))):
        if given is not None and given not in known:
            raise BadRequest(f"'{given}' is none of {', '.join(known)}.")
    line = line_of(capability_name(capability))
    per_outcome = line.per_outcome
    since = None if updated_since is None else microseconds(updated_since.replace(tzinfo=UTC))
    with opened_account(account) as (_, _, store):
        name = (outcome or store.outcomes.default(capability)) if per_outcome else ""
        if name is None:
            names = [one.name for one in store.outcomes.of(capability)]
            raise UnknownOutcome(f"Name an outcome with --outcome: {', '.join(names)}.", outcomes=names)
        if per_outcome:
            store.outcomes.require(capability, name)
        ranked = status == "ok" and line.has_score
        wanted = PredictionFilter(capability, name, status, ranked, lowest_first, band, min_score, segment, since)
        count = written(store, wanted, out)
        print_note(f"{count:,} contacts written to {out}.")
        if not count:
            print_note(why_empty(store, wanted, now=now_us()).detail)


def written(store: "AccountStore", wanted: "PredictionFilter", out: Path) -> int:
    """Write the list; a file of that name is replaced once the new one is whole.

    Args:
        store: whose predictions.
        wanted: which, and in which order.
        out: ends in .csv or .xlsx.

    Returns:
        How many contacts it holds.
    """
    from foretell.cli.output import progress_bars
    from gateway.predictions.ranked_list import pages

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
    from gateway.predictions.list_files import csv_pieces

    with file.open("w", newline="", encoding="utf-8") as target:
        target.writelines(csv_pieces(pages_of))


def _write_workbook(file: Path, pages_of: "Iterator[list[PredictionRow]]") -> None:
    from gateway.predictions.list_files import write_workbook

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
