"""A worker that is killed with -9 while it notices changes tells each of them exactly once."""

import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from shared.contracts.rows import EventRow, now_us
from shared.settings import Settings
from shared.store import Database, open_database
from shared.store.change_detection import LastKnownStateTable
from shared.store.delivery_tables import DeliveryTable, MessageTable, SubscriptionTable
from tests.e2e.installation import forked

CONTACTS = [f"c-{number:04}" for number in range(3_000)]
WITHIN_SECONDS = 60.0


@dataclass
class Service:
    """Answers everybody with the same band, and calls somebody just before or just after it answers."""

    port: int = 0
    score: int = 10
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None

    def answer(self, contact_ids: list[str]) -> bytes:
        band = "low" if self.score < 50 else "high"
        seen = [{"contact_id": one, "status": "ok", "score": self.score, "band": band} for one in contact_ids]
        cutoff = datetime.now(UTC).isoformat()
        return json.dumps({"predictions": seen, "model": {"version": "1", "grade": "B"}, "cutoff": cutoff}).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.before()
            body = service.answer([one["id"] for one in asked["contacts"]])
            try:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
            except OSError:
                pass  # who asked was killed
            service.after()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        service.port = server.server_address[1]
        yield service
        server.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path: Path, migrated_files: Path) -> Iterator[Database]:
    """An account with contacts, a champion, and a subscription that nobody delivers to."""
    shutil.copytree(migrated_files, tmp_path, dirs_exist_ok=True)
    database = open_database(Settings(home=tmp_path))
    database.create_account("default", created_at=1)
    database.of("default").models.promote("scoring", "customer", "1", "digest", at=1, reason="first")
    record(database, "first")
    values = {
        "account_id": "default", "subscription_id": "s", "url": "https://a.example", "description": "",
        "event_types": '["score.band_changed"]', "connector": None, "settings": "{}", "sealed_headers": None,
        "model_changes": False, "state": "paused", "state_at": 1, "created_at": 1,
    }  # fmt: skip
    with database._store.writing() as connection:
        connection.execute(insert(SubscriptionTable), values)
    yield database
    database.close()


def record(database: Database, name: str) -> None:
    at = now_us()
    database.of("default").events.add([EventRow(one, name, "order_placed", at, at) for one in CONTACTS])


def started(home: Path, service: Service) -> ForkServerProcess:
    environment = {
        **os.environ,
        "FORETELL_HOME": str(home),
        "FORETELL_SIGNING_KEY": "k" * 64,
        "FORETELL_IDENTITY_KEY": "i" * 64,
        "FORETELL_UPSTREAM": f"http://127.0.0.1:{service.port}",
        "FORETELL_RESCORE_DEBOUNCE_SECONDS": "0.2",
        "FORETELL_RESCORE_SHARE": "1",
    }
    return forked("foretell", "worker", environment=environment, log=home / "worker.log")


def stand(database: Database, state: str) -> bool:
    with database._store.reading() as connection:
        return [*connection.scalars(select(LastKnownStateTable.state))] == [state] * len(CONTACTS)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def ended(process: ForkServerProcess) -> None:
    process.terminate()
    process.join(WITHIN_SECONDS)
    assert process.exitcode == 0


@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_every_change_is_reported_once_however_often_the_worker_is_killed(
    tmp_path: Path, store: Database, service: Service, kills: int
) -> None:
    worker = started(tmp_path, service)
    wait_until(lambda: stand(store, "low") and not store.stale_accounts())
    ended(worker)
    service.score = 90
    record(store, "second")

    for number in range(kills):
        worker = started(tmp_path, service)
        setattr(service, "after" if number % 2 else "before", worker.kill)
        worker.join(WITHIN_SECONDS)
        assert worker.exitcode == -signal.SIGKILL
        service.before = service.after = lambda: None
    worker = started(tmp_path, service)
    wait_until(lambda: stand(store, "high") and not store.stale_accounts())
    ended(worker)

    with store._store.reading() as connection:
        message = Counter(connection.scalars(select(MessageTable.contact_id)))
        causes = set(connection.scalars(select(MessageTable.cause)))
        due = len(connection.scalars(select(DeliveryTable.delivery_id)).all())
    assert message == dict.fromkeys(CONTACTS, 1)
    assert causes == {"events"}
    assert due == len(CONTACTS)
