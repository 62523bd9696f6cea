"""A folder of Parquet files: contacts and events of an account, in buckets by a hash of the contact's id.

A contact lies in one bucket, with all of its events in order of time. So each bucket can be read, turned into features
and predicted by itself, in whatever process or on whatever machine, without another one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.contracts.rows import Microseconds
from shared.errors import BadRequest, FileRefused
from shared.store import AccountStore, StoredContact
from shared.timeline import EventTuple, seen_type

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
COMPRESSION: Final = "lz4"
"""A tenth larger than zstd, and read in two thirds of the time."""
DICTIONARIES: Final = ["contact_id", "type", "message_id", "campaign_id", "item", "human", "name", "value", "timezone"]
"""Columns that are kept as codes; instants and amounts are not."""
_PAGE: Final = 1_000
_SCANNED: Final = 200_000
_GROUP_ROWS: Final = 65_536
"""Rows of one bucket that are gathered before they are written."""
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class BucketManifest:
    """What a folder holds."""

    account: str
    buckets: int
    contacts: int
    events: int
    exported_at: Microseconds
    newest_event_at: Microseconds | None

    def write(self, folder: Path) -> None:
        """Write it last: a folder without one is not whole."""
        stated = {"format": FORMAT, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        (folder / MANIFEST).write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> "BucketManifest":
        """Read what an export wrote.

        Raises:
            FileRefused: it is no such folder, or not whole.
        """
        try:
            stated = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if stated.pop("format") != FORMAT:
                raise ValueError("format")
            return BucketManifest(**stated)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileRefused(f"{folder} is no whole export; write it with `foretell export events`.") from error

    @staticmethod
    def of_account(folder: Path, account: str) -> "BucketManifest":
        """Read what an export of an account wrote.

        Raises:
            FileRefused: it is no such folder, not whole, or of another account.
        """
        found = BucketManifest.read(folder)
        if found.account != account:
            raise FileRefused(f"{folder} is an export of the account {found.account}, not of {account}.")
        return found


def bucket_of(contact_id: str, buckets: int) -> int:
    """Return in which bucket a contact lies: the same everywhere and always.

    >>> [bucket_of(one, 64) for one in ("c-1", "c-2", "c-42")]
    [50, 2, 8]
    """
    digest = hashlib.blake2b(contact_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % buckets


def bucket_file(folder: Path, kind: str, bucket: int) -> Path:
    """Say where the rows of a kind lie: `contacts`, `attributes` or `events`."""
    return folder / kind / f"{bucket:05}.parquet"


def schemas() -> Mapping[str, Any]:
    """Return the columns of each kind of file."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    return {
        "contacts": pa.schema(
            {
                "contact_id": pa.string(),
                "created_at": instant,
                "timezone": pa.string(),
                "consent": pa.string(),
                "unreadable": pa.bool_(),
            }
        ),
        "attributes": pa.schema(
            {
                "contact_id": pa.string(),
                "name": pa.string(),
                "valid_from": pa.int64(),  # always: before every calendar
                "value": pa.string(),
                "dated": pa.bool_(),
            }
        ),
        "events": pa.schema(
            {
                "contact_id": pa.string(),
                "event_id": pa.string(),
                "type": pa.string(),
                "occurred_at": instant,
                "value": pa.float64(),
                "message_id": pa.string(),
                "campaign_id": pa.string(),
                "item": pa.string(),
                "human": pa.int8(),
            }
        ),
    }


