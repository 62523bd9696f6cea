"""What the gateway costs: CPU per request of the real process, against a service that answers at once.

Run: python bench/gateway.py [--requests 4000] [--limits 0]. Limits of 0 count nothing; the default counts, and is never
reached. The figure is requests per second and core (1 / CPU seconds a request),
which other work on the machine disturbs far less than time by the clock.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from shared.contracts.call import new_key
from shared.settings import GatewaySettings
from shared.store import migrate, open_database

SECRET = "a key of the benchmark, long enough"  # noqa: S105
CONNECTIONS = 8
PORT = 18_950


class Instant(asyncio.Protocol):
    """A service that answers every request with the same bytes."""

    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n" + b'{"predictions":[]}'

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self.transport = transport
        self.left, self.seen = 0, b""

    def data_received(self, data: bytes) -> None:
        """Answer once a whole request is there."""
        self.seen += data
        while b"\r\n\r\n" in self.seen:
            head, _, rest = self.seen.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            if len(rest) < length:
                return
            self.seen = rest[length:]
            self.transport.write(self.answer)  # type: ignore[attr-defined]


async def asked(port: int, request: bytes, count: int) -> None:
    """Ask one after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
    writer.close()


def request(method: str, path: str, key: str, body: bytes) -> bytes:
    """Write a request."""
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def cpu_seconds(process: int) -> float:
    """Read how long a process has computed."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    """Read how much memory a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measured(requests: int, limits: int) -> None:
    """Start the gateway, ask, print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = GatewaySettings(home=home, signing_key=SECRET, identity_key=SECRET)
        migrate(settings)
        database = open_database(settings)
        database.create_account("acme", created_at=0)
        key = new_key()
        database.of("acme").keys.create("b", ("admin",), public_id=key.public_id, digest=key.digest, created_at=0)
        environment = {
            **os.environ,
            "FORETELL_HOME": folder,
            "FORETELL_SIGNING_KEY": SECRET,
            "FORETELL_IDENTITY_KEY": SECRET,
            "FORETELL_LIMITS_CALLS": str(limits),
            "FORETELL_LIMITS_CONTACTS": str(limits),
            "FORETELL_UPSTREAM": f"http://127.0.0.1:{PORT + 1}",
        }
        service = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", PORT + 1)
        with (home / "log").open("wb") as log:
            gateway = subprocess.Popen(
                [sys.executable, "-m", "gateway", "--port", str(PORT)], env=environment, stderr=log
            )
        try:
            await asyncio.to_thread(until_ready)
            await ask_all(gateway.pid, key.text, requests)
        finally:
            gateway.terminate()
            gateway.wait()
            service.close()


async def ask_all(process: int, key: str, requests: int) -> None:
    """Time each kind of request."""
    event = {"type": "page_viewed", "occurred_at": "2026-05-03T10:15:00Z", "properties": {"page": "/pricing"}}
    score = json.dumps({"contacts": [{"id": "c-1"}]}).encode()
    large = json.dumps({"contacts": [{"id": f"c-{n}", "attributes": {"x": "y" * 900}} for n in range(1_000)]}).encode()
    kinds = {
        "GET /healthz": (request("GET", "/healthz", key, b""), requests),
        "POST /score, 1 contact": (request("POST", "/score", key, score), requests),
        f"POST /score, {len(large) / 1e6:.1f} MB": (request("POST", "/score", key, large), requests // 20),
        "GET /contacts": (request("GET", "/contacts", key, b""), requests // 4),
    }
    for name, (bytes_, count) in kinds.items():
        await timed(process, name, bytes_, count)
    batches = [
        {"events": [{**event, "contact_id": f"c-{place % 50}", "id": f"{batch}-{place}"} for place in range(1_000)]}
        for batch in range(20)
    ]
    before, began = cpu_seconds(process), time.perf_counter()
    for batch in batches:
        await asked(PORT, request("POST", "/events", key, json.dumps(batch).encode()), 1)
    seconds, cpu = time.perf_counter() - began, cpu_seconds(process) - before
    print(f"POST /events, 1,000 a call: {20_000 / seconds:,.0f} events/s, {20_000 / cpu:,.0f} per core second")
    print(f"memory: {resident_mb(process):.0f} MB")


async def timed(process: int, name: str, bytes_: bytes, count: int) -> None:
    """Ask over some connections and print CPU and clock."""
    await asked(PORT, bytes_, 20)
    before, began = cpu_seconds(process), time.perf_counter()
    await asyncio.gather(*(asked(PORT, bytes_, count // CONNECTIONS) for _ in range(CONNECTIONS)))
    seconds, cpu = time.perf_counter() - began, cpu_seconds(process) - before
    done = count // CONNECTIONS * CONNECTIONS
    each = f"{done / cpu:,.0f} requests/s and core ({1e6 * cpu / done:.0f} us)"
    print(f"{name}: {each}; {done / seconds:,.0f}/s by clock")


def until_ready() -> None:
    """Wait for the gateway."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit("the gateway did not start")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--limits", type=int, default=1_000_000_000)
    given = parser.parse_args()
    asyncio.run(measured(given.requests, given.limits))
