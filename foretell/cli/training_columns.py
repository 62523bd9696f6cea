"""What a training read each column as, in plain words: one line for everybody, a table behind `--details`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from foretell.cli.output import aligned

Figures = Mapping[str, Any]
MOST_NAMED = 5
_SEVERAL = {"number": "numbers", "date": "dates", "category": "categories", "yes/no": "yes/no"}


def summary(report: Figures) -> Iterator[str]:
    """Say how many columns were read as what, and how many of their cells could not be read."""
    columns = report.get("columns", ())
    if not columns:
        return
    counts = Counter(_family(one["read_as"]) for one in columns)
    kinds = ", ".join(f"{count} {name if count == 1 else _SEVERAL[name]}" for name, count in counts.most_common())
    unread = [one for one in columns if one["unreadable"]]
    cells = sum(one["unreadable"] for one in unread)
    dirty = ""
    if unread:
        names = ", ".join(one["name"] for one in unread[:MOST_NAMED]) + (", ..." if len(unread) > MOST_NAMED else "")
        dirty = f" {cells:,} cell{'s' if cells > 1 else ''} could not be read and count as missing ({names})."
    yield f"Columns read: {len(columns)} ({kinds}).{dirty}"


def column_lines(report: Figures) -> list[str]:
    """Lay out each column: what it was read as, its values, those that could not be read, and whether it was used."""
    why = {one["name"]: one["reason"] for one in report.get("left_out", ())}
    read = {one["name"]: one for one in report["columns"]}
    rows = [["column", "read as", "values", "unreadable", "used"]]
    for name in sorted({*read, *(one["name"] for one in report.get("left_out", ()))}):
        one = read.get(name)
        is_questioned = any(leak.startswith(f"{name}: ") for leak in report.get("leaks", ()))
        used = f"no: {why[name]}" if name in why else "no: to be answered by you" if is_questioned else "yes"
        filled = ["-", "-", "-"] if one is None else [one["read_as"], f"{one['filled']:,}", f"{one['unreadable']:,}"]
        rows.append([name, *filled, used])
    return aligned(rows)


def _family(read_as: str) -> str:
    """Name the kind without its particulars, for counting.

    >>> _family("date, day first (DD-MM-YYYY)"), _family("whole number"), _family("category of 12 values")
    ('date', 'number', 'category')
    """
    return "number" if "number" in read_as else read_as.replace(",", " ").split()[0]
