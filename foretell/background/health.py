"""The worker's own small door: `/healthz`, `/readyz` (the same here) and `/metrics`; on loopback by default."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from foretell.background.loops import Loops


@contextmanager
def health_door(loops: Loops, host: str, port: int) -> Iterator[int]:
    """Answer `/healthz` (200 while every loop lives, else 503) and `/metrics`.

    Args:
        loops: whose state is told.
        host: address to listen on.
        port: 0 takes a free one.

    Yields:
        The port.
    """

    class Door(BaseHTTPRequestHandler):
        """Two paths, nothing else."""

        def do_GET(self) -> None:
            """Answer."""
            if self.path in {"/healthz", "/readyz"}:
                status = HTTPStatus.OK if loops.alive() else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, b'{"status":"ok"}' if status is HTTPStatus.OK else b'{"status":"failing"}')
            elif self.path == "/metrics":
                self._answer(HTTPStatus.OK, generate_latest(loops.metrics.registry), CONTENT_TYPE_LATEST)
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"{}")

        def _answer(self, status: HTTPStatus, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet: looks at health are not news."""

    with ThreadingHTTPServer((host, port), Door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="health", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
