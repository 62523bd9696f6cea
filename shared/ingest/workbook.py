"""Excel workbooks (and what the same library reads: .xls, .xlsb, .ods): dates are dates, whole numbers are whole."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from shared.errors import FileRefused
from shared.ingest.table import Layout, Options, Progress, Record, named_columns, no_progress, note_titles
from shared.values.headers import field_of, titles_above

MAX_UNPACKED_BYTES = 2 << 30
"""A workbook is unpacked in memory; one that would take more is refused."""
_EVERY = 1_000
_FIRST = 20
"""Rows among which the header is looked for."""
_EXACT = 2**53


class WorkbookTable:
    """One sheet of a workbook."""

    declares_types = False
    rows: int | None = None

    def __init__(self, path: Path, options: Options) -> None:
        """Open the workbook and choose the sheet: the named one, else the first visible one that holds anything.

        Raises:
            FileRefused: it cannot be read, or there is no such sheet.
        """
        from python_calamine import CalamineError, PasswordError, load_workbook

        _refuse_endless(path)
        self.layout = Layout("Excel workbook", path.name)
        try:
            book = load_workbook(path)
            self._sheet = self._chosen(book, options.sheet, path)
        except PasswordError as error:
            raise FileRefused(f"{path.name} is protected by a password; save it without one.") from error
        except (CalamineError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise FileRefused(f"{path.name} is not a readable workbook; save it again as .xlsx or CSV.") from error
        self.layout.sheet = self._sheet.name
        first = _first_rows(self._sheet)
        if not first:
            raise FileRefused(f"The sheet {self.layout.sheet} has no header and no row.")
        self._titles = titles_above([cells for _, cells in first], named=options.renames)
        number, names = first[self._titles]
        if self._titles:
            note_titles(self.layout, number)
        self.header = named_columns(names, self.layout)

    def _chosen(self, book: Any, named: str | None, path: Path) -> Any:
        from python_calamine import SheetTypeEnum, SheetVisibleEnum

        names = [one.name for one in book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
        if named is not None:
            if named not in names:
                raise FileRefused(f"{path.name} has no sheet {named}; it has {', '.join(names)}.")
            return book.get_sheet_by_name(named)
        visible = [
            one.name for one in book.sheets_metadata if one.name in names and one.visible == SheetVisibleEnum.Visible
        ]
        filled = [sheet for name in visible if (sheet := book.get_sheet_by_name(name)).height]
        if not filled:
            raise FileRefused(f"{path.name} holds no visible sheet with a row.")
        chosen = next((sheet for sheet in filled if _has_header(sheet)), filled[0])
        if len(filled) > 1:
            others = ", ".join(sheet.name for sheet in filled if sheet is not chosen)
            self.layout.note(f"The sheet {chosen.name} is read; --sheet chooses another: {others}.")
        return chosen

    def records(self, progress: Progress = no_progress) -> Iterator[Record]:
        """Read from the beginning."""
        self.layout.begin()
        rows = max(self._sheet.height, 1)
        found = islice(_rows(self._sheet), self._titles + 1, None)
        for done, (number, row) in enumerate(found):
            if done % _EVERY == 0:
                progress(done / rows)
            yield Record(number, {name: _value(cell) for name, cell in zip(self.header, row, strict=False)})
        progress(1.0)


def _rows(sheet: Any, most: int | None = None) -> Iterator[tuple[int, list[Any]]]:
    begin = sheet.start or (0, 0)
    # The library skips empty rows and columns before the data, so row numbers begin where the data does.
    for number, row in enumerate(sheet.to_python(skip_empty_area=True, nrows=most), start=begin[0] + 1):
        if any(cell != "" for cell in row):
            yield number, row


def _first_rows(sheet: Any) -> list[tuple[int, list[str]]]:
    """Read the first rows that hold anything, as text."""
    found = [(number, [_text(cell) for cell in row]) for number, row in _rows(sheet, _FIRST)]
    return found or [(number, [_text(cell) for cell in row]) for number, row in islice(_rows(sheet), 1)]


def _has_header(sheet: Any) -> bool:
    """Whether a column of a sheet is a field of ours; a sheet of explanations has none."""
    rows = [cells for _, cells in _first_rows(sheet)]
    names = rows[titles_above(rows)]
    return any(field_of(name, "contacts") or field_of(name, "events") for name in names)


def _value(cell: Any) -> Any:
    """Turn what a sheet holds into what a column can hold; times are written as ISO 8601, without a zone.

    >>> _value(2.0), _value(2.5), _value(datetime(2026, 5, 3)), _value("")
    (2, 2.5, '2026-05-03', None)
    """
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT:
        return int(cell)
    if isinstance(cell, datetime) and cell.time() == time(0):
        return cell.date().isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, (time, date)):
        return cell.isoformat()
    return None if cell == "" else cell


def _text(cell: Any) -> str:
    value = _value(cell)
    return "" if value is None else str(value)


def _refuse_endless(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise FileRefused(f"{path.name} is not a readable workbook; save it again as .xlsx or CSV.") from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileRefused(f"{path.name} unpacks to more than 2 GB; save it as CSV.")
