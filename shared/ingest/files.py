"""Files of contacts, events and items, recognised by what they hold and not by their names."""

from pathlib import Path

from shared.errors import FileRefused
from shared.ingest.byte_streams import first_bytes
from shared.ingest.delimited import DelimitedTable
from shared.ingest.json_records import JsonTable
from shared.ingest.table import Options, Table
from shared.ingest.workbook import WorkbookTable

_JSON_SUFFIXES = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_PARQUET = b"PAR1"
_OTHERS = {
    "%pdf": "a PDF",
    "<!doctype html": "an HTML page",
    "<html": "an HTML page",
    "<table": "an HTML page",
    "<?xml": "XML",
    "sqlite format 3": "a database",
    "{\\rtf": "a text document",
}


def open_table(path: Path, options: Options) -> Table:
    """Open a file as what it is: CSV and its relatives, JSON, a workbook, or Parquet.

    Raises:
        FileRefused: it is none of them, or cannot be read; says what it is and what to do.
    """
    first = first_bytes(path)
    if first.startswith(_PARQUET):
        from shared.ingest.parquet import ParquetTable

        return ParquetTable(path)
    if first.startswith(_WORKBOOKS):
        return WorkbookTable(path, options)
    text = _beginning(first)
    for begin, what in _OTHERS.items():
        if text[:200].lstrip().lower().startswith(begin):
            raise FileRefused(f"{path.name} is {what}; export it as CSV or as an Excel workbook (.xlsx).")
    if _is_json(text) or path.name.lower().endswith(_JSON_SUFFIXES):
        return JsonTable(path, options, text)
    return DelimitedTable(path, options)


def _beginning(first: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if first.startswith(mark):
            return first.decode(encoding, "replace")
    if first[1:2] == b"\x00":
        return first.decode("utf-16-le", "replace")
    if first[:1] == b"\x00":
        return first.decode("utf-16-be", "replace")
    return first.decode("utf-8", "replace")


def _is_json(text: str) -> bool:
    begin = text.lstrip()[:200]
    if begin.startswith("{"):
        return begin[1:].lstrip()[:1] in ('"', "}", "")
    return begin.startswith("[") and begin[1:].lstrip()[:1] in ("{", "]", "")
