"""The worker's own small door: `/healthz` and `/readyz` (the same here); on loopback by default."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from foretell.background.loops import Loops


@contextmanager
def health_door(loops: Loops, host: str, port: int) -> Iterator[int]:
    """Answer `/healthz`: 200 while every loop lives, else 503.

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
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"{}")

        def _answer(self, status: HTTPStatus, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
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
