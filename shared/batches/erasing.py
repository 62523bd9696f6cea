"""Taking who was erased out of the files of batches, and removing files that must not be kept any longer."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.batches.files import BatchFiles, replacing, sync_folder
from shared.batches.formats import ResultFormat, format_of, id_in
from shared.batches.request import BatchRequest
from shared.contracts.rows import Microseconds, contact_hash
from shared.errors import ForetellError, NotFound
from shared.store import AccountStore, Database


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who is to be taken out, recognised by the keyed hash of the id."""

    hashes: frozenset[str]
    identity_key: bytes

    def holds(self, contact_id: str) -> bool:
        """Whether a contact is among them."""
        return bool(self.hashes) and contact_hash(contact_id, self.identity_key) in self.hashes

    def is_in(self, line: bytes) -> bool:
        """Whether the contact of a line is among them."""
        if not self.hashes:
            return False
        contact_id = id_in(line)
        return contact_id is not None and self.holds(contact_id)


def rewrite(file: Path, written: ResultFormat, gone: Forgotten) -> None:
    """Write a file again if any of them stands in it."""
    fresh = file.with_name(f"{file.name}.without")
    with replacing(fresh) as target:
        found = written.without(target, file, gone.holds)
    if found:
        fresh.replace(file)
        sync_folder(file.parent)
    else:
        fresh.unlink()


def sweep(
    database: Database, files: BatchFiles, identity_key: bytes, *, ended_before: Microseconds, at: Microseconds
) -> None:
    """Take erased contacts out of results, and remove what is old, was cancelled or deleted, or is nobody's.

    Args:
        database: knows the accounts and their batches.
        files: of all batches.
        identity_key: recognises who was erased.
        ended_before: batches that ended earlier go with their results.
        at: now.

    Raises:
        OSError, ValueError, ForetellError: a result cannot be written again; all others had their turn.
    """
    files.sweep_uploads()
    known = {account.name for account in database.accounts()}
    # Removing comes first: writing a result again may need the room.
    for account in sorted(known):
        store = database.of(account)
        for batch_id in store.batches.ended_before(ended_before):
            with suppress(NotFound):  # somebody has just deleted it
                store.batches.delete(batch_id, at=at)
    for account, batch_ids in list(files.accounts()):
        if account not in known:
            files.remove_account(account)
            continue
        _remove_dropped(database.of(account), files, batch_ids)
    failed: Exception | None = None
    for account in sorted(known):
        store = database.of(account)
        for batch_id in store.batches.with_erasures():
            try:
                take_out(store, files, batch_id, identity_key)
            except (OSError, ValueError, ForetellError) as error:  # no room, or the file is damaged
                failed = error
    if failed is not None:
        raise failed


def take_out(store: AccountStore, files: BatchFiles, batch_id: str, identity_key: bytes) -> None:
    """Take erased contacts out of the result of a batch that has ended."""
    gone = Forgotten(frozenset(store.batches.erasures(batch_id)), identity_key)
    row = store.batches.find(batch_id)
    if row is not None and row.result is not None:
        written = format_of(BatchRequest.from_json(row.request).format)
        result = files.of(store.account, batch_id).result(row.result)
        if result.exists():
            rewrite(result, written, gone)
    store.batches.forget_erasures(batch_id, gone.hashes)


def _remove_dropped(store: AccountStore, files: BatchFiles, batch_ids: Sequence[str]) -> None:
    """Remove the files of batches that keep none: cancelled, failed, deleted."""
    for batch_id in batch_ids:
        row, folder = store.batches.find(batch_id), files.of(store.account, batch_id)
        if (row is None and folder.is_old()) or (row is not None and row.state in ("cancelled", "failed")):
            folder.remove()
        elif row is not None and row.result is not None:  # a process may have died just before it did so
            folder.drop_all_but(folder.result(row.result))
