"""The notes on a plan: warnings in plain sentences, and first rows with what is personal masked."""

from shared.contracts.rows import SHARED_BY
from shared.ingest.plan import KINDS, Plan, PlannedColumn, Use, lines_text
from shared.ingest.roles import MAX_SHOWN
from shared.ingest.table import Record
from shared.values.personal import leads_to_person

IDS = ("id", "contact_id", "message_id", "campaign_id")
MASK = "***"
TIMES = ("occurred_at", "created_at", "valid_from")
REJECT_COLUMNS = ("line", "reason", "row")
LEAVE_OUT = "-"
"""Target that leaves a column out: `--map "Notes=-"`."""


def shown(record: Record, columns: tuple[PlannedColumn, ...]) -> dict[str, str]:
    """Lay out a row by column; what is not kept as it stands, or leads to a person, is masked."""
    cells = record.cells or {}
    laid_out = {}
    for column in columns:
        cell = cells.get(column.name)
        text = "" if cell is None else str(cell)
        hidden = column.use in (Use.HASHED, Use.LEFT_OUT) or leads_to_person(text)
        masked = MASK if hidden and text.strip() else " ".join(text.split())
        laid_out[column.name] = masked if len(masked) <= MAX_SHOWN else f"{masked[: MAX_SHOWN - 3]}..."
    return laid_out


def warnings(plan: Plan, repeated: tuple[int, int, list[int]]) -> list[str]:
    """Say what may be wrong with a file.

    Args:
        plan: of the file.
        repeated: how many ids stand in more than one row, in how many rows, and the lines of the most frequent.
    """
    notes = []
    layout = plan.layout
    if layout.unread_from is not None:
        notes.append(f"Not read from line {layout.unread_from:,} on: {layout.unread_reason}.")
    for sentence, lines in layout.marks.items():
        notes.append(f"{lines_text(lines[:5], len(lines)).capitalize()}: {sentence}.")
    for column in plan.columns:
        notes += _column_warnings(column)
    ids, rows, lines = repeated
    column_of_id = plan.column_of("id")
    if ids and column_of_id is not None:
        what = {
            "contacts": "one contact, and the last one counts",
            "events": "one event of a contact",
            "items": "one item, and the last one counts",
        }[plan.subject]
        notes.append(
            f"{column_of_id.name}: {rows:,} rows share {ids:,} id{'s' if ids > 1 else ''} with another row "
            f"({lines_text(lines, len(lines))}); rows with one id are {what}."
        )
    if plan.shared_addresses:
        notes.append(
            f"Addresses that stand at {SHARED_BY} contacts or more: {len(plan.shared_addresses):,}; "
            "they recognise nobody."
        )
    return notes


def _column_warnings(column: PlannedColumn) -> list[str]:
    notes, kind = [], column.type
    filled = f"{column.filled:,}"
    if column.use is Use.LEFT_OUT:
        return []
    if kind.rounded and column.target in IDS:
        notes.append(
            f"{column.name}: {kind.rounded:,} of {filled} values look like long numbers that a spreadsheet rounded, as "
            f"1.23457E+14 ({lines_text(list(kind.rounded_lines), kind.rounded)}); different ids may have become one. "
            "Export the column as text."
        )
    if column.use is not Use.KEPT:
        return notes
    if kind.unreadable:
        notes.append(
            f"{column.name}: {kind.unreadable:,} of {filled} values are not {KINDS[kind.kind]} as the others are "
            f"({lines_text(list(kind.unreadable_lines), kind.unreadable)}); they are left out."
        )
    if kind.respelled:
        notes.append(
            f"{column.name}: {kind.respelled:,} of {filled} values are numbers written in another way than the others "
            f"({lines_text(list(kind.respelled_lines), kind.respelled)}); they are read as numbers."
        )
    if kind.question is not None:
        option = {"decimal": "--decimal point or --decimal comma", "date_order": "--date-order dmy or mdy"}[
            kind.question
        ]
        notes.append(f"{column.name}: its values can be read two ways, so they stay text; say {option}.")
    return notes
