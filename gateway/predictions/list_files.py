"""The whole list as a file: CSV as it is read, or a workbook for Excel of its first rows."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO, Final

from gateway.predictions.ranked_list import COLUMNS, cells, csv_text
from shared.store import PredictionRow

MAX_WORKBOOK_ROWS: Final = 100_000
"""Of a workbook that is answered: nobody calls more people from a sheet, and it is made within seconds."""
_CHUNK_BYTES: Final = 65_536


def csv_pieces(pages: Iterable[list[PredictionRow]]) -> Iterator[str]:
    """Write pages of the list as one CSV, piece by piece; it has a header also where nobody is in it."""
    for number, rows in enumerate(pages):
        yield csv_text(rows, header=number == 0)


def workbook_pieces(pages: Iterable[list[PredictionRow]]) -> Iterator[bytes]:
    """Make a workbook of the first MAX_WORKBOOK_ROWS of the list, piece by piece; it is begun at the first piece.

    By then the answer has begun, so that its request's deadline does not end the work.
    """
    with tempfile.TemporaryFile() as made:
        write_workbook(made, islice(chain.from_iterable(pages), MAX_WORKBOOK_ROWS))
        made.seek(0)
        while piece := made.read(_CHUNK_BYTES):
            yield piece


def write_workbook(target: IO[bytes], rows: Iterable[PredictionRow]) -> None:
    """Write rows of the list as a workbook; strings stay strings: nothing is a formula or a link by its looks.

    Args:
        target: open for writing; may be sought in.
        rows: any number that a sheet can hold; a few are held at once.
    """
    from xlsxwriter import Workbook

    safe = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with Workbook(target, safe) as workbook:
        sheet = workbook.add_worksheet("predictions")
        sheet.freeze_panes(1, 1)
        for column, title in enumerate(COLUMNS):
            sheet.write_string(0, column, title)
        for line, row in enumerate(rows, 1):
            for column, cell in enumerate(cells(row)):
                if isinstance(cell, str):
                    sheet.write_string(line, column, cell)
                elif cell is not None:
                    sheet.write_number(line, column, cell)
