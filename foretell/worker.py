"""The worker process: composes its loops, shows at `/healthz` and `/readyz` how they are, lives until it is stopped."""

import logging
import threading
from contextlib import AbstractContextManager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foretell.background.attribution import AttributionWorker
from foretell.background.batches import BatchWorker, sweeping
from foretell.background.calls import ServiceCalls
from foretell.background.detect_changes import ChangeDetector, ChangeMetrics
from foretell.background.imports import ImportWorker
from foretell.background.imports import sweeping as sweeping_imports
from foretell.background.kept_reports import KeptDataReports, QualityRounds
from foretell.background.loops import Loop, LoopMetrics, Loops
from foretell.background.low_priority import Children
from foretell.background.model_commands import CommandMetrics, CommandWorker
from foretell.background.rescore_changed import RescoreChanged
from foretell.background.rescoring import Rescoring
from foretell.background.retention import Retention, rules
from foretell.background.retraining import Retraining
from foretell.background.shadows import ShadowComparisons
from foretell.rejects import sweep
from foretell.signals import StopRequest
from shared.contracts.rows import SECOND, now_us
from shared.contracts.seal import Seal
from shared.http import telemetry
from shared.http.process import beside
from shared.http.telemetry import shown_metrics
from shared.settings import SigningSettings, WorkerSettings
from shared.store import Database, open_database
from shared.store.model_commands import PROMOTIONS, TRAININGS
from shared.webhooks_out.dispatcher import Dispatcher, DispatcherMetrics
from shared.webhooks_out.sender import Sender

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
BREATH_SECONDS = 0.05
"""Between rounds of deliveries; a round with nothing to do waits by itself."""
FAILING_SECONDS = 15.0
LEASE_OF_TIMEOUT = 2
"""A delivery is leased for so many times what an attempt may take."""
BATCH_SECONDS = 1.0
"""How often it is looked for batches, imports and attribution reports that wait."""
QUALITY_SECONDS = 60.0
"""How often it is looked for models whose predictions are to be compared with what happened."""
COMMAND_SECONDS = 1.0
"""How often it is looked for trainings, promotions and rollbacks that wait."""
RETRAINING_SECONDS = 300.0
"""How often it is looked whether a model is due to be trained again."""
BATCH_FILES_SECONDS = 10.0
"""How often it is looked for whom to take out of the files of batches; until then no result with them is given out."""
SHADOW_SECONDS = 60.0
"""How often it is looked for shadows to compare with their champions."""
DATA_REPORT_SECONDS = 15.0
"""How often it is looked for accounts with something new to report on."""
LOOKS_A_DEBOUNCE = 5
"""How often it is looked for stale contacts within the time of one debounce."""


def loops_of(settings: WorkerSettings, database: Database, stop: threading.Event) -> Loops:
    """Compose every loop of the worker.

    Args:
        settings: intervals, addresses and the signing key.
        database: the store.
        stop: ends every loop when set.
    """
    metrics = LoopMetrics()
    retention = Retention(database, rules(settings), now_us, metrics)
    services = ServiceCalls(settings)
    detector = ChangeDetector(database, services, settings.rescore_share, stop, now_us, ChangeMetrics(metrics.registry))
    progress = settings.home / "worker.json"
    every, remembered = settings.rescore_every_seconds, settings.webhook_retention_days
    rescoring = Rescoring(database, detector, progress, every, stop, remembered, metrics=metrics)
    debounce = settings.rescore_debounce_seconds
    patience = int(settings.rescore_patience_seconds * SECOND)
    rescore_changed = RescoreChanged(
        database, detector, int(debounce * SECOND), patience, stop, now_us, metrics=metrics
    )
    quality = QualityRounds(database, int(settings.quality_every_seconds * SECOND), stop, now_us, metrics)
    dispatcher = _dispatcher(settings, database, stop, DispatcherMetrics(metrics.registry))

    children = Children(stop)

    def sweep_rejects() -> None:
        sweep(settings.home, database, settings.identity_key.get_secret_value().encode())

    return Loops(
        (
            Loop("retention", settings.retention_every_seconds, retention.turn),
            Loop("rejects", settings.retention_every_seconds, sweep_rejects),
            Loop("rescoring", settings.rescore_poll_seconds, rescoring.turn, services.all_ready),
            Loop("following", debounce / LOOKS_A_DEBOUNCE, rescore_changed.turn, services.all_ready),
            Loop("quality", QUALITY_SECONDS, quality.turn),
            Loop("shadows", SHADOW_SECONDS, ShadowComparisons(database, now_us, metrics).turn),
            Loop("imports", BATCH_SECONDS, ImportWorker(database, children, now_us).turn),
            Loop("data_reports", DATA_REPORT_SECONDS, KeptDataReports(database, now_us, metrics).turn),
            Loop("attribution", BATCH_SECONDS, AttributionWorker(database, children, now_us).turn),
            Loop("batches", BATCH_SECONDS, BatchWorker(database, children, now_us).turn),
            *_command_loops(settings, database, children, metrics),
            Loop("batch_files", BATCH_FILES_SECONDS, sweeping(settings, database, now_us)),
            Loop("import_files", BATCH_FILES_SECONDS, sweeping_imports(settings, database, now_us)),
            Loop("deliveries", BREATH_SECONDS, dispatcher.turn, end=dispatcher.end, failing_seconds=FAILING_SECONDS),
        ),
        stop,
        metrics,
    )


