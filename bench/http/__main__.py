"""How long the product takes over HTTP: `python -m bench.http [--home FOLDER --account demo --outcome redeem]`.

The processes of `foretell up` run on a copy of a home folder (or on a generated account, trained through the command
line), the load comes from this process over loopback, through the gateway and straight to the service. Every case
ends after a count of requests or after some seconds, whichever comes first.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from bench.http.account import OUTCOME, fill
from shared.capabilities import TABLE
from shared.contracts.credentials import CALL_HEADER, Call, signed
from shared.settings import Settings, service_port
from shared.store import open_database

ACCOUNT = "bench"
SECONDS = 8.0
WARM_UP = 20
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes, and in whose name."""

    port: int
    """The gateway's."""
    account: str
    outcome: str
    key: str
    signing_key: bytes
    contacts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request."""

    name: str
    path: str
    bodies: Sequence[bytes]
    requests: int
    connections: int = 1
    direct: bool = True
    """Measured at the service too."""


def cases(target: Target) -> list[Case]:
    """List what is measured."""
    stored = target.contacts
    one = [score(target, [contact], reasons=3) for contact in stored[:500]]
    plain = [score(target, [contact], reasons=0) for contact in stored[:500]]
    hundreds = [score(target, stored[at : at + 100], reasons=0) for at in range(0, 1_000, 100)]
    explained = [score(target, stored[at : at + 100], reasons=3) for at in range(0, 1_000, 100)]
    thousands = [score(target, stored[at : at + 1_000], reasons=0) for at in (0, 500)]
    return [
        Case("1 stored contact, 3 reasons", "/score", one, 1_000),
        Case("1 stored contact, 3 reasons, 8 connections", "/score", one, 2_000, connections=8),
        Case("1 stored contact, no reasons", "/score", plain, 1_000),
        Case("100 stored contacts, no reasons", "/score", hundreds, 100),
        Case("100 stored contacts, 3 reasons", "/score", explained, 100),
        Case("1,000 stored contacts, no reasons", "/score", thousands, 25),
        Case("1,000 inline contacts x 60 attributes", "/score", [inline(target)], 25),
        Case("POST /events, 1 event", "/events", [events(target, 1, batch) for batch in range(500)], 500, direct=False),
        Case(
            "POST /events, 1,000 events",
            "/events",
            [events(target, 1_000, batch) for batch in range(1_000, 1_020)],
            20,
            direct=False,
        ),
    ]


def score(target: Target, contacts: Sequence[str], *, reasons: int) -> bytes:
    """Ask about stored contacts."""
    asked = {"outcome": target.outcome, "reasons": reasons, "contacts": [{"id": contact} for contact in contacts]}
    return json.dumps(asked).encode()


def inline(target: Target) -> bytes:
    """Ask about contacts that bring all there is to know of them."""
    contacts = [
        {
            "id": f"inline-{row}",
            "attributes": {
                f"attribute_{column}": (f"value {row % 7}", row * 1.5, row % 2 == 0)[column % 3] for column in range(60)
            },
        }
        for row in range(1_000)
    ]
    return json.dumps({"outcome": target.outcome, "reasons": 0, "contacts": contacts}).encode()


def events(target: Target, count: int, batch: int) -> bytes:
    """Send events that are not stored yet."""
    listed = [
        {
            "id": f"bench-{batch}-{number}",
            "contact_id": target.contacts[(batch + number) % len(target.contacts)],
            "type": "page_viewed",
            "occurred_at": "2026-01-05T09:00:00Z",
        }
        for number in range(count)
    ]
    return json.dumps({"events": listed}).encode()


async def measured(port: int, case: Case, header: str) -> tuple[list[float], float]:
    """Send one case's requests; tell the seconds of each and of all together."""
    requests = cycle([_request(case.path, header, body) for body in case.bodies])
    await _asked(port, requests, min(WARM_UP, case.requests), [], time.perf_counter() + SECONDS)
    taken: list[float] = []
    began = time.perf_counter()
    each = case.requests // case.connections
    await asyncio.gather(*(_asked(port, requests, each, taken, began + SECONDS) for _ in range(case.connections)))
    return taken, time.perf_counter() - began


