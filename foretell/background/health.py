"""The worker's own small API: `/healthz` and `/readyz`; on loopback by default."""

from contextlib import AbstractContextManager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foretell.background.loops import Loops
from shared.http.process import beside
from shared.settings import SigningSettings


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
