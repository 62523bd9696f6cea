"""The worker's own small API: `/healthz`, `/readyz` and `/metrics`; on loopback by default."""

from contextlib import AbstractContextManager
from http import HTTPStatus

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foretell.background.loops import Loops
from shared.serving.metrics import ConnectionMetrics
from shared.serving.process import beside
from shared.settings import SigningSettings


def health_app(loops: Loops) -> Starlette:
    """Make the app: `/healthz` (200 while every loop lives), `/readyz` (degraded while one fails), `/metrics`."""

    async def healthz(_: Request) -> Response:
        if loops.alive():
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "failing"}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def readyz(_: Request) -> Response:
        if not loops.alive():
            return JSONResponse({"status": "unready", "causes": ["loop-ended"]}, HTTPStatus.SERVICE_UNAVAILABLE)
        causes = loops.causes()
        return JSONResponse({"status": "degraded" if causes else "ready", "causes": causes})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(loops.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app = Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
    app.state.connection_metrics = ConnectionMetrics(loops.metrics.registry)
    return app


def health_door(loops: Loops, settings: SigningSettings, host: str, port: int) -> AbstractContextManager[int]:
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