def _request(path: str, header: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\n{header}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _asked(port: int, requests: Iterator[bytes], count: int, taken: list[float], until: float) -> None:
    """Ask one after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    for _ in range(count):
        request = next(requests)
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body = await reader.readexactly(length)
        taken.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 2"):
            raise SystemExit(f"{head.decode()}{body[:500].decode()}")
        if time.perf_counter() > until:
            break
    writer.close()


def table(target: Target, processes: Mapping[str, int]) -> None:
    """Measure every case and print a line each; CPU is that of all processes, whatever else the machine does."""
    print("| request | p50 ms | p95 ms | p99 ms | requests/s | CPU ms a request | p50 ms, service alone |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for case in cases(target):
        before = cpu_seconds(processes)
        taken, seconds = asyncio.run(measured(target.port, case, f"authorization: Bearer {target.key}"))
        computed = 1e3 * (cpu_seconds(processes) - before) / (len(taken) + min(WARM_UP, case.requests))
        middle, high, highest = (np.percentile(taken, share) * 1e3 for share in (50, 95, 99))
        alone = f"{_alone(target, case):,.2f}" if case.direct else ""
        figures = f"{middle:,.2f} | {high:,.2f} | {highest:,.2f} | {len(taken) / seconds:,.1f} | {computed:,.2f}"
        print(f"| {case.name} | {figures} | {alone} |", flush=True)


def _alone(target: Target, case: Case) -> float:
    call = Call(target.account, ("predict",), "bench", time.time() + 10 * SECONDS)
    header = f"{CALL_HEADER}: {signed(call, 'POST', case.path, target.signing_key)}"
    taken, _ = asyncio.run(measured(service_port(target.port, "scoring"), case, header))
    return float(np.median(taken)) * 1e3


def children(supervisor: int) -> dict[str, int]:
    """Find the processes by the module that they run."""
    found = {}
    for child in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found[next((word.decode() for word in arguments[4:] if word), "")] = int(child)
    return found


def cpu_seconds(processes: Mapping[str, int]) -> float:
    """Read how long the processes have computed together."""
    ticks = 0
    for process in processes.values():
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(processes: Mapping[str, int]) -> str:
    """Return what each process holds: resident, and in brackets without the pages of mapped files."""
    words = []
    for name, process in processes.items():
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line
        )
        resident, own = (int(status[field].split()[0]) / 1e3 for field in ("VmRSS", "RssAnon"))
        words.append(f"{name} {resident:.0f} MB ({own:.0f})")
    return ", ".join(words)


@contextmanager
def running(home: Path, port: int) -> Iterator[int]:
    """Run `foretell up` on a home; gives its process id."""
    # Counted, and never reached: this is about speed.
    limits = {"FORETELL_LIMITS_CALLS": "1000000000", "FORETELL_LIMITS_CONTACTS": "1000000000"}
    environment = {**os.environ, **limits, "FORETELL_HOME": str(home), "FORETELL_PORT": str(port)}
    with (home.parent / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "foretell", "up", "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        yield up.pid
    finally:
        up.terminate()
        up.wait()


def until_answered(target: Target) -> None:
    """Wait until the model is loaded."""
    deadline = time.monotonic() + START_SECONDS
    asked = urllib.request.Request(
        f"http://127.0.0.1:{target.port}/score",
        data=score(target, target.contacts[:1], reasons=0),
        headers={"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"},
    )
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(asked, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("no model answers; see the logs in the home folder")


def free_port() -> int:
    """Find a port with free ones behind it."""
    for port in range(18_400, 19_000, 20):
        try:
            for offset in range(len(TABLE) + 2):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return port
    raise SystemExit("no free ports")


def targeted(home: Path, account: str, outcome: str, port: int) -> Target:
    """Read what a request needs from a home folder."""
    database = open_database(Settings(home=home))
    contacts = sorted(database.of(account).contacts.scan()[0])
    database.close()
    key, signing = (home / "keys" / account).read_text(), (home / "secrets" / "signing_key").read_text()
    return Target(port, account, outcome, key.strip(), signing.strip().encode(), contacts)


def main() -> None:
    """Prepare a home, start the processes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a trained home folder; it is copied (default: generate and train)")
    parser.add_argument("--account", default=ACCOUNT)
    parser.add_argument("--outcome", default=OUTCOME)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if given.home is None:
            fill(home, given.account, given.outcome)
        else:
            shutil.copytree(given.home, home)
        port = free_port()
        with running(home, port) as supervisor:
            deadline = time.monotonic() + START_SECONDS
            while not (home / "secrets" / "identity_key").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            target = targeted(home, given.account, given.outcome, port)
            until_answered(target)
            processes = children(supervisor)
            print(f"Memory before: {memory(processes)}")
            table(target, processes)
            print(f"Memory after: {memory(processes)}")


if __name__ == "__main__":
    main()
