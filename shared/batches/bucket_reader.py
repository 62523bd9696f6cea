"""One bucket of an export, from Arrow's columns to ours: codes and numbers, no row."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.batches.buckets import BucketManifest, bucket_file
from shared.contracts.rows import Microseconds
from shared.errors import FileRefused
from shared.serving.bulk import BulkContacts
from shared.timeline import NEVER
from shared.timeline.coded_pasts import NOBODY, CodedText, ContactColumns, EventColumns
from shared.timeline.pasts import AttributeColumn

_TEXTS: Final = ("contact_id", "type", "message_id", "campaign_id", "item")
_EVENT_COLUMNS: Final = ("contact_id", "type", "occurred_at", "value", "message_id", "campaign_id", "item", "human")


def read_bucket(folder: Path, manifest: BucketManifest, bucket: int) -> BulkContacts:
    """Read the contacts of a bucket with all that is kept of them.

    Args:
        folder: of the export.
        manifest: of the folder.
        bucket: from 0.

    Raises:
        FileRefused: a file is missing or damaged, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise FileRefused("Reading Parquet needs pyarrow: pip install 'foretell[train]'.") from error
    try:
        # One thread: starting others costs more than they take off.
        alone = {"use_threads": False}
        contacts = pq.read_table(bucket_file(folder, "contacts", bucket), **alone)
        coded = bucket_file(folder, "attributes", bucket)
        attributes = pq.read_table(coded, read_dictionary=["name", "value"], **alone)
        events = pq.read_table(
            bucket_file(folder, "events", bucket), columns=list(_EVENT_COLUMNS), read_dictionary=list(_TEXTS), **alone
        )
    except (OSError, pa.ArrowException) as error:
        raise FileRefused(f"Bucket {bucket} of {folder} cannot be read; write the export again.") from error
    ids = contacts.column("contact_id").to_pylist()
    row_of = {contact_id: row for row, contact_id in enumerate(ids)}
    columns = ContactColumns(
        ids,
        _microseconds(contacts.column("created_at"), NEVER),
        contacts.column("timezone").to_pylist(),
        [json.loads(text) if text else {} for text in contacts.column("consent").to_pylist()],
        _attributes(attributes, row_of),
    )
    unreadable = contacts.column("unreadable").to_numpy().astype(bool)
    found, human = _events(events, row_of)
    return BulkContacts(columns, unreadable, found, human, manifest.newest_event_at)


def _events(table: Any, row_of: dict[str, int]) -> tuple[EventColumns, NDArray[np.int8]]:
    owner = _coded(table.column("contact_id"))
    rows = np.array([*(row_of.get(name, -1) for name in owner.names), -1], dtype=np.int32)
    columns = EventColumns(
        rows[owner.codes],
        _microseconds(table.column("occurred_at"), 0),
        _coded(table.column("type")),
        table.column("value").to_numpy().astype(np.float64, copy=False),
        _coded(table.column("message_id")),
        _coded(table.column("campaign_id")),
        _coded(table.column("item")),
    )
    human = table.column("human").fill_null(NOBODY).to_numpy().astype(np.int8, copy=False)
    known = columns.contact >= 0  # a contact that was erased while the export ran
    return columns.taken(known), human[known]


def _coded(column: Any) -> CodedText:
    """Take the codes of a column of texts as they are."""
    whole = column.unify_dictionaries().combine_chunks()
    if hasattr(whole, "chunks"):
        whole = whole.chunk(0)
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return CodedText(codes, tuple(whole.dictionary.to_pylist()))


def _microseconds(column: Any, missing: Microseconds) -> NDArray[np.int64]:
    instants: NDArray[np.int64] = column.cast("int64").fill_null(missing).to_numpy().astype(np.int64, copy=False)
    return instants


def _attributes(table: Any, row_of: dict[str, int]) -> dict[str, AttributeColumn]:
    names, values = _coded(table.column("name")), _coded(table.column("value"))
    read = [json.loads(text) for text in values.names]
    owner = np.array([row_of.get(one, -1) for one in table.column("contact_id").to_pylist()], dtype=np.int32)
    valid_from = table.column("valid_from").to_numpy()
    dated = table.column("dated").to_numpy().astype(bool)
    found = {}
    for code, name in enumerate(names.names):
        mine = np.flatnonzero((names.codes == code) & (owner >= 0))
        mine = mine[np.lexsort((valid_from[mine], owner[mine]))]
        if len(mine):
            listed = tuple(_each(read, values.codes[mine]))
            found[name] = AttributeColumn(owner[mine], valid_from[mine], listed, dated[mine])
    return found


def _each(read: Sequence[Any], codes: NDArray[np.int32]) -> list[Any]:
    return [read[code] for code in codes.tolist()]
