"""How the plan of an import is laid out for people: every column, and what becomes of it."""

from collections.abc import Iterator

from foretell.cli.output import aligned
from shared.ingest import Plan, Use


def plan_lines(plan: Plan) -> Iterator[str]:
    """Lay a plan out: format, columns, first rows, warnings."""
    yield heading(plan)
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


def heading(plan: Plan) -> str:
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


def announcement(plan: Plan) -> Iterator[str]:
    """Say in a few lines what an import does with a file, before it begins: no column is passed over."""
    yield heading(plan)
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
