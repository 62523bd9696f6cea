"""The worker's calls and its health API with real sockets, and the process itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from foretell.background.calls import ServiceCalls, Unanswerable
from foretell.background.loops import Loop, Loops
from foretell.worker import health_server
from shared.contracts.call import CALL_HEADER, SignedContent, verified
from shared.errors import ClockSkew, UpstreamUnavailable
from shared.settings import WorkerSettings
from shared.store import ChampionRow
from tests.e2e.installation import forked, until

KEY = "k" * 64
ANSWER = {
    "predictions": [
        {"contact_id": "a", "status": "ok", "band": "high", "score": 93, "parts": {"fit": 1}},
        {"contact_id": "b", "status": "unknown_contact", "band": None, "score": None},
    ],
    "model": {"capability": "scoring", "version": "7", "grade": "A"},
    "cutoff": "2026-06-01T00:00:00Z",
}
WRONG = [("predictions", [1]), ("cutoff", "2026-06-01"), ("cutoff", 3e400), ("model", {})]
SETTINGS = WorkerSettings(signing_key=KEY, identity_key=KEY)
CHAMPION = ChampionRow("acme", "scoring", "customer", "7", "digest", 0, None, None)


@contextmanager
def service(status: int, body: Any) -> Iterator[tuple[WorkerSettings, list[tuple[str, str | None, Any]]]]:
    """A service that answers the same to everything, and what it was asked."""
    seen: list[tuple[str, str | None, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers[CALL_HEADER], asked))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield (
            WorkerSettings(signing_key=KEY, identity_key=KEY, upstream=f"http://127.0.0.1:{server.server_address[1]}"),
            seen,
        )
        server.shutdown()
        thread.join()


def test_a_service_is_called_as_the_gateway_would_call_it() -> None:
    with service(200, ANSWER) as (settings, seen):
        answered = ServiceCalls(settings)(CHAMPION, ["a", "b"], reasons=3)

    path, header, body = seen[0]
    assert answered.model.version == "7"
    assert [(seen.contact_id, seen.band) for seen in answered.predictions] == [("a", "high"), ("b", None)]
    assert path == "/score"
    assert json.loads(body) == {"contacts": [{"id": "a"}, {"id": "b"}], "reasons": 3, "outcome": "customer"}
    call = verified(header, SignedContent("POST", b"/score", body), KEY.encode(), now=time.time())
    assert (call.account, call.committed) == ("acme", True)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    with service(200, ANSWER) as (settings, seen):
        ServiceCalls(settings)(CHAMPION, ["a", "b"], reasons=3)

    assert len(seen) == 1


def test_a_clock_that_differs_has_a_name() -> None:
    with service(503, {"code": "clock-skew"}) as (settings, _), pytest.raises(ClockSkew, match="scoring"):
        ServiceCalls(settings)(CHAMPION, ["a"], reasons=0)


@pytest.mark.parametrize("status", [409, 500, 503])
def test_an_error_of_the_service_is_one_of_ours(status: int) -> None:
    with service(status, {}) as (settings, _), pytest.raises(UpstreamUnavailable, match=str(status)):
        ServiceCalls(settings)(CHAMPION, ["a"], reasons=0)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"model": None},
        {**ANSWER, "predictions": [1]},
        {**ANSWER, "cutoff": "2026-06-01"},
        {**ANSWER, "model": {}},
    ],
)
def test_an_answer_that_is_none_is_an_error(body: Any) -> None:
    with service(200, body) as (settings, _), pytest.raises(Unanswerable, match="cannot be read"):
        ServiceCalls(settings)(CHAMPION, ["a"], reasons=0)


def test_an_answer_about_others_is_an_error() -> None:
    with service(200, ANSWER) as (settings, _), pytest.raises(UpstreamUnavailable, match="others"):
        ServiceCalls(settings)(CHAMPION, ["a"], reasons=0)


def test_nobody_there_is_an_error() -> None:
    settings = WorkerSettings(signing_key=KEY, identity_key=KEY, upstream="http://127.0.0.1:9")

    with pytest.raises(UpstreamUnavailable, match="does not answer"):
        ServiceCalls(settings)(CHAMPION, ["a"], reasons=0)


def fetched(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_loop_that_fails_makes_the_worker_degraded_and_says_why() -> None:
    def turn() -> None:
        raise ClockSkew("differs")

    loops = Loops((one := Loop("rescoring", 60.0, turn),), threading.Event())
    loops.run_once(one)

    with health_server(loops, SETTINGS, "127.0.0.1", 0) as port:
        assert fetched(port, "/readyz") == (200, b'{"status":"degraded","causes":["rescoring: clock-skew"]}')


def test_the_bound_port_answers_health_and_counts() -> None:
    stop = threading.Event()
    loops = Loops((Loop("one", 60.0, lambda: None),), stop)
    loops.start()

    with health_server(loops, SETTINGS, "127.0.0.1", 0) as port:
        assert fetched(port, "/healthz") == (200, b'{"status":"ok"}')
        assert fetched(port, "/readyz")[0] == 200
        assert b'foretell_worker_turns_total{loop="one"} 1.0' in generate_latest(loops.metrics.registry)
        assert fetched(port, "/nothing")[0] == 404
        stop.set()
        loops.join(within_seconds=60)
        assert fetched(port, "/healthz")[0] == 503


@pytest.fixture
def environment(tmp_path: Path, migrated_files: Path) -> dict[str, str]:
    """The environment of a worker on a home of its own."""
    shutil.copytree(migrated_files, tmp_path, dirs_exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
    keys = {"FORETELL_SIGNING_KEY": KEY, "FORETELL_IDENTITY_KEY": KEY}
    return {**kept, **keys, "FORETELL_HOME": str(tmp_path)}


def test_the_process_starts_by_itself_and_ends_cleanly_when_stopped(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "foretell", "worker"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        process.terminate()
        rest = process.stdout.read()

    assert started["event"] == "worker.started"
    assert process.returncode == 0
    assert json.loads(rest.splitlines()[-1])["event"] == "worker.stopped"


def test_a_forked_one_ends_cleanly_when_interrupted(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    process = forked("foretell", "worker", environment=environment, log=log)
    assert until(lambda: log.exists() and "worker.started" in log.read_text())
    assert process.pid is not None

    os.kill(process.pid, signal.SIGINT)
    process.join(60)

    assert process.exitcode == 0
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "worker.stopped"


def test_without_the_signing_key_it_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["FORETELL_SIGNING_KEY"]
    process = forked("foretell", "worker", environment=environment, log=tmp_path / "worker.log")

    process.join(60)

    assert process.exitcode == 2
    assert (tmp_path / "worker.log").read_text() == (
        "foretell: FORETELL_SIGNING_KEY is not set: set it in the environment of this process.\n"
    )
