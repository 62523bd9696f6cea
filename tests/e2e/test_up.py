"""From files to an answer over HTTP, with the processes, sockets and signals that a user has."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.capabilities import TABLE

CONTACTS = 240
NOW = datetime.now(UTC).replace(microsecond=0)
KNOWN_SINCE = NOW - timedelta(days=300)


def free_ports(count: int = len(TABLE) + 2) -> int:
    """Find the first of some neighbouring ports that are free."""
    for port in range(random.Random(os.getpid()).randrange(20_000, 40_000), 60_000, count):
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

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
        return {**kept, "FORETELL_HOME": str(self.home), "FORETELL_PORT": str(self.port)}

    def foretell(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "foretell", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

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
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own gateway
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def score(self, *contact_ids: str) -> tuple[int, Any]:
        return self.asked("/score", {"contacts": [{"id": one} for one in contact_ids]})


def write_files(folder: Path) -> tuple[Path, Path]:
    """Leads who open mail now and then; those who come back often buy."""
    chance = random.Random(7)
    contacts = ["id,country,timezone,created_at"]
    events = ["contact_id,id,type,occurred_at,value"]
    for number in range(CONTACTS):
        keen = number % 3 == 0
        contacts.append(f"c-{number:03},{'FR' if keen else 'US'},Europe/Paris,{KNOWN_SINCE.isoformat()}")
        for day in range(2, 300, 3 if keen else 11):
            at = (NOW - timedelta(days=day, minutes=chance.randrange(1_000))).isoformat()
            events.append(f"c-{number:03},v-{number}-{day},page_viewed,{at},")
            if chance.random() < (0.12 if keen else 0.02):
                events.append(f"c-{number:03},o-{number}-{day},order_placed,{at},{chance.randrange(10, 90)}")
    contacts.append("broken,FR,Mars/Olympus,")
    (folder / "contacts.csv").write_text("\n".join(contacts) + "\n")
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    return folder / "contacts.csv", folder / "events.csv"


def until(condition: Callable[[], bool], *, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def read_greeting(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return "".join(lines)
    raise AssertionError("".join(lines))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Files imported, an outcome defined, a model trained and promoted."""
    folder = tmp_path_factory.mktemp("foretell")
    installation = Installation(folder / "var", free_ports())
    contacts, events = write_files(folder)
    imported = installation.foretell(
        "import", "--contacts", str(contacts), "--events", str(events), "--static", "country", "--json"
    )
    assert imported.returncode == 0, imported.stderr
    first, _ = json.loads(imported.stdout)
    assert (first["new"], first["rejected"]) == (CONTACTS, 1)
    event = ("--event", "order_placed", "--within", "30d", "--repeatable")
    outcome = installation.foretell("outcomes", "set", "order", *event)
    assert outcome.returncode == 0, outcome.stderr
    training = installation.foretell("train", "scoring", "--outcome", "order")
    assert training.returncode == 0, training.stderr + training.stdout
    return installation


@pytest.fixture
def up(trained: Installation) -> Iterator[tuple[Installation, "subprocess.Popen[str]"]]:
    process = trained.start()
    yield trained, process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def children(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """The processes of `up` by the module they run."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        words = child.cmdline()
        if "foretell.child" in words:
            found[words[words.index("foretell.child") + 2]] = child
    return found


def test_a_bad_row_lies_in_the_rejects_file_and_the_same_files_again_change_nothing(trained: Installation) -> None:
    folder = trained.home.parent
    rejects = (folder / "contacts.csv.rejects.csv").read_text().splitlines()

    again = trained.foretell("import", "--events", str(folder / "events.csv"), "--json")

    assert rejects[0] == "line,reason"
    assert rejects[1].startswith(f"{CONTACTS + 2},")
    assert json.loads(again.stdout)[0]["new"] == 0


def test_from_files_to_an_answer_through_a_killed_service_to_a_clean_end(
    up: tuple[Installation, "subprocess.Popen[str]"],
) -> None:
    installation, process = up
    said = read_greeting(process)
    before = children(process)
    assert "curl -s" in said
    assert set(before) == {*(f"services.{line.name}.api" for line in TABLE), "foretell", "gateway"}

    status, answer = installation.score("c-000", "c-001", "nobody")
    assert status == 200
    first, _, unknown = answer["predictions"]
    assert 0 < first["probability"] < 1
    assert first["band"] in {"low", "medium", "high", "very_high"}
    assert 1 <= len(first["reasons"]) <= 3
    assert unknown["status"] == "unknown_contact"

    before["services.scoring.api"].kill()
    assert until(lambda: installation.score("c-000")[0] == 503, seconds=5)
    assert until(lambda: installation.score("c-000")[0] == 200)
    again = installation.score("c-000")[1]["predictions"][0]
    assert again["probability"] == pytest.approx(first["probability"], abs=0.01)

    def listed() -> bool:
        status, found = installation.asked("/predictions?capability=scoring&outcome=order&limit=5", method="GET")
        return status == 200 and len(found["predictions"]) == 5

    assert until(listed), "the worker scores every contact"

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "services.scoring.api" not in rest
    assert "scoring was killed by SIGKILL; starting it again" in rest
    assert rest.endswith("Everything is stopped.\n")
    assert not any(child.is_running() for child in before.values())


def test_a_second_one_on_the_same_home_is_refused(up: tuple[Installation, "subprocess.Popen[str]"]) -> None:
    installation, process = up
    read_greeting(process)

    second = installation.foretell("up", "--port", str(free_ports()))

    assert second.returncode == 1
    assert f"(process {process.pid}) already runs" in second.stderr
    assert second.stderr.count("\n") == 1


def test_no_process_outlives_a_parent_that_was_killed(up: tuple[Installation, "subprocess.Popen[str]"]) -> None:
    _, process = up
    read_greeting(process)
    before = children(process)

    process.kill()

    assert until(lambda: not any(child.is_running() for child in before.values()), seconds=20)


def test_a_port_that_is_taken_is_one_sentence(trained: Installation) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", trained.port))
        taken.listen()

        refused = trained.foretell("up")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"foretell: Port {trained.port} (gateway) is taken")
    assert refused.stderr.count("\n") == 1
