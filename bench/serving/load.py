"""Load on one address: wrk in a closed loop, and a client of our own at a fixed rate."""

import asyncio
import itertools
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.serving.arithmetic import Load, Void, load_of, require_clean

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_SECONDS = 30


def require_wrk() -> str:
    """Find wrk.

    Raises:
        SystemExit: it is not installed; says how to get it.
    """
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk makes the load: `apt-get install wrk` (Debian, Ubuntu), `brew install wrk`")
    return found


def request(path: str, body: bytes, headers: str = "", method: str = "POST") -> bytes:
    """Write a whole HTTP request; `headers` are lines that end with CRLF."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def closed_loop(port: int, requests: Sequence[bytes], folder: Path, *, connections: int, seconds: float) -> Load:
    """Keep some connections busy with one request after the other.

    Args:
        port: on this machine.
        requests: sent in turn, from the first on again when all were sent.
        folder: for a file of them.
        connections: how many.
        seconds: how long, at least one.

    Raises:
        Void: an answer was an error, or there was none.
    """
    prepared = folder / f"{port}.requests"
    with prepared.open("wb") as file:
        for one in requests:
            file.write(b"%d\n%b\n" % (len(one), one))
    lasting = f"{max(1, round(seconds))}s"
    command = [require_wrk(), "-t1", f"-c{connections}", f"-d{lasting}", f"--timeout={TIMEOUT_SECONDS}s"]
    ran = subprocess.run(
        [*command, "-s", str(SCRIPT), f"http://127.0.0.1:{port}", "--", str(prepared)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise Void(f"wrk failed: {ran.stderr.strip() or ran.returncode}")
    return load_of(ran.stdout)


def fixed_rate(port: int, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int = 64) -> Load:
    """Send requests at given instants whatever becomes of them, so that a slow answer delays no other request.

    An answer's time counts from the instant at which its request was due, waiting for a connection included.

    Args:
        port: on this machine.
        requests: sent in turn.
        rate: requests a second.
        seconds: how long.
        connections: how many answers may be outstanding.

    Raises:
        Void: an answer was an error.
    """
    return require_clean(asyncio.run(_sent(port, requests, rate, seconds, connections)))


async def _sent(port: int, requests: Sequence[bytes], rate: float, seconds: float, connections: int) -> Load:
    loop, taken, errors = asyncio.get_running_loop(), list[float](), 0
    due = iter(range(max(1, int(rate * seconds))))
    turns = itertools.cycle(requests)
    began = loop.time() + 0.05

    async def work() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        for place in due:
            at = began + place / rate
            await asyncio.sleep(max(0.0, at - loop.time()))
            writer.write(next(turns))
            errors += not await answered(reader)
            taken.append(loop.time() - at)
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    p50, p99 = (float(np.percentile(taken, share)) * 1e3 for share in (50, 99))
    return Load(len(taken), loop.time() - began, p50, p99, errors)


async def answered(reader: asyncio.StreamReader) -> bool:
    """Read one answer; whether it is a success."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
    if length is not None:
        await reader.readexactly(length)
    else:
        while (size := int((await reader.readline()).split(b";")[0], 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    return head[9:10] == b"2"


def asked(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """Send one request and decode its answer."""
    sent = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(sent, timeout=60) as answer:  # noqa: S310
        return json.load(answer)
