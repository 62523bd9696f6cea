"""The supervisor with real processes and sockets."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from foretell import processes
from foretell.processes import Supervisor, is_healthy
from foretell.programs import Program, refuse_taken_ports
from shared.errors import Conflict
from tests.e2e.installation import free_ports

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(__file__).parent / "programs"


def free_port() -> int:
    """Find one that no outgoing connection takes before a child listens there."""
    return free_ports(1)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{PROGRAMS}"}


def answering(*flags: str) -> Program:
    port = free_port()
    return Program("answering", ("answering_program", str(port), *flags), "127.0.0.1", port)


def until(condition: Callable[[], bool], *, seconds: float = 120.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def children() -> list[psutil.Process]:
    """List our own: the process of a database may live beside them, with children that come and go."""
    return [child for child in psutil.Process().children(recursive=True) if is_ours(child)]


def is_ours(child: psutil.Process) -> bool:
    try:
        return child.status() != psutil.STATUS_ZOMBIE and child.cmdline()[0].startswith("foretell: ")
    except (psutil.NoSuchProcess, IndexError):
        return False


class Running:
    """A supervisor with one child, and what it said."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.said: list[str] = []
        self.supervisor = Supervisor((program,), environment(), logs, self.said.append)

    def healthy(self) -> bool:
        return is_healthy(self.program.health_url)


@pytest.fixture(autouse=True)
def _programs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children look for modules where their parent does."""
    monkeypatch.syspath_prepend(str(PROGRAMS))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(*flags: str) -> Running:
        one = Running(answering(*flags), tmp_path / "logs")
        made.append(one)
        one.supervisor.start()
        return one

    yield start
    for one in made:
        one.supervisor.stop()


def test_it_waits_until_the_child_answers(running: Callable[..., Running]) -> None:
    one = running()

    assert one.supervisor.wait_until_healthy(stopped=lambda: False)
    assert one.healthy()


def test_waiting_ends_when_stopped(running: Callable[..., Running]) -> None:
    assert not running().supervisor.wait_until_healthy(stopped=lambda: True)


def test_a_child_that_was_killed_is_started_again_and_reported(running: Callable[..., Running]) -> None:
    one = running()
    one.supervisor.wait_until_healthy(stopped=lambda: False)
    before = children()

    before[0].kill()

    def healthy_again() -> bool:
        one.supervisor.look()
        return one.healthy() and children() != before

    assert until(healthy_again)
    assert one.said[0].startswith("answering was killed by SIGKILL; starting it again in 0.5 s")


def test_a_child_that_hangs_is_started_again_and_reported(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROBE_EVERY_SECONDS", 0.05)
    one = running()
    one.supervisor.hung_seconds = 1.2
    one.supervisor.wait_until_healthy(stopped=lambda: False)
    before = children()

    before[0].send_signal(signal.SIGSTOP)

    def healthy_again() -> bool:
        one.supervisor.look()
        return children() not in ([], before) and one.healthy()

    assert until(healthy_again)
    assert re.fullmatch(r"answering has not answered for \d+ s; killing it\.", one.said[0])
    assert one.said[1].startswith("answering was killed by SIGKILL; starting it again in 0.5 s")


def test_a_child_that_answers_late_now_and_then_lives_on(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROBE_EVERY_SECONDS", 0.05)
    one = running()
    one.supervisor.hung_seconds = 30.0
    one.supervisor.wait_until_healthy(stopped=lambda: False)
    before = children()

    before[0].send_signal(signal.SIGSTOP)
    until(lambda: one.supervisor.look() is not None, seconds=1.3)
    before[0].send_signal(signal.SIGCONT)
    until(lambda: one.supervisor.look() is not None, seconds=0.5)

    assert children() == before
    assert one.said == []


def test_a_child_that_dies_at_once_is_reported_with_the_end_of_its_log(running: Callable[..., Running]) -> None:
    one = running("--dies")

    with pytest.raises(Conflict, match=r"answering stopped with exit code 1 while starting.*no such thing as luck"):
        one.supervisor.wait_until_healthy(stopped=lambda: False)


def test_a_child_that_never_answers_is_reported(running: Callable[..., Running]) -> None:
    with pytest.raises(Conflict, match="did not answer within 0 s"):
        running("--mute").supervisor.wait_until_healthy(stopped=lambda: False, within_seconds=0)


def test_stopping_leaves_no_process(running: Callable[..., Running]) -> None:
    one = running()
    one.supervisor.wait_until_healthy(stopped=lambda: False)

    one.supervisor.stop()

    assert not one.healthy()
    assert children() == []


def test_a_child_that_does_not_listen_is_killed(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    one = running("--deaf")
    one.supervisor.wait_until_healthy(stopped=lambda: False)

    one.supervisor.stop()

    assert children() == []
    assert one.said == ["answering did not stop within 0 s and was killed."]


def test_a_signal_to_all_processes_lets_children_finish(running: Callable[..., Running]) -> None:
    one = running("--finishes")
    one.supervisor.wait_until_healthy(stopped=lambda: False)

    for process in psutil.Process().children(recursive=True):  # as a service manager stops a group
        if process.status() != psutil.STATUS_ZOMBIE and "postgres" not in process.name():
            process.terminate()
    one.supervisor.stop()

    assert processes.last_line(one.supervisor.logs / "answering.log") == "all is done"
    assert children() == []


def test_children_are_started_again_when_the_process_they_were_forked_from_was_killed(
    running: Callable[..., Running],
) -> None:
    one = running()
    one.supervisor.wait_until_healthy(stopped=lambda: False)
    before = children()

    psutil.Process(before[0].ppid()).kill()

    def healthy_again() -> bool:
        one.supervisor.look()
        return one.healthy() and len(children()) == 1 and children() != before

    assert until(healthy_again)


def test_a_child_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = answering()
    script = (
        "import os, sys, time\nfrom pathlib import Path\nfrom foretell.processes import Supervisor\n"
        "from foretell.programs import Program\n"
        f"s = Supervisor((Program('answering', {program.arguments!r}, '127.0.0.1', {program.port}),),"
        f" dict(os.environ), Path({str(tmp_path)!r}), print)\n"
        "s.start()\ns.wait_until_healthy(stopped=lambda: False)\nprint('up', flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment(), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"

        parent.send_signal(signal.SIGKILL)

    assert until(lambda: not is_healthy(program.health_url))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(Conflict, match=rf"Port {port} \(answering\) is taken.*FORETELL_PORT"):
            refuse_taken_ports((Program("answering", (), "127.0.0.1", port),))


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Conflict, match="Cannot listen on 192\\.0\\.2\\.1"):
        refuse_taken_ports((Program("gateway", (), "192.0.2.1", free_port()),))


def test_a_free_port_is_fine_and_stays_free() -> None:
    port = free_port()

    refuse_taken_ports((Program("answering", (), "127.0.0.1", port),))

    with socket.create_server(("127.0.0.1", port)) as listener:
        assert listener.getsockname()[1] == port
