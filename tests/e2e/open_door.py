"""Both ends of an account's webhooks: the email platform that sends clicks, and the receiver of what changed."""

import base64
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.e2e.installation import NOW, Installation

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


class Receiver:
    """Verifies what it is sent with the public package, and remembers it."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.told: list[dict[str, Any]] = []

    def of(self, kind: str, contact_id: str | None = None) -> list[dict[str, Any]]:
        return [
            one["data"]
            for one in self.told
            if one["type"] == kind and (contact_id is None or one["data"]["contact_id"] == contact_id)
        ]


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    class RunningGateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.told.append(Webhook(receiver.secret).verify(body, dict(self.headers.items())))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), RunningGateway) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/in"
        server.shutdown()
        thread.join()


def click(url: str, contact_id: str, number: int) -> dict[str, int]:
    """Post a click as Postmark does; nothing of it is older than the horizon of the account's memory."""
    at = NOW - timedelta(days=1 + 2 * number, minutes=3)
    item = {
        "RecordType": "Click",
        "MessageID": f"883953f4-6105-42a2-a16a-{number:012}",
        "Recipient": f"{contact_id}@example.com",
        "ReceivedAt": at.isoformat(),
        "OriginalLink": "https://shop.example.com/sale",
        "UserAgent": BROWSER,
        "Metadata": {"contact_id": contact_id},
    }
    request = urllib.request.Request(  # noqa: S310 - our own gateway
        url,
        data=json.dumps(item).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(b"postmark:Wg7rTzq2-mPx9Lc4").decode(),
        },
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
        counts: dict[str, int] = json.load(answer)
        return counts


def coldest(installation: Installation) -> dict[str, Any]:
    """Find a contact in the lowest band."""
    _, found = installation.asked("/predictions?capability=scoring&outcome=order&limit=1000", method="GET")
    last: dict[str, Any] = found["predictions"][-1]
    return last
