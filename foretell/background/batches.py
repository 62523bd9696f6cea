"""Batches: worked on one at a time, each in a child process of low priority; their files kept as short as promised."""

from collections.abc import Callable
from dataclasses import dataclass

from foretell.background.low_priority import Children
from shared.batches.erasing import sweep
from shared.batches.files import BatchFiles
from shared.contracts.rows import DAY, Microseconds
from shared.errors import ForetellError
from shared.settings import WorkerSettings
from shared.store import Database

MODULE = "foretell.background.batch_process"


class BatchProcessFailed(ForetellError):
    """The child ended before its batch did; another attempt goes on where it stopped."""

    code = "batch-process-failed"


@dataclass(frozen=True, slots=True)
class BatchWorker:
    """Works on the batches of all accounts."""

    database: Database
    children: Children
    now: Callable[[], Microseconds]

    def turn(self) -> None:
        """Work on each batch that waits, the oldest first.

        Raises:
            BatchProcessFailed: a child ended before its time; the others had their turn.
        """
        failed = 0
        for account, batch_id in self.database.waiting_batches(self.now()):
            if self.children.stop.is_set():
                return
            failed += self.children.run(MODULE, account, batch_id) != 0
        if failed:
            raise BatchProcessFailed("A process that worked on a batch ended before the batch did.")


def sweeping(settings: WorkerSettings, database: Database, now: Callable[[], Microseconds]) -> Callable[[], None]:
    """Return what keeps the files of batches as short as promised.

    Args:
        settings: how long, and where they lie.
        database: the store.
        now: the time.
    """
    key = settings.identity_key.get_secret_value().encode()
    files, kept = BatchFiles(settings.files_folder), int(settings.batch_retention_days * DAY)

    def turn() -> None:
        at = now()
        sweep(database, files, key, ended_before=at - kept, at=at)

    return turn
