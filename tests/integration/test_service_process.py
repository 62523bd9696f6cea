"""A service as a process: it starts, answers, keeps to itself, and ends when told."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.capabilities import TABLE, Capability
from shared.settings import Settings
from shared.store import migrate


@pytest.fixture(scope="module", params=TABLE, ids=lambda line: line.name)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    line: Capability = request.param
    home = tmp_path_factory.mktemp("home")
    migrate(Settings(home=home))
    port = str(request.getfixturevalue("unused_tcp_port_factory")())
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services", line.name, "--port", port],
            env={**os.environ, "FORETELL_HOME": str(home), "FORETELL_SIGNING_KEY": "k" * 32},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    process.base = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
    process.path = line.path  # type: ignore[attr-defined]
    process.log = home / "log"  # type: ignore[attr-defined]
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(60)


def status(service: Any, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Ask once it listens."""
    while service.poll() is None:
        try:
            with urllib.request.urlopen(urllib.request.Request(service.base + path, body), timeout=30) as reply:  # noqa: S310
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except urllib.error.URLError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.wait(0.1)
    raise AssertionError(Path(service.log).read_text())


def test_it_is_healthy_and_ready_without_a_model(service: Any) -> None:
    assert status(service, "/healthz")[0] == 200
    while (ready := status(service, "/readyz"))[0] != 200:  # the champions of nobody are looked for first
        assert json.loads(ready[1])["causes"] == ["models-loading"]
    assert json.loads(ready[1]) == {"status": "ready", "causes": [], "store": "reachable"}


def test_without_the_gateway_s_signature_it_answers_nothing(service: Any) -> None:
    code, body = status(service, service.path, b"{}")

    assert (code, json.loads(body)["code"]) == (401, "invalid-key")


def test_it_holds_no_library_of_training(service: Any) -> None:
    status(service, "/healthz")

    mapped = Path(f"/proc/{service.pid}/maps").read_text()
    assert not [name for name in ("pandas", "pyarrow", "sklearn", "matplotlib") if f"/{name}/" in mapped]


def test_it_ends_when_stopped_and_its_log_is_json(service: Any) -> None:
    status(service, service.path, b"{}")

    service.send_signal(signal.SIGTERM)

    assert service.wait(60) in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in Path(service.log).read_text().splitlines()]
    assert "request.answered" in [line["event"] for line in lines]
