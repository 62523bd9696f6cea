"""Batches: worked on one at a time, each in a child process of low priority; their files kept as short as promised."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.batches.erasing import sweep
from shared.batches.files import BatchFiles
from shared.contracts.rows import DAY, Microseconds
from shared.errors import ForetellError
from shared.settings import WorkerSettings
from shared.store import Database

MODULE = "foretell.background.batch_process"
LOOK_SECONDS = 0.25
GRACE_SECONDS = 6.0
"""How long a child may take to end the part that is under way; shorter than what the worker waits for its loops."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"}
"""A second thread would be taken from those who answer requests."""


class BatchProcessFailed(ForetellError):
    """The child ended before its batch did; another attempt goes on where it stopped."""

    code = "batch-process-failed"


@dataclass(frozen=True, slots=True)
class BatchWorker:
    """Works on the batches of all accounts."""

    database: Database
    stop: threading.Event
    now: Callable[[], Microseconds]
    command: Sequence[str] = (sys.executable, "-m")
    """What runs a module."""

    def turn(self) -> None:
        """Work on each batch that waits, the oldest first.

        Raises:
            BatchProcessFailed: a child ended before its time; the others had their turn.
        """
        failed = 0
        for account, batch_id in self.database.waiting_batches(self.now()):
            if self.stop.is_set():
                return
            failed += self._run(account, batch_id) != 0
        if failed:
            raise BatchProcessFailed("A process that worked on a batch ended before the batch did.")

    def _run(self, account: str, batch_id: str) -> int:
        """Run a child to its end, or until this process is told to stop; return its exit code."""
        reading, writing = os.pipe()
        try:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module names
                [*self.command, MODULE, account, batch_id, str(reading)],
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(reading,),
            )
            return self._end_of(child)
        finally:
            os.close(reading)
            os.close(writing)

    def _end_of(self, child: "subprocess.Popen[bytes]") -> int:
        while True:
            try:
                return child.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if self.stop.is_set():
                    break
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return 0


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
