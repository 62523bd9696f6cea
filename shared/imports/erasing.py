"""Taking who was erased out of the files of imports, and removing files that must not be kept any longer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.contracts.rows import Microseconds
from shared.errors import FileRefused, ForetellError
from shared.imports.files import ImportFiles
from shared.imports.naming import names_any, without_named
from shared.store import WORKED_ON, AccountStore, Database, ImportRow

EXPIRED: Final = {
    "code": "upload-expired",
    "detail": "The file waited too long to be loaded and was removed; upload it again.",
}
NAMES_ERASED: Final = {
    "code": "upload-erased",
    "detail": "A contact who may stand in this file was erased, so the file was removed. Upload a new export.",
}


@dataclass(frozen=True, slots=True)
class ImportAges:
    """What is removed for its age, as instants."""

    uploads_before: Microseconds
    """Files that wait since before are dropped."""
    rejects_before: Microseconds
    """Rejects of imports that ended before are dropped."""


def sweep(database: Database, files: ImportFiles, identity_key: bytes, ages: ImportAges, *, at: Microseconds) -> None:
    """Take erased contacts out of files, and remove what is old, loaded, or nobody's.

    Args:
        database: knows the accounts and their imports.
        files: of all imports.
        identity_key: recognises who was erased.
        ages: what is too old.
        at: now.

    Raises:
        OSError, ValueError, ForetellError: a file cannot be written again; all others had their turn.
    """
    known = {account.name for account in database.accounts()}
    for account, import_ids in list(files.accounts()):
        if account not in known:
            files.remove_account(account)
            continue
        _remove_old(database.of(account), files, import_ids)
    failed: Exception | None = None
    for account in sorted(known):
        store = database.of(account)
        for import_id in store.imports.drop_rejects_before(ages.rejects_before):
            files.of(account, import_id).rejects().unlink(missing_ok=True)
        for row in store.imports.with_files():
            _drop_old_upload(store, files, row, ages, at=at)
        for import_id in store.imports.with_erasures():
            found = store.imports.find(import_id)
            if found is not None and found.state in WORKED_ON:
                continue  # its process takes them out before it begins, and its next state is looked at again
            try:
                take_out(store, files, import_id, identity_key, at=at)
            except (OSError, ValueError, ForetellError) as error:  # no room, or the file is damaged
                failed = error
    if failed is not None:
        raise failed


def take_out(store: AccountStore, files: ImportFiles, import_id: str, identity_key: bytes, *, at: Microseconds) -> None:
    """Take erased contacts out of the files of an import: of rejects their rows; an upload goes as a whole.

    One that somebody works on is left to the next turn.
    """
    gone, folder = store.imports.erasures(import_id), files.of(store.account, import_id)
    row, upload = store.imports.find(import_id), folder.upload()
    if row is not None and upload is not None and _may_name(upload, gone, identity_key):
        error = None if row.state in ("loaded", "undoing", "undone") else NAMES_ERASED
        if not store.imports.drop_file(import_id, error, at=at):
            return
        folder.drop_upload()
    if folder.rejects().exists():
        without_named(folder.rejects(), gone.__contains__, identity_key)
    store.imports.forget_erasures(import_id, gone)


def _may_name(upload: Path, gone: set[tuple[str, str]], identity_key: bytes) -> bool:
    try:
        return names_any(upload, gone, identity_key)
    except FileRefused:
        return True


def _drop_old_upload(
    store: AccountStore, files: ImportFiles, row: ImportRow, ages: ImportAges, *, at: Microseconds
) -> None:
    is_loaded = row.state in ("loaded", "undoing", "undone")  # its process died just before it dropped the file
    if not is_loaded and row.created_at >= ages.uploads_before:
        return
    if store.imports.drop_file(row.import_id, None if is_loaded else EXPIRED, at=at):
        files.of(store.account, row.import_id).drop_upload()


def _remove_old(store: AccountStore, files: ImportFiles, import_ids: Sequence[str]) -> None:
    """Remove the files of imports that were deleted, or never came to be."""
    for import_id in import_ids:
        folder = files.of(store.account, import_id)
        if store.imports.find(import_id) is None and folder.is_old():
            folder.remove()
