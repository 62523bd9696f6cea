"""`foretell import`: contacts, events and items from files."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.errors import BadRequest, FileRefused

if TYPE_CHECKING:
    from foretell.importing import Import, Summary
    from shared.ingest import Options, Plan
    from shared.ingest.plan import Subject

IMPORT_EXAMPLES = examples(
    "foretell import --check --contacts leads.csv",
    "foretell import --contacts contacts.csv --events events.parquet",
    "foretell import --contacts leads.csv.gz --static country,industry --max-errors 100",
    'foretell import --contacts export.xlsx --sheet Kontakte --map "Kunde=id" --timezone Europe/Berlin --decimal comma',
    "foretell import --items products.csv --set currency=EUR",
    "foretell import --events orders.csv --set type=order_placed --timezone Europe/Berlin --date-order dmy",
)
FILES = "CSV, JSON or NDJSON (all also .gz), .xlsx or Parquet; what it is shows in what it holds."
DEFAULT_MAX_REJECTED = 10.0
CheckOption = Annotated[bool, typer.Option("--check", help="Show what is understood of the files, and write nothing.")]
RenamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="Which field or attribute a column is; X=- leaves it out. Repeatable.",
        metavar='"COLUMN=NAME"',
    ),
]
ConstantsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A field's value for every row, such as type=order_placed. Repeatable.", metavar="FIELD=VALUE"
    ),
]
TimezoneOption = Annotated[
    str | None, typer.Option(help="Zone of times that name none, such as Europe/Berlin.", metavar="ZONE")
]
DateOrderOption = Annotated[
    str | None,
    typer.Option(help="What 05/03/2026 means: dmy or mdy. Default: as the column shows.", metavar="ORDER"),
]
DecimalOption = Annotated[
    str | None,
    typer.Option(help="What begins decimals: point or comma. Default: as the column shows.", metavar="MARK"),
]
EncodingOption = Annotated[
    str | None, typer.Option(help="Encoding of a text file. Default: as it shows.", metavar="NAME")
]
DelimiterOption = Annotated[
    str | None,
    typer.Option(help="comma, semicolon, tab, pipe or another character. Default: as it shows.", metavar="MARK"),
]
SheetOption = Annotated[
    str | None, typer.Option(help="Sheet of a workbook. Default: the first one that holds rows.", metavar="NAME")
]
MaxErrorsOption = Annotated[
    int | None, typer.Option(min=0, help="Stop after so many bad rows. Default: never.", metavar="N")
]
MaxRejectedOption = Annotated[
    float,
    typer.Option(
        min=0, max=100, help="Per cent of the rows that may be bad; above it the exit code is 1.", metavar="PERCENT"
    ),
]


def import_files(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="With --check: files whose columns show what their rows are.", metavar="[FILE]...", show_default=False
        ),
    ] = None,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    contacts: Annotated[Path | None, typer.Option(help=FILES, metavar="FILE")] = None,
    events: Annotated[Path | None, typer.Option(help=FILES, metavar="FILE")] = None,
    items: Annotated[
        Path | None,
        typer.Option(help="The catalogue of what events name in their `item`; a feed of products too.", metavar="FILE"),
    ] = None,
    check: CheckOption = False,
    renames: RenamesOption = None,
    constants: ConstantsOption = None,
    timezone: TimezoneOption = None,
    date_order: DateOrderOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
    static: Annotated[
        str | None,
        typer.Option(
            help="Attributes that held always, so that training may use them undated; a name that holds a comma in "
            "double quotes.",
            metavar="NAMES|all",
        ),
    ] = None,
    max_errors: MaxErrorsOption = None,
    max_rejected: MaxRejectedOption = DEFAULT_MAX_REJECTED,
    json: JsonOption = False,
) -> None:
    """Load files; the same file twice changes nothing, a bad row goes to a file of rejects."""
    given: tuple[tuple[Path | None, Subject], ...] = ((contacts, "contacts"), (events, "events"), (items, "items"))
    named = [(path, subject) for path, subject in given if path is not None]
    if files and not check:
        raise BadRequest("Say what the rows of the file are: --contacts FILE, --events FILE or --items FILE.")
    if not named and not files and (static is None or check):
        raise BadRequest("Give --contacts FILE, --events FILE or --items FILE; several may be given at once.")
    options = import_options(
        renames, constants, timezone=timezone, date_order=date_order, decimal=decimal, encoding=encoding,
        delimiter=delimiter, sheet=sheet,
    )  # fmt: skip
    load_files(
        account,
        named,
        options,
        check=check,
        to_guess=files or (),
        static=static,
        max_errors=max_errors,
        max_rejected=max_rejected,
        as_json=json,
    )


def import_options(renames: list[str] | None, constants: list[str] | None, **more: str | None) -> "Options":
    """Read what a caller knows of a file.

    Args:
        renames: of `--map`.
        constants: of `--set`.
        more: other fields of `Options`.

    Raises:
        BadRequest: something is not written as a pair, or named twice.
    """
    from shared.ingest import Options

    return Options(renames=_pairs(renames, "--map"), constants=_pairs(constants, "--set"), **more)


def load_files(
    account: str,
    named: Sequence[tuple[Path, "Subject"]],
    options: "Options",
    *,
    check: bool,
    max_errors: int | None,
    max_rejected: float,
    as_json: bool,
    to_guess: Iterable[Path] = (),
    static: str | None = None,
) -> None:
    """Load files, or show what an import would do with them, and print what became of each.

    Args:
        account: whose.
        named: files, and what their rows are.
        options: how they are read.
        check: write nothing.
        max_errors: after how many bad rows of a file the import stops; None: never.
        max_rejected: per cent of its rows that may be bad.
        as_json: for scripts.
        to_guess: files whose columns show what their rows are, for a check.
        static: attributes that held always.

    Raises:
        FileRefused: a file cannot be read, or too many of its rows are bad.
    """
    from foretell.cli.context import identity_key, opened_account
    from foretell.cli.output import show_rows
    from foretell.importing import Import
    from foretell.rejects import place, sweep
    from shared.ingest import subject_of

    with opened_account(account) as (settings, database, store):
        key = identity_key(settings)
        rejects_of = partial(place, settings.home, account)
        run = Import(store, key, rejects_of, options, max_errors, showing=_shown_in_terminal)
        if check:
            wanted = [*named, *((path, subject_of(path, options)) for path in to_guess)]
            _show_checks([run.check(path, subject) for path, subject in wanted], as_json=as_json)
            return
        sweep(settings.home, database, key)
        if static is not None:
            store.contacts.declare_static("all" if static == "all" else _names(static))
        summaries = [_loaded(run, path, subject) for path, subject in named]
    rows = [one.to_dict() if as_json else one.to_row() for one in summaries]
    show_rows(rows, as_json=as_json, empty="The attributes are declared static.")
    failures = [failure for one in summaries if (failure := one.failure(max_rejected / 100))]
    if failures:
        raise FileRefused(" ".join(failures))


@contextmanager
def _shown_in_terminal(name: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar while the block runs."""
    from foretell.cli.output import progress_bars

    with progress_bars() as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)


