"""A home folder with trained models, and the processes on it, as a user has them."""

import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from foretell.child import launched
from foretell.cli.app import app
from shared.capabilities import TABLE

CONTACTS = 120
NOW = datetime.now(UTC).replace(microsecond=0)
KNOWN_SINCE = NOW - timedelta(days=300)


FIRST_PORT, PORTS_A_WORKER, WORKERS, BLOCK = 10_000, 5_500, 4, 25
"""All below 32,768, where Linux begins to take the ports of outgoing connections."""
_given = itertools.count(os.getpid() * 61)
"""Where this process looks next: no port is given twice, even if nobody has listened there yet."""


def free_ports(count: int = len(TABLE) + 2) -> int:
    """Find the first of some neighbouring ports that are free; each worker of a run has ports of its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first, blocks = FIRST_PORT + worker * PORTS_A_WORKER, PORTS_A_WORKER // BLOCK
    for _ in range(blocks):
        port = first + next(_given) % blocks * BLOCK
        try:
            for each in range(port, port + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
    raise AssertionError("no free ports")


@dataclass
class Installation:
    """A home folder, and the command line on it."""

    home: Path
    port: int
    more: dict[str, str] = field(default_factory=dict)
    """Further settings."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
        return {**kept, "FORETELL_HOME": str(self.home), "FORETELL_PORT": str(self.port), **self.more}

    def foretell(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "foretell", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def types(self, *words: str) -> str:
        """Run a line that ends well in this process, for another one would load all libraries; what it printed."""
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("FORETELL_")]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "foretell", "up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def asked(self, path: str, body: Any = None, *, method: str = "POST") -> tuple[int, Any]:
        key = (self.home / "keys" / "default").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own gateway
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def score(self, *contact_ids: str) -> tuple[int, Any]:
        return self.asked("/score", {"contacts": [{"id": one} for one in contact_ids]})


def forked(*words: str, environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Start a module as `foretell up` does: forked from a process that has loaded the libraries once for all tests.

    To load them takes two seconds of a processor. That a module starts by itself is for tests that use `subprocess`.
    """
    return launched(words, environment=environment, log=log, lifeline=_lifeline()[0])


@cache
def _lifeline() -> tuple[int, int]:
    """Open a pipe that closes with this process: then what it has forked ends."""
    return os.pipe()


def write_files(folder: Path) -> tuple[Path, Path]:
    """Leads who click in mails now and then; those who do so often buy."""
    chance = random.Random(7)
    contacts = ["id,country,timezone,created_at"]
    events = ["contact_id,id,type,occurred_at,value"]
    for number in range(CONTACTS):
        keen = number % 3 == 0
        contacts.append(f"c-{number:03},{'FR' if keen else 'US'},Europe/Paris,{KNOWN_SINCE.isoformat()}")
        for day in range(2, 300, 3 if keen else 11):
            at = (NOW - timedelta(days=day, minutes=chance.randrange(1_000))).isoformat()
            events.append(f"c-{number:03},v-{number}-{day},email_clicked,{at},")
            if chance.random() < (0.12 if keen else 0.02):
                events.append(f"c-{number:03},o-{number}-{day},order_placed,{at},{chance.randrange(10, 90)}")
    contacts.append("broken,FR,,yesterday")
    (folder / "contacts.csv").write_text("\n".join(contacts) + "\n")
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    return folder / "contacts.csv", folder / "events.csv"


def until(condition: Callable[[], bool], *, seconds: float = 180.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def children(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """Find the processes of `up` by the module they run, services by their capability."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            words = " ".join(child.cmdline()).split()
        except psutil.NoSuchProcess:
            continue
        if words[:1] == ["foretell:"]:
            module, first = words[1:3]
            found[first if module == "services" else module] = child
    return found


def read_greeting(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return "".join(lines)
    raise AssertionError("".join(lines))


def train_in(folder: Path) -> None:
    """Import files, define an outcome, train a model and promote it."""
    installation = Installation(folder / "var", free_ports())
    contacts, events = write_files(folder)
    files = ("--contacts", str(contacts), "--events", str(events))
    first, _ = json.loads(installation.types("import", *files, "--static", "country", "--json"))
    assert (first["new"], first["rejected"]) == (CONTACTS, 1)
    event = ("--event", "order_placed", "--within", "30d", "--repeatable")
    installation.types("outcomes", "set", "order", *event)
    installation.types("train", "scoring", "--outcome", "order")
