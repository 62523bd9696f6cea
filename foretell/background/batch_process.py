"""The child process that works on one batch: `python -m foretell.background.batch_process ACCOUNT BATCH LIFELINE`.

LIFELINE is the reading end of a pipe whose writing end only the worker holds: however that ends, so does this process.
"""

import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from foretell.batch_models import loaded
from foretell.child import end_with_parent
from foretell.cli.context import now_us
from shared.batches.files import BatchFiles
from shared.batches.predict import BatchPredictor
from shared.batches.request import BatchRequest
from shared.batches.run import BatchRun
from shared.contracts.rows import SECOND
from shared.errors import StoreUnavailable
from shared.http import telemetry
from shared.http.telemetry import trail
from shared.settings import WorkerSettings, read
from shared.store import Batches, BatchRow, Lease, open_database

log = logging.getLogger(__name__)

NICENESS = 10
"""Requests come first."""
BEATS_A_LEASE = 5
"""How often a lease is renewed within its length."""


def work(settings: WorkerSettings, account: str, batch_id: str, stop: threading.Event) -> bool:
    """Work on a batch until its end; return whether it has ended.

    Args:
        settings: of the worker.
        account: whose batch.
        batch_id: which one.
        stop: when set, the batch is given back after the part that is under way.

    Raises:
        ForetellError: something passes by itself; another attempt goes on.
    """
    database = open_database(settings)
    try:
        store, lease = database.of(account), Lease(batch_id, uuid.uuid4().hex)
        held = int(settings.batch_lease_seconds * SECOND)
        now = now_us()
        row = store.batches.take(lease, at=now, until=now + held)
        if row is None:
            return False

        def load(models: Sequence[Mapping[str, str]], one: BatchRow) -> BatchPredictor:
            request = BatchRequest.from_json(one.request)
            fixed = {"cutoff": one.cutoff, "asked_at": one.created_at, "reasons": request.reasons}
            return loaded(settings, store, models, **fixed, plan=request.plan)

        key = settings.identity_key.get_secret_value().encode()
        folder = BatchFiles(settings.files_folder).of(account, batch_id)
        run = BatchRun(store, folder, lease, load, key, now_us, held, stop.is_set)
        with _renewed(store.batches, lease, settings.batch_lease_seconds):
            return run.run(row)
    finally:
        database.close()


@contextmanager
def _renewed(batches: Batches, lease: Lease, seconds: float) -> Iterator[None]:
    """Hold a lease while the block runs, however long a single step takes."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds / BEATS_A_LEASE):
            with suppress(StoreUnavailable):  # then the next one, while the lease still holds
                batches.renew(lease, until=now_us() + int(seconds * SECOND))

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    """Work on the batch that the command line names."""
    os.umask(0o077)
    account, batch_id, lifeline = sys.argv[1:4]
    os.set_inheritable(int(lifeline), False)
    threading.Thread(target=end_with_parent, args=(int(lifeline),), daemon=True, name="parent-watch").start()
    os.nice(NICENESS)
    settings = read(WorkerSettings)
    telemetry.configure(settings.log_level, "batch")
    # What ends this process is logged without its message, which may hold a payload.
    sys.excepthook = lambda _, error, __: log.error("batch.interrupted", extra=trail(error))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(settings, account, batch_id, stop)


if __name__ == "__main__":
    main()
