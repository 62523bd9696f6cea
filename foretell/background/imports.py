"""Imports: checked, loaded and undone one at a time, each in a child process of low priority."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from foretell.background.import_run import EXHAUSTED, MAX_ATTEMPTS
from foretell.background.low_priority import Children
from shared.contracts.rows import DAY, SECOND, Microseconds
from shared.errors import ForetellError, NotFound
from shared.imports.erasing import ImportAges, sweep
from shared.imports.files import ImportFiles
from shared.settings import WorkerSettings
from shared.store import AccountStore, Database, ImportLease

MODULE = "foretell.background.import_process"
SOON: Final = 5 * SECOND
"""How long an import rests whose process ended before it."""


class ImportProcessFailed(ForetellError):
    """The child ended before its work did; another attempt follows."""

    code = "import-process-failed"


@dataclass(frozen=True, slots=True)
class ImportWorker:
    """Works on the imports of all accounts."""

    database: Database
    children: Children
    now: Callable[[], Microseconds]

    def turn(self) -> None:
        """Work on each import that waits, the oldest first.

        Raises:
            ImportProcessFailed: a child ended before its time; the others had their turn.
        """
        failed = 0
        for account, import_id in self.database.waiting_imports(self.now()):
            if self.children.stop.is_set():
                return
            if self.children.run(MODULE, account, import_id):
                failed += 1
                self._count_attempt(self.database.of(account), import_id)
        if failed:
            raise ImportProcessFailed("A process that worked on an import ended before the import did.")

    def _count_attempt(self, store: AccountStore, import_id: str) -> None:
        """Let a child's death count even where it died before it took the import; the last one ends it."""
        lease, at = ImportLease(import_id, uuid.uuid4().hex), self.now()
        try:
            row = store.imports.take(lease, at=at, until=at + SOON)
        except NotFound:
            return  # the account was deleted
        if row is not None and row.attempts >= MAX_ATTEMPTS:
            store.imports.fail(lease, EXHAUSTED, at=at)


def sweeping(settings: WorkerSettings, database: Database, now: Callable[[], Microseconds]) -> Callable[[], None]:
    """Return what keeps the files of imports as short as promised.

    Args:
        settings: how long, and where they lie.
        database: the store.
        now: the time.
    """
    key = settings.identity_key.get_secret_value().encode()
    files = ImportFiles(settings.files_folder)

    def turn() -> None:
        at = now()
        uploads, rejects = settings.import_upload_days, settings.import_retention_days
        sweep(database, files, key, ImportAges(at - int(uploads * DAY), at - int(rejects * DAY)), at=at)

    return turn