def _loaded(run: "Import", path: Path, subject: "Subject") -> "Summary":
    from foretell.importing import sentences_after

    summary = run.load(path, subject, announce=lambda plan: _print_notes(_announcement(plan)))
    _print_notes(sentences_after(summary))
    return summary


def _show_checks(summaries: list["Summary"], *, as_json: bool) -> None:
    """Show the plan of each file, and how many of its rows an import would take."""
    from foretell.cli.output import show_json
    from foretell.importing import sentences_after

    if as_json:
        show_json(
            [
                {**one.plan.to_dict(), "readable": one.new, "rejected": one.rejected, "findings": one.findings,
                 "rejects": [{"line": reject.line, "reason": reject.reason} for reject in one.first_rejects]}
                for one in summaries
            ]
        )  # fmt: skip
        return
    for summary in summaries:
        for line in _plan_lines(summary.plan):
            typer.echo(line)
        for line in sentences_after(summary):
            typer.echo(line)
        typer.echo(
            f"\n{summary.new:,} rows would be loaded, {summary.rejected:,} would be rejects. Nothing was written.\n"
        )


def _print_notes(lines: Iterable[str]) -> None:
    from foretell.cli.output import print_note

    for line in lines:
        print_note(line)


def _plan_lines(plan: "Plan") -> Iterator[str]:
    """Lay a plan out: format, columns, first rows, warnings."""
    from foretell.cli.output import aligned

    yield _heading(plan)
    yield ""
    rows = [column.to_row() for column in plan.columns]
    yield from aligned([list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)])
    if plan.first_rows:
        yield ""
        yield "First rows (what is not kept as it stands is masked):"
        names = [column.name for column in plan.columns]
        yield from aligned([names, *([_cell(row[name]) for name in names] for row in plan.first_rows)])
    lines = [*plan.notes, *plan.warnings]
    if lines:
        yield ""
        yield from lines


def _heading(plan: "Plan") -> str:
    """Say in one line what the file is.

    For example: leads.csv: CSV, cp1252, separated by semicolon, 1,200 rows of contacts
    """
    layout = plan.layout
    facts = [layout.format]
    if layout.encoding and layout.encoding != "utf-8-sig":
        facts.append(layout.encoding)
    if layout.delimiter:
        facts.append(f"separated by {layout.delimiter}")
    if layout.sheet:
        facts.append(f"sheet {layout.sheet}")
    return f"{plan.path.name}: {', '.join(facts)}, {plan.rows + plan.unreadable:,} rows of {plan.subject}"


def _announcement(plan: "Plan") -> Iterator[str]:
    """Say in a few lines what an import does with a file, before it begins: no column is passed over."""
    from shared.ingest import Use

    yield _heading(plan)
    parts = []
    for use, words in (
        (Use.FIELD, "Fields"),
        (Use.HASHED, "Hashed"),
        (Use.KEPT, "Kept as properties" if plan.subject == "events" else "Kept as attributes"),
        (Use.LEFT_OUT, "Left out"),
    ):
        named = [
            column.name
            if use is Use.KEPT and column.target == column.name
            else f"{column.name} ({column.reason})"
            if use is Use.LEFT_OUT
            else column.name
            if column.target == column.name
            else f"{column.name} as {column.target}"
            for column in plan.columns
            if column.use is use
        ]
        if named:
            parts.append(f"{words}: {', '.join(named)}.")
    yield from parts
    yield from plan.notes
    yield from plan.warnings


def _cell(value: object) -> str:
    return "-" if value in (None, "") else str(value)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.rpartition("=")
        if not equals or not name.strip() or not value.strip():
            raise BadRequest(f'{option}: write it as {option} "NAME=VALUE".')
        if name.strip() in pairs:
            raise BadRequest(f"{option} names {name.strip()} twice.")
        pairs[name.strip()] = value.strip()
    return pairs


def _names(listed: str) -> list[str]:
    """Split a list of attributes: a line of CSV, for a column may be called `Revenue, total`.

    >>> _names('country, "Revenue, total",')
    ['country', 'Revenue, total']
    """
    return [name.strip() for name in next(csv.reader([listed], skipinitialspace=True), []) if name.strip()]
