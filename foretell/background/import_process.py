"""The child process that works on one import: `python -m foretell.background.import_process ACCOUNT ID LIFELINE`."""

import logging
import threading
import uuid

from foretell.background.import_run import ImportRun
from foretell.background.low_priority import begin, give_way
from shared.contracts.rows import SECOND, Microseconds, now_us
from shared.http.telemetry import trail
from shared.imports.files import ImportFiles
from shared.settings import WorkerSettings
from shared.store import ImportLease, ImportLost, open_database
from shared.store.leases import renewed

log = logging.getLogger(__name__)


def work(settings: WorkerSettings, account: str, import_id: str, stop: threading.Event) -> bool:
    """Work on an import until its end; return whether what was to be done has ended.

    Args:
        settings: of the worker.
        account: whose import.
        import_id: which one.
        stop: when set, the import is given back after the part that is under way.

    Raises:
        ForetellError: something passes by itself; another attempt goes on.
    """
    key = settings.identity_key.get_secret_value().encode()
    database = open_database(settings, key)
    try:
        store, lease = database.of(account), ImportLease(import_id, uuid.uuid4().hex)
        held = int(settings.batch_lease_seconds * SECOND)
        row = store.imports.take(lease, at=now_us(), until=now_us() + held)
        if row is None:
            return False

        def renew(until: Microseconds) -> object:
            return store.imports.renew(lease, until=until)

        run = ImportRun(store, ImportFiles(settings.files_folder), lease, key, now_us, stop.is_set)
        with renewed(renew, settings.batch_lease_seconds, now_us):
            return run.run(row)
    except ImportLost:
        return False  # it was deleted, or another process has taken it over
    finally:
        database.close()


def main() -> None:
    """Work on the import that the command line names."""
    settings, stop, (account, import_id) = begin(
        "import", lambda error: log.error("import.interrupted", extra=trail(error))
    )
    give_way()
    work(settings, account, import_id, stop)


if __name__ == "__main__":
    main()
