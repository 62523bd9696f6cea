"""How long a service that was killed, or hangs, is away under `foretell up`: `python -m bench.restarts HOME PORT`.

HOME holds a model for scoring, default account; ports from PORT on are free. Nothing is asked but `/readyz` and
`/score` about one unknown contact.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from shared.capabilities import TABLE
from shared.settings import service_port

WAIT_SECONDS = 120.0


def until(condition: Callable[[], bool]) -> float:
    """Return the seconds until something holds."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > WAIT_SECONDS:
            raise SystemExit("it did not come back")
        time.sleep(0.02)
    return time.perf_counter() - began


def is_ready(port: int) -> bool:
    """Whether a process is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def status_of_score(home: Path, port: int, outcome: str) -> tuple[int, float]:
    """Ask once; return status and seconds."""
    key = (home / "keys" / "default").read_text().strip()
    body = json.dumps({"contacts": [{"id": "nobody"}], "outcome": outcome}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/score", body)
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - ours
            status = int(answer.status)
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    return status, time.perf_counter() - began


def scoring_of(supervisor: int) -> int:
    """Find the scoring service's process."""
    for child in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        if b"services\0scoring\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return 0


def main() -> None:
    """Measure a kill, then a hang."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--outcome", default="customer")
    given = parser.parse_args()
    environment = {**os.environ, "FORETELL_HOME": str(given.home), "FORETELL_PORT": str(given.port)}
    command = [sys.executable, "-m", "foretell", "up"]
    up = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        answers = lambda: status_of_score(given.home, given.port, given.outcome)[0] == 200  # noqa: E731
        until(lambda: all(is_ready(port) for port in range(given.port, given.port + len(TABLE) + 2)))
        print(f"first answer after {until(answers):.1f} s")
        for name, number in (("killed", signal.SIGKILL), ("hung", signal.SIGSTOP)):
            before = scoring_of(up.pid)
            os.kill(before, number)
            status, seconds = status_of_score(given.home, given.port, given.outcome)
            print(f"{name}: first call {status} after {seconds:.1f} s", end=", ", flush=True)
            status, seconds = status_of_score(given.home, given.port, given.outcome)
            print(f"second {status} after {seconds:.1f} s", end=", ", flush=True)
            until(lambda before=before: scoring_of(up.pid) not in (0, before))
            started = time.perf_counter()
            until(lambda: is_ready(service_port(given.port, "scoring")))
            ready = time.perf_counter() - started
            print(f"ready {ready:.1f} s after its start, answers {ready + until(answers):.1f} s after it")
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(30)


if __name__ == "__main__":
    main()
