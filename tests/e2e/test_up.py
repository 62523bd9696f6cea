"""From files to an answer over HTTP, with the processes, sockets and signals that a user has."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from shared.capabilities import TABLE
from tests.e2e.installation import CONTACTS, Installation, free_ports, read_greeting, until

Process = subprocess.Popen[str]


@pytest.fixture(scope="module")
def started() -> Iterator[list[tuple[Process, str]]]:
    """What was started, each with what it said; the last one may still run."""
    started: list[tuple[Process, str]] = []
    yield started
    end(started)


def end(started: list[tuple[Process, str]]) -> None:
    for process, _ in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    started.clear()


@pytest.fixture
def up(trained: Installation, started: list[tuple[Process, str]]) -> Process:
    """Everything runs, and is left to the next test unless this one ends it."""
    if not started or started[-1][0].poll() is not None:
        process = trained.start()
        started.append((process, read_greeting(process)))
    return started[-1][0]


@pytest.fixture
def down(trained: Installation, started: list[tuple[Process, str]]) -> Installation:
    """Nothing runs."""
    end(started)
    return trained


def children(process: Process) -> dict[str, psutil.Process]:
    """The processes of `up` by the module they run, services by their capability."""
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


def test_a_bad_row_lies_in_the_rejects_file_and_the_same_files_again_change_nothing(trained: Installation) -> None:
    folder = trained.home.parent
    (file,) = (trained.home / "rejects" / "default").iterdir()
    rejects = file.read_text().splitlines()

    again = trained.types("import", "--events", str(folder / "events.csv"), "--json")

    assert rejects[0].startswith("line,reason,id,")
    assert rejects[1].startswith(f"{CONTACTS + 2},")
    assert json.loads(again)[0]["new"] == 0


def test_from_files_to_an_answer_through_a_killed_service_to_a_clean_end(
    trained: Installation, up: Process, started: list[tuple[Process, str]]
) -> None:
    installation, process, said = trained, up, started[-1][1]
    before = children(process)
    assert "curl -s" in said
    assert set(before) == {*(line.name for line in TABLE), "foretell", "gateway"}

    status, answer = installation.score("c-000", "c-001", "nobody")
    assert status == 200
    first, _, unknown = answer["predictions"]
    assert 0 < first["probability"] < 1
    assert first["band"] in {"low", "medium", "high", "very_high"}
    assert 1 <= len(first["reasons"]) <= 3
    assert unknown["status"] == "unknown_contact"

    before["scoring"].kill()
    assert until(lambda: children(process).get("scoring") not in (None, before["scoring"]))
    assert until(lambda: installation.score("c-000")[0] == 200)
    again = installation.score("c-000")[1]["predictions"][0]
    assert again["probability"] == pytest.approx(first["probability"], abs=0.01)

    def listed() -> bool:
        status, found = installation.asked("/predictions?capability=scoring&outcome=order&limit=5", method="GET")
        return status == 200 and len(found["predictions"]) == 5

    assert until(listed), "the worker scores every contact"

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=120)

    assert process.returncode == 0
    assert "Traceback" not in rest
    assert "scoring was killed by SIGKILL; starting it again" in rest
    assert rest.endswith("Everything is stopped.\n")
    assert not any(child.is_running() for child in before.values())


def test_a_second_one_on_the_same_home_is_refused(trained: Installation, up: Process) -> None:
    second = trained.foretell("up", "--port", str(free_ports()))

    assert second.returncode == 1
    assert f"(process {up.pid}) already runs" in second.stderr
    assert second.stderr.count("\n") == 1


def test_no_process_outlives_a_parent_that_was_killed(up: Process) -> None:
    before = children(up)

    up.kill()

    assert until(lambda: not any(child.is_running() for child in before.values()), seconds=120)


def test_a_port_that_is_taken_is_one_sentence(down: Installation) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", down.port))
        taken.listen()

        refused = down.foretell("up")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"foretell: Port {down.port} (gateway) is taken")
    assert refused.stderr.count("\n") == 1


def test_it_stops_its_children_though_nobody_reads_what_it_writes(down: Installation) -> None:
    process = down.start()
    read_greeting(process)
    before = children(process)
    assert process.stdout is not None
    process.stdout.close()

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)

    assert not any(child.is_running() for child in before.values())
