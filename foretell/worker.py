"""The worker process: composes its loops, and lives until it is told to stop."""

import logging
import threading

from foretell.background.calls import ServiceCalls
from foretell.background.health import health_door
from foretell.background.loops import Loop, Loops
from foretell.background.rescoring import Rescoring
from foretell.background.retention import Retention, rules
from foretell.ending import Ending
from foretell.opening import now_us
from shared.serving import logs
from shared.settings import WorkerSettings
from shared.store import Database, open_database

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0


def loops_of(settings: WorkerSettings, database: Database, stop: threading.Event) -> Loops:
    """Compose every loop of the worker.

    Args:
        settings: intervals, addresses and the signing key.
        database: the store.
        stop: ends every loop when set.
    """
    retention = Retention(database, rules(settings), now_us)
    services = ServiceCalls(settings)
    rescoring = Rescoring(
        database,
        services,
        settings.home / "worker.json",
        settings.rescore_every_seconds,
        settings.rescore_share,
        stop,
    )
    return Loops(
        (
            Loop("retention", settings.retention_every_seconds, retention.turn),
            Loop("rescoring", settings.rescore_poll_seconds, rescoring.turn, services.all_ready),
        ),
        stop,
    )


def run(settings: WorkerSettings, *, host: str, port: int) -> None:
    """Live until SIGTERM or SIGINT; a turn that is under way gets some seconds to end.

    Args:
        settings: of the worker.
        host: address of `/healthz` and `/metrics`.
        port: of the same.
    """
    logs.configure(settings.log_level, "worker")
    ending = Ending()
    stop = threading.Event()
    database = open_database(settings)
    try:
        loops = loops_of(settings, database, stop)
        loops.start()
        with health_door(loops, host, port):
            log.info("worker.started", extra={"loops": [loop.name for loop in loops.loops]})
            ending.wait()
            stop.set()
            loops.join(within_seconds=STOP_SECONDS)
        log.info("worker.stopped")
    finally:
        database.close()
        ending.close()
