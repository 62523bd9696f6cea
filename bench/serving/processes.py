"""Processes that are measured: started on a port of their own, watched until they answer, ended with their children."""

import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.serving.arithmetic import Void
from shared.capabilities import TABLE

START_SECONDS = 120.0
SETTLE_SECONDS, SETTLED_OVER_SECONDS, IDLE_SHARE = 20.0, 0.1, 0.25
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Running:
    """A system that answers."""

    name: str
    port: int
    processes: tuple[int, ...]
    """Those that the harness started; their children are theirs."""

    def cpu_seconds(self) -> float:
        """Read how long all its processes have computed together."""
        return sum(_cpu(one) for pid in self.processes for one in family(pid))

    def settle(self) -> None:
        """Wait until it computes no more: a server goes on with what was asked after its client has left."""
        before, deadline = self.cpu_seconds(), time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(SETTLED_OVER_SECONDS)
            now = self.cpu_seconds()
            if now - before < IDLE_SHARE * SETTLED_OVER_SECONDS:
                return
            before = now

    def megabytes(self) -> float:
        """Read what all its processes hold, shared pages shared out."""
        total = 0.0
        for one in (one for pid in self.processes for one in family(pid)):
            with suppress(psutil.Error):
                total += one.memory_full_info().pss / 1e6
        return total

    def count(self) -> int:
        """Count its processes."""
        return sum(len(family(pid)) for pid in self.processes)


def family(pid: int) -> list[psutil.Process]:
    """List a process and all that came from it."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def free_port() -> int:
    """Find a port that nobody listens on, with free ones behind it for the product's services.

    Below those that the system gives to outgoing connections: one of these could take it in the meantime.
    """
    for port in random.sample(range(18_000, 32_000, 10), 200):
        with suppress(OSError), ExitStack() as held:
            for offset in range(len(TABLE) + 1):
                held.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            return port
    raise SystemExit("no free ports")


@contextmanager
def running(
    name: str, port: int, commands: Sequence[Sequence[str]], environment: Mapping[str, str], folder: Path, ready: str
) -> Iterator[Running]:
    """Run processes that make up one system until it answers, and end them afterwards.

    Args:
        name: of the system.
        port: where it answers.
        commands: one a process.
        environment: of each, whole.
        folder: where they work and where their output goes.
        ready: path that answers 200 once it can serve.

    Raises:
        Void: it ended, or did not answer in time; with the last line of its output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name.replace(' ', '-').lower()}.log"
    with log.open("wb") as output:
        children = [
            subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=folder) for command in commands
        ]
    try:
        _until_ready(f"http://127.0.0.1:{port}{ready}", children, log)
        yield Running(name, port, tuple(child.pid for child in children))
    finally:
        end(children)


def end(children: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End processes and all that came from them."""
    relatives = [one for child in children for one in family(child.pid)[1:]]
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for one in relatives:
        with suppress(psutil.Error):
            one.kill()


def _until_ready(url: str, children: Sequence["subprocess.Popen[bytes]"], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if any(child.poll() is not None for child in children):
            raise Void(f"it ended while starting: {last_line(log)}")
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise Void(f"it did not answer within {START_SECONDS:.0f} s: {last_line(log)}")


def last_line(log: Path) -> str:
    """Return the last line of a log that names an error, else the last one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (named or lines or ["it said nothing"])[-1][:300]


def plain_environment() -> dict[str, str]:
    """Copy this process's environment without what would reach into the measured ones."""
    dropped = ("FORETELL_", "MLFLOW_", "PYTHON", "VIRTUAL_ENV", "OMP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "NO_PROXY": "127.0.0.1,localhost"}


def product(port: int, home: Path, **settings: str) -> dict[str, str]:
    """Write the environment of the product's own processes; the quota of a key is counted and never reached."""
    return {
        **plain_environment(),
        "PYTHONPATH": str(ROOT),
        "FORETELL_HOME": str(home),
        "FORETELL_PORT": str(port),
        "FORETELL_LIMITS_CALLS": "1000000000",
        "FORETELL_LIMITS_CONTACTS": "1000000000",
        **{f"FORETELL_{name.upper()}": value for name, value in settings.items()},
    }


def module(*words: str) -> list[str]:
    """Compose the command that runs a module in this interpreter."""
    return [sys.executable, "-m", *words]
