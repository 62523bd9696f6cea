"""Which contacts a batch is about, in a fixed order: ids of the store, or the rows of an uploaded file."""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from shared.batches.request import ContactSelection
from shared.contracts.rows import ContactRow, Microseconds
from shared.contracts.validation import read_json
from shared.errors import FileRefused
from shared.ingest import NOT_SCALAR, ColumnMissing, Findings, Options, Plan, contact_batches, plan_file
from shared.ingest.files import open_table
from shared.ingest.parquet import ParquetTable
from shared.serving.batch import RefusedRow
from shared.store import AccountStore, StoredContact

PAGE: Final = 1_000
MAX_LINE_BYTES: Final = 8_000_000
"""As much as a call's body: one contact with 5,000 events fits."""
PART_BYTES: Final = 16_000_000
"""About as much of lines is answered together: contacts with long pasts make smaller parts."""
MAX_TEXT_BYTES: Final = 500_000_000
"""As much text as 20,000 rows of a table may hold together; reading them takes four times that."""
REFUSED: Final = "refused"
"""The one field of a line that stands for a row of a file which is no contact."""
_REFUSED: Final = b'{"refused":'
"""How such a line begins; no line of a file does."""


def lines_of(
    account: AccountStore, choice: ContactSelection, upload: Path, *, cutoff: Microseconds, recorded_at: Microseconds
) -> Iterator[bytes]:
    """List the chosen contacts as lines of JSON, each as a contact in a request.

    Args:
        account: whose.
        choice: which.
        upload: where an uploaded file lies; not opened where none is chosen.
        cutoff: attributes are compared as they were then.
        recorded_at: now: of the rows of a file, and by which a holdout may be over.

    Raises:
        FileRefused: the file cannot be read at all.
    """
    if choice.kind == "upload":
        yield from uploaded(upload, recorded_at=recorded_at)
        return
    for ids in _pages(account, choice, cutoff, at=recorded_at):
        for contact_id in ids:
            yield orjson.dumps({"id": contact_id})


def _pages(
    account: AccountStore, choice: ContactSelection, cutoff: Microseconds, *, at: Microseconds
) -> Iterator[Sequence[str]]:
    after: str | None = None
    while True:
        if choice.kind == "segment":
            members = account.segments.members(choice.segment, limit=PAGE, after=after, at=at)
            listed = [one.contact_id for one in members]
            chosen: Sequence[str] = listed
        elif choice.kind == "attributes":
            contacts = account.contacts.page(PAGE, after)
            listed = [one.contact_id for one in contacts]
            chosen = [one.contact_id for one in contacts if fits(one, choice.attributes, cutoff=cutoff)]
        else:
            listed = account.contacts.ids(PAGE, after)
            chosen = listed
        if not listed:
            return
        yield chosen
        after = listed[-1]


def fits(contact: StoredContact, wanted: Mapping[str, Sequence[Any]], *, cutoff: Microseconds) -> bool:
    """Whether of each attribute one of the wanted values held at the cutoff."""
    held: dict[str, tuple[Microseconds, Any]] = {}
    for name, valid_from, value, _ in contact.attributes:
        if name in wanted and valid_from < cutoff and (name not in held or held[name][0] <= valid_from):
            held[name] = valid_from, value
    return all(
        name in held and any(_is_same(held[name][1], value) for value in values) for name, values in wanted.items()
    )


def _is_same(held: Any, wanted: Any) -> bool:
    """Whether two JSON values are the same; true is not 1.

    >>> _is_same(1, 1.0), _is_same(True, 1), _is_same("DE", "DE")
    (True, False, True)
    """
    return isinstance(held, bool) == isinstance(wanted, bool) and bool(held == wanted)


def uploaded(file: Path, *, recorded_at: Microseconds) -> Iterator[bytes]:
    """List the contacts of a file as lines of JSON.

    Args:
        file: NDJSON, each line a contact as in a request; or CSV or Parquet, read as `foretell import` reads contacts.
        recorded_at: now.

    Raises:
        FileRefused: it cannot be read at all.
    """
    if not file.exists():
        raise FileRefused("The contacts do not lie in the folder FORETELL_FILES of this process; is it the gateway's?")
    if file.suffix.lower() not in (".ndjson", ".jsonl"):
        yield from _table_rows(file, recorded_at)
        return
    with file.open("rb") as source:
        while line := source.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                yield orjson.dumps({REFUSED: f"The line is longer than {MAX_LINE_BYTES} bytes."})
                while line and not line.endswith(b"\n"):
                    line = source.readline(MAX_LINE_BYTES)
            elif bare := line.removeprefix(codecs.BOM_UTF8).strip():
                # Whoever sends our own mark says nothing with it.
                yield b"{ " + bare[1:] if bare.startswith(_REFUSED) else bare


def _table_rows(file: Path, recorded_at: Microseconds) -> Iterator[bytes]:
    findings = Findings()
    plan = _plan(file)
    # No address is kept: whatever key hashes it, the hash is thrown away.
    # One at a time: rows and rejects stay in the order of the file, whose rows may share a line.
    key = b"thrown away"
    for batch in contact_batches(plan, findings, recorded_at=recorded_at, identity_key=key, at_once=1):
        for row in batch.rows:
            yield orjson.dumps(_contact(row))
        for reject in batch.rejects:
            yield orjson.dumps({REFUSED: reject.reason})
    if plan.layout.unread_from is not None:
        raise FileRefused(
            f"The file cannot be read from line {plan.layout.unread_from} on: {plan.layout.unread_reason}."
        )
    if ("events", NOT_SCALAR) in findings.found:
        raise FileRefused("A table of contacts brings no events of its own; send NDJSON, one contact a line.")


def _plan(file: Path) -> Plan:
    """Decide how a table of contacts is read.

    Raises:
        FileRefused: it cannot be read at all.
    """
    table = open_table(file, Options())
    if isinstance(table, ParquetTable) and table.text_bytes() > MAX_TEXT_BYTES:
        raise FileRefused(
            f"Some rows of the file hold more than {MAX_TEXT_BYTES:,} bytes together; shorten their texts."
        )
    try:
        # Instants of the contact itself (since when values hold) count for nothing here: any zone does.
        return plan_file(file, "contacts", Options(timezone="UTC"))
    except ColumnMissing as error:
        raise FileRefused(
            f"The file has no column that names the contacts; found: {error.found}. Call the one with their ids `id`: "
            "contacts are found by id, and not by e-mail address."
        ) from None


def _contact(row: ContactRow) -> dict[str, Any]:
    contact: dict[str, Any] = {"id": row.contact_id}
    if row.attributes:
        contact["attributes"] = {one.name: one.value for one in row.attributes}
    if row.timezone:
        contact["timezone"] = row.timezone
    if row.consent:
        contact["consent"] = row.consent
    return contact


def parts_of(lines: Iterable[bytes], contacts: int, *, most_bytes: int = PART_BYTES) -> Iterator[list[bytes]]:
    """Cut lines into parts of so many contacts, or fewer where they are long.

    >>> [*parts_of([b"a", b"b", b"c", b"dddd", b"e"], 2, most_bytes=4)]
    [[b'a', b'b'], [b'c'], [b'dddd'], [b'e']]
    """
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and (len(part) == contacts or size + len(line) > most_bytes):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield part


def contact_of(line: bytes) -> Any:
    """Read a line as a contact of a request; what is no JSON is refused with a sentence."""
    try:
        contact = read_json(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return RefusedRow("The line is not JSON.")
    if line.startswith(_REFUSED):
        return RefusedRow(str(contact[REFUSED]))
    return contact
