"""Paths that another tool counted: rows of a file or of a request, checked one by one."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from shared.attribution.journeys import PathCounts
from shared.attribution.steps import steps_of
from shared.contracts.attribution import MOST_PATHS
from shared.errors import FileRefused
from shared.values.words import same_name_key

MOST_STEPS: Final = 1_000
COLUMNS: Final = {
    "path": ("path", "paths", "channel_path", "journey"),
    "conversions": ("total_conversions", "conversions", "total_conversion", "conv"),
    "value": ("total_conversion_value", "conversion_value", "value", "revenue", "total_value"),
    "nulls": ("total_null", "nulls", "null", "total_nulls", "non_conversions"),
}
"""Names of columns, as R's ChannelAttribution writes them first; capital letters, spaces and dashes do not matter."""


def paths_of(path: Path) -> list[PathCounts]:
    """Read a CSV file of paths.

    Raises:
        FileRefused: it cannot be read; says in which line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileRefused(f"{path.name} cannot be read as CSV in UTF-8: {type(error).__name__}.") from error


def _rows(file: Iterable[str]) -> Iterator[PathCounts]:
    reader = csv.reader(file)
    header = next(reader, [])
    places, rows = _places(header), 0
    for line in reader:
        number = reader.line_num
        if not any(cell.strip() for cell in line):
            continue
        rows += 1
        if rows > MOST_PATHS:
            raise FileRefused(f"The file has more than {MOST_PATHS:,} paths; leave out those that were gone least.")
        if len(line) != len(header):
            raise FileRefused(f"Line {number} has {len(line)} cells; the header has {len(header)}.")
        steps = steps_of(line[places["path"]])
        if len(steps) > MOST_STEPS:
            raise FileRefused(f"Line {number}: a path has at most {MOST_STEPS:,} steps.")
        counts = [_count(line, places, name, number) for name in ("conversions", "value", "nulls")]
        yield PathCounts(steps, *counts)


def _places(header: Sequence[str]) -> dict[str, int]:
    keys = [same_name_key(one) for one in header]
    found = {}
    for name, spellings in COLUMNS.items():
        known = [same_name_key(one) for one in spellings]
        place = next((keys.index(one) for one in known if one in keys), None)
        if place is not None:
            found[name] = place
    missing = [COLUMNS[name][0] for name in ("path", "conversions") if name not in found]
    if missing:
        raise FileRefused(
            f"The header lacks {' and '.join(missing)}; it has: {', '.join(header) or 'nothing'}. Expected: "
            "path, total_conversions, total_conversion_value, total_null (the last two may be missing)."
        )
    return found


def _count(line: Sequence[str], places: dict[str, Any], name: str, number: int) -> float:
    if name not in places or not line[places[name]].strip():
        return 0.0
    try:
        found = float(line[places[name]])
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or (found < 0 and name != "value"):
        raise FileRefused(f"Line {number}: {COLUMNS[name][0]} is no number of 0 or more.")
    return found