@dataclass(slots=True)
class _Writers:
    """The files of one kind, a bucket each."""

    folder: Path
    kind: str
    schema: Any
    buckets: int
    open: ExitStack
    rows: int = 0
    _writers: dict[int, Any] = field(default_factory=dict)
    _held: dict[int, list[Sequence[Any]]] = field(default_factory=dict)

    def begin(self) -> None:
        """Make every file, so that a bucket without rows has one too."""
        import pyarrow.parquet as pq

        (self.folder / self.kind).mkdir(mode=0o700)  # the folder itself may be one that was there
        for bucket in range(self.buckets):
            path = bucket_file(self.folder, self.kind, bucket)
            writer = pq.ParquetWriter(path, self.schema, compression=COMPRESSION, use_dictionary=DICTIONARIES)
            self._writers[bucket] = self.open.enter_context(writer)

    def add(self, bucket: int, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows of a bucket, in order."""
        held = self._held.setdefault(bucket, [])
        held.extend(rows)
        self.rows += len(rows)
        if len(held) >= _GROUP_ROWS:
            self._write(bucket)

    def end(self) -> None:
        """Write what is held."""
        for bucket in list(self._held):
            self._write(bucket)

    def _write(self, bucket: int) -> None:
        import pyarrow as pa

        columns = zip(*self._held.pop(bucket), strict=True)
        arrays = [pa.array(column, one.type) for column, one in zip(columns, self.schema, strict=True)]
        self._writers[bucket].write_table(pa.Table.from_arrays(arrays, schema=self.schema))


def export(
    store: AccountStore, folder: Path, buckets: int, *, at: Microseconds, progress: Progress = lambda _: None
) -> BucketManifest:
    """Write contacts, attributes and events of an account into a folder.

    Args:
        store: of the account.
        folder: new, or empty.
        buckets: how many.
        at: now.
        progress: takes how many contacts are written, 0 to 1.

    Raises:
        BadRequest: the folder holds something already.
        FileRefused: pyarrow is not installed.
    """
    try:
        kinds = schemas()
    except ImportError as error:
        raise FileRefused("Writing Parquet needs pyarrow: pip install 'foretell[train]'.") from error
    if folder.exists() and any(folder.iterdir()):
        raise BadRequest(f"{folder} holds something already; name a new folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as files:
        writers = {kind: _Writers(folder, kind, schema, buckets, files) for kind, schema in kinds.items()}
        for one in writers.values():
            one.begin()
        # Events first: whoever has one is a contact by the time that contacts are read.
        for contact_id, events in _by_contact(store.pasts.scan_events(_SCANNED)):
            writers["events"].add(bucket_of(contact_id, buckets), events)
        _export_contacts(store, writers, buckets, progress)
        for one in writers.values():
            one.end()
    counts = writers["contacts"].rows, writers["events"].rows
    manifest = BucketManifest(store.account, buckets, *counts, at, store.events.newest_at())
    manifest.write(folder)
    return manifest


def _export_contacts(store: AccountStore, writers: Mapping[str, _Writers], buckets: int, progress: Progress) -> None:
    after: str | None = None
    while page := store.contacts.page(_PAGE, after):
        for contact in page:
            bucket = bucket_of(contact.contact_id, buckets)
            writers["contacts"].add(bucket, [_contact(contact)])
            attributes = [
                (contact.contact_id, one.name, one.valid_from, json.dumps(one.value), one.dated)
                for one in contact.attributes
            ]
            if attributes:
                writers["attributes"].add(bucket, attributes)
        after = page[-1].contact_id
        progress(float(writers["contacts"].rows))


def _contact(contact: StoredContact) -> tuple[Any, ...]:
    consent = json.dumps(dict(contact.consent), sort_keys=True) if contact.consent else None
    return (contact.contact_id, contact.created_at, contact.timezone, consent, bool(contact.unreadable))


def _by_contact(chunks: Iterator[list[EventTuple]]) -> Iterator[tuple[str, list[EventTuple]]]:
    """Give each contact's events together, in order of time; they come by contact."""
    held: list[EventTuple] = []
    for chunk in chunks:
        for event in chunk:
            if held and held[0][0] != event[0]:
                yield held[0][0], sorted(held, key=_time_order)
                held = []
            held.append(event)
    if held:
        yield held[0][0], sorted(held, key=_time_order)


def _time_order(event: EventTuple) -> tuple[Any, ...]:
    """Return what orders events of a contact: by time, and at one instant as pasts are laid out."""
    value = event[4]
    return (
        event[3],
        seen_type(event) or "",
        event[7] is not None,
        event[7] or "",
        event[6] is not None,
        event[6] or "",
        value is None,
        value or 0.0,
    )
