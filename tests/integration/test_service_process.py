"""A service as a process: it starts, answers, keeps to itself, and ends when told."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from shared.capabilities import TABLE, Capability
from tests.e2e.installation import forked, until


@dataclass
class Service:
    """A service that runs, and where it is asked."""

    process: ForkServerProcess
    base: str
    path: str
    log: Path


@pytest.fixture(scope="module", params=TABLE, ids=lambda line: line.name)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_files: Path
) -> Iterator[Service]:
    line: Capability = request.param
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(migrated_files, home, dirs_exist_ok=True)
    port = str(request.getfixturevalue("unused_tcp_port_factory")())
    log, environment = home / "log", {**os.environ, "FORETELL_HOME": str(home), "FORETELL_SIGNING_KEY": "k" * 32}
    process = forked("services", line.name, "--port", port, environment=environment, log=log)
    yield Service(process, f"http://127.0.0.1:{port}", line.path, log)
    process.kill()
    process.join(60)


def status(service: Service, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Ask once it listens."""
    while service.process.is_alive():
        try:
            with urllib.request.urlopen(urllib.request.Request(service.base + path, body), timeout=30) as reply:  # noqa: S310
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except urllib.error.URLError:
            service.process.join(0.1)
    raise AssertionError(service.log.read_text())


def test_it_is_healthy_and_ready_without_a_model(service: Service) -> None:
    assert status(service, "/healthz")[0] == 200
    while (ready := status(service, "/readyz"))[0] != 200:  # the champions of nobody are looked for first
        assert json.loads(ready[1])["causes"] == ["models-loading"]
    assert json.loads(ready[1]) == {"status": "ready", "causes": [], "store": "reachable"}


def test_without_the_gateway_s_signature_it_answers_nothing(service: Service) -> None:
    code, body = status(service, service.path, b"{}")

    assert (code, json.loads(body)["code"]) == (401, "invalid-key")


def test_it_holds_no_library_of_training(service: Service) -> None:
    status(service, "/healthz")

    assert libraries_of_training(service.process.pid) == []


def libraries_of_training(pid: int | None) -> list[str]:
    mapped = Path(f"/proc/{pid}/maps").read_text()
    return [name for name in ("pandas", "pyarrow", "sklearn", "matplotlib") if f"/{name}/" in mapped]


def test_it_ends_when_stopped_and_its_log_is_json(service: Service) -> None:
    status(service, service.path, b"{}")

    service.process.terminate()
    service.process.join(60)

    assert service.process.exitcode in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert "request.answered" in [line["event"] for line in lines]


def test_it_starts_by_itself_with_no_library_of_training_and_ends_when_stopped(
    tmp_path: Path, migrated_files: Path, unused_tcp_port: int
) -> None:
    """The others are forked from a process that has loaded the libraries, as `foretell up` does it."""
    shutil.copytree(migrated_files, tmp_path, dirs_exist_ok=True)
    words = [sys.executable, "-m", "services", TABLE[0].name, "--port", str(unused_tcp_port)]
    environment = {**os.environ, "FORETELL_HOME": str(tmp_path), "FORETELL_SIGNING_KEY": "k" * 32}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(words, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            assert until(lambda: process.poll() is not None or is_healthy(unused_tcp_port))
            libraries = libraries_of_training(process.pid)
        finally:
            process.terminate()

    assert libraries == []
    assert process.returncode in (0, -signal.SIGTERM)


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as reply:
            return bool(reply.status == 200)
    except urllib.error.URLError:
        return False
