"""Files of contacts and events: CSV and NDJSON (also gzipped) and Parquet, in batches of bounded size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.rows import ContactRow, EventRow, Microseconds
from shared.errors import FileRefused
from shared.ingest.batch import Batch, Build, Reject
from shared.ingest.cells import CONTACT_COLUMNS, EVENT_COLUMNS, contact_fields, event_fields
from shared.ingest.lines import Line, csv_lines, ndjson_lines
from shared.ingest.rows import contact_row, event_row

__all__ = ["Batch", "Reject", "read_contacts", "read_events"]

Row = TypeVar("Row")
EVENTS_AT_ONCE = 250_000
CONTACTS_AT_ONCE = 20_000

_READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Line]]] = {
    ".csv": csv_lines,
    ".csv.gz": csv_lines,
    ".ndjson": ndjson_lines,
    ".ndjson.gz": ndjson_lines,
    ".jsonl": ndjson_lines,
    ".jsonl.gz": ndjson_lines,
}


def read_events(path: Path, *, recorded_at: Microseconds, at_once: int = EVENTS_AT_ONCE) -> Iterator[Batch[EventRow]]:
    """Read a file of events; a row that cannot be one becomes a reject, the rest goes on.

    Args:
        path: .csv, .ndjson or .jsonl (each also with .gz), or .parquet. Columns `contact_id`, `type`, `occurred_at`
            and optionally `id`, `value`, `currency`, `message_id`, `campaign_id`, `item`, `human`, `properties`
            (a JSON object); any other column is a property.
        recorded_at: now.
        at_once: rows of a batch, which bounds memory.

    Raises:
        FileRefused: the file cannot be read at all.
    """

    def row(fields: Mapping[str, Any]) -> EventRow:
        return event_row(EventInput.model_validate(fields), recorded_at=recorded_at)

    build = Build(event_fields, row)

    if _kind(path) == ".parquet":
        from shared.ingest.parquet import event_batches

        yield from event_batches(path, build, recorded_at=recorded_at, at_once=at_once)
    else:
        yield from _batches(_READERS[_kind(path)](path, EVENT_COLUMNS), build, at_once)


def read_contacts(
    path: Path, *, recorded_at: Microseconds, identity_key: bytes, at_once: int = CONTACTS_AT_ONCE
) -> Iterator[Batch[ContactRow]]:
    """Read a file of contacts; a row that cannot be one becomes a reject, the rest goes on.

    Args:
        path: .csv, .ndjson or .jsonl (each also with .gz), or .parquet. Column `id` and optionally `email`,
            `timezone`, `created_at`, `consent` (granted, denied, or a JSON object) and `valid_from` (since when the
            row's attributes hold); any other column is an attribute.
        recorded_at: now.
        identity_key: key of the hash under which e-mail addresses are kept.
        at_once: rows of a batch, which bounds memory.

    Raises:
        FileRefused: the file cannot be read at all.
    """

    def row(fields: Mapping[str, Any]) -> ContactRow:
        contact = ContactInput.model_validate(fields)
        return contact_row(contact, recorded_at=recorded_at, identity_key=identity_key, undated=True)

    build = Build(contact_fields, row)

    if _kind(path) == ".parquet":
        from shared.ingest.parquet import contact_batches

        yield from contact_batches(path, build, at_once=at_once)
    else:
        yield from _batches(_READERS[_kind(path)](path, CONTACT_COLUMNS), build, at_once)


def _kind(path: Path) -> str:
    name = path.name.lower()
    if not path.is_file():
        raise FileRefused(f"There is no file {path}.")
    for suffix in (".parquet", *_READERS):
        if name.endswith(suffix):
            return suffix
    raise FileRefused(f"{path.name} is none of {', '.join((*_READERS, '.parquet'))}; rename or convert it.")


def _batches(lines: Iterator[Line], build: Build[Row], at_once: int) -> Iterator[Batch[Row]]:
    batch: Batch[Row] = Batch()
    for line in lines:
        if line.cells is None:
            batch.rejects.append(Reject(line.number, line.reason))
        else:
            batch.take(line.number, line.cells, build)
        if len(batch) >= at_once:
            batch.fraction = line.fraction
            yield batch
            batch = Batch()
    batch.fraction = 1.0
    yield batch
