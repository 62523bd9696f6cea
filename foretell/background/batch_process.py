"""The child process that works on one batch: `python -m foretell.background.batch_process ACCOUNT BATCH LIFELINE`."""

import logging
import threading
import uuid
from collections.abc import Mapping, Sequence

from foretell.background.low_priority import begin, give_way
from foretell.batch_models import loaded
from shared.batches.files import BatchFiles
from shared.batches.predict import BatchPredictor
from shared.batches.request import BatchRequest
from shared.batches.run import BatchRun
from shared.contracts.rows import SECOND, Microseconds, now_us
from shared.http.telemetry import trail
from shared.settings import WorkerSettings
from shared.store import BatchRow, Lease, open_database
from shared.store.leases import renewed

log = logging.getLogger(__name__)


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

        def renew(until: Microseconds) -> object:
            return store.batches.renew(lease, until=until)

        with renewed(renew, settings.batch_lease_seconds, now_us):
            return run.run(row)
    finally:
        database.close()


def main() -> None:
    """Work on the batch that the command line names."""
    settings, stop, (account, batch_id) = begin(
        "batch", lambda error: log.error("batch.interrupted", extra=trail(error))
    )
    give_way()
    work(settings, account, batch_id, stop)


if __name__ == "__main__":
    main()