def _command_loops(
    settings: WorkerSettings, database: Database, children: Children, metrics: LoopMetrics
) -> tuple[Loop, ...]:
    """Compose what works on models: a rollback waits for no training."""
    counted = CommandMetrics(metrics.registry)
    trainings = CommandWorker(database, children, now_us, TRAININGS, counted)
    promotions = CommandWorker(database, children, now_us, PROMOTIONS, counted)
    return (
        Loop("trainings", COMMAND_SECONDS, trainings.turn),
        Loop("promotions", COMMAND_SECONDS, promotions.turn),
        Loop("retraining", RETRAINING_SECONDS, Retraining(database, settings, now_us, metrics).turn),
    )


def _dispatcher(
    settings: WorkerSettings, database: Database, stop: threading.Event, metrics: DispatcherMetrics
) -> Dispatcher:
    return Dispatcher(
        database,
        Seal(settings.identity_key.get_secret_value().encode()),
        lambda: Sender(timeout_seconds=settings.webhook_timeout_seconds, allow_private=settings.webhook_allow_private),
        round(LEASE_OF_TIMEOUT * settings.webhook_timeout_seconds * SECOND),
        settings.webhook_poll_seconds,
        stop,
        metrics,
        now_us,
    )


def health_app(loops: Loops) -> Starlette:
    """Make the app: `/healthz` (200 while every loop lives), `/readyz` (degraded while one fails)."""

    async def healthz(_: Request) -> Response:
        if loops.alive():
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "failing"}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def readyz(_: Request) -> Response:
        if not loops.alive():
            return JSONResponse({"status": "unready", "causes": ["loop-ended"]}, HTTPStatus.SERVICE_UNAVAILABLE)
        causes = loops.causes()
        return JSONResponse({"status": "degraded" if causes else "ready", "causes": causes})

    app = Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])
    app.state.metrics = loops.metrics
    return app


def health_server(loops: Loops, settings: SigningSettings, host: str, port: int) -> AbstractContextManager[int]:
    """Answer from a thread while the context is open.

    Args:
        loops: whose state is shown.
        settings: bounds of connections.
        host: address to listen on.
        port: 0 takes a free one.

    Returns:
        A context that yields the port.
    """
    return beside(health_app(loops), settings, host=host, port=port)


def run(settings: WorkerSettings, *, host: str, port: int) -> None:
    """Live until SIGTERM or SIGINT; a turn that is under way gets some seconds to end.

    Args:
        settings: of the worker.
        host: address of `/healthz`.
        port: of the same.
    """
    telemetry.configure(settings.log_level, "worker")
    request = StopRequest()
    stop = threading.Event()
    database = open_database(settings)
    try:
        loops = loops_of(settings, database, stop)
        loops.start()
        with health_server(loops, settings, host, port), shown_metrics(loops.metrics.registry, settings):
            log.info("worker.started", extra={"loops": [loop.name for loop in loops.loops]})
            request.wait()
            stop.set()
            loops.join(within_seconds=STOP_SECONDS)
        log.info("worker.stopped")
    finally:
        database.close()
        request.close()
