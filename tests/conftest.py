"""What all tests may use: a client that calls an ASGI app in this process, without a socket."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from shared.contracts.call import CALL_HEADER, Call, signed

KEY = "k" * 32


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls an ASGI app in this process, signed like the gateway would."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def send(
        self, method: str, path: str, body: bytes | Sequence[bytes] = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        chunks = [body] if isinstance(body, bytes) else list(body)
        left = [
            {"type": "http.request", "body": chunk, "more_body": place + 1 < len(chunks)}
            for place, chunk in enumerate(chunks)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return left.pop(0) if left else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8001),
        }
        await self.app(scope, receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        return Reply(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, content)

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, headers=headers)

    async def post(self, path: str, payload: Any, *, account: str = "demo", **call: Any) -> Reply:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        fields = {"scopes": ("predict",), "request_id": "r-1", "deadline_at": 4e9, **call}
        header = signed(Call(account=account, **fields), "POST", path, KEY.encode())
        return await self.send("POST", path, body, {CALL_HEADER: header})


@pytest.fixture(scope="session")
def asgi() -> type[Client]:
    """The client; `asgi(app)` calls an app."""
    return Client
