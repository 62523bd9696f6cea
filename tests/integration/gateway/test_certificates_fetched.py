"""Fetching a certificate over a real socket: no redirect is followed, nothing endless is read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway.webhooks.sns import MAX_BYTES, fetch_certificate
from shared.errors import UpstreamUnavailable

PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


ANSWERS = {
    "/pem": (200, len(PEM)),
    "/huge": (200, MAX_BYTES + 1),
    "/short": (200, 40),
    "/page": (200, 0),
    "/redirect": (302, 0),
}


class Answers(BaseHTTPRequestHandler):
    """What a server may answer."""

    def do_GET(self) -> None:
        if self.path == "/garbage":
            self.wfile.write(b"\x00 no HTTP at all\r\n\r\n")
            return
        status, length = ANSWERS.get(self.path, (404, 0))
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if status == 302:
            self.send_header("Location", "/pem")
        self.end_headers()
        self.wfile.write(b"x" * length if self.path == "/huge" else PEM[:length])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """Serve on a port of its own."""
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_certificate_is_read(address: str) -> None:
    assert fetch_certificate(f"{address}/pem") == PEM


@pytest.mark.parametrize("path", ["/redirect", "/missing", "/huge", "/short", "/page", "/garbage"])
def test_anything_else_is_reported_as_unavailable(address: str, path: str) -> None:
    with pytest.raises(UpstreamUnavailable):
        fetch_certificate(f"{address}{path}")


def test_a_server_that_is_not_there_is_reported_as_unavailable() -> None:
    with pytest.raises(UpstreamUnavailable):
        fetch_certificate("http://127.0.0.1:1/pem")
