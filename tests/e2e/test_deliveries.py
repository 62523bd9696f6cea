"""A worker that is killed with -9 in the middle of deliveries, again and again: nothing that was due is lost."""

import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from foretell.child import preload
from foretell.worker import run
from shared.contracts.message import EXAMPLES, Message
from shared.contracts.seal import Seal
from shared.settings import Settings, WorkerSettings
from shared.store import Database, migrate, open_database
from shared.webhooks_out.subscription_schemas import SubscriptionFields
from shared.webhooks_out.subscriptions import new_subscription

KEY = "k" * 64
KIND = "score.band_changed"
HELD_SECONDS = 0.03
"""How long a receiver takes for one call, so that several are under way at any moment."""


@dataclass
class Receiver:
    """Remembers what it was sent, verified, and how many calls it has in hand."""

    secret: str = ""
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    forged: int = 0
    in_hand: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    open: threading.Event = field(default_factory=threading.Event)
    """While it is not set, no call that is in hand ends."""

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Take one call, slowly."""
        with self.lock:
            self.in_hand += 1
        time.sleep(HELD_SECONDS)
        self.open.wait()
        with self.lock:
            self.in_hand -= 1
            try:
                Webhook(self.secret).verify(body, headers)
            except Exception:
                self.forged += 1
            self.taken.append((headers["webhook-id"], body))


@contextmanager
def on_a_socket(receiver: Receiver) -> Iterator[str]:
    class RunningGateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            try:
                self.send_response(204)
                self.end_headers()
            except OSError:  # the worker was killed
                pass

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Killed workers leave broken connections behind."""

    with Server(("127.0.0.1", 0), RunningGateway) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/in"
        server.shutdown()
        thread.join()


@contextmanager
def worker(home: Path) -> Iterator[ForkServerProcess]:
    """Run the whole worker in a process of its own, forked from one that has loaded the libraries for all lives."""
    settings = WorkerSettings(
        home=home,
        signing_key=SecretStr(KEY),
        identity_key=SecretStr(KEY),
        webhook_allow_private=True,
        webhook_timeout_seconds=1,
        webhook_poll_seconds=0.05,
    )
    preload()
    server = multiprocessing.get_context("forkserver")
    process = server.Process(target=run, args=(settings,), kwargs={"host": "127.0.0.1", "port": 0}, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def subscribe(database: Database, url: str) -> str:
    fields = SubscriptionFields(url=url, event_types=[KIND])
    row, secret, text = new_subscription(fields, Seal(KEY.encode()), 1, allow_private=True)
    database.of("default").subscriptions.create(row, secret)
    return text


def publish(database: Database, first: int, count: int) -> None:
    at = time.time_ns() // 1_000
    messages = [
        Message(f"m{number}", KIND, at, {**EXAMPLES[KIND], "contact_id": f"c-{number}"}, f"c-{number}", "events")
        for number in range(first, first + count)
    ]
    database.of("default").deliveries.outbox.publish(messages, at=at)


def wait_until(reached: "object", within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if reached():  # type: ignore[operator]
            return True
        time.sleep(0.005)
    return False


def killed_again_and_again(home: Path, kills: int, messages_a_life: int) -> tuple[Receiver, Database]:
    """Kill a worker as often as told, each time with calls under way, while more is published."""
    draw, receiver = random.Random(20), Receiver()
    migrate(Settings(home=home))
    database = open_database(Settings(home=home))
    database.create_account("default", created_at=1)
    with on_a_socket(receiver) as url:
        receiver.secret = subscribe(database, url)
        for life in range(kills):
            publish(database, life * messages_a_life, messages_a_life)
            with worker(home) as process:
                enough = len(receiver.taken) + draw.randrange(1, messages_a_life // 2)
                receiver.open.set()
                assert wait_until(lambda enough=enough: len(receiver.taken) >= enough, 120), process
                receiver.open.clear()
                assert wait_until(lambda: receiver.in_hand, 120), process
                process.kill()
                process.join()
                receiver.open.set()
        with worker(home) as process:
            store = database.of("default")
            ended = wait_until(lambda: not any(store.subscriptions.counts().values()), 120)
            assert ended, process
    return receiver, database


def check(receiver: Receiver, database: Database, messages: int) -> None:
    deliveries = database.of("default").deliveries.page(messages + 1)
    bodies: dict[str, set[bytes]] = {}
    for webhook_id, body in receiver.taken:
        bodies.setdefault(webhook_id, set()).add(body)

    assert receiver.forged == 0
    assert {row.state for row in deliveries} == {"delivered"}
    assert bodies.keys() == {row.delivery_id for row in deliveries}
    assert len(bodies) == messages
    assert {len(told) for told in bodies.values()} == {1}, "the same id always says the same"
    said = {json.loads(body)["data"]["contact_id"] for told in bodies.values() for body in told}
    assert said == {f"c-{number}" for number in range(messages)}


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_worker_killed_again_and_again_in_mid_delivery_loses_nothing(tmp_path: Path, kills: int) -> None:
    receiver, database = killed_again_and_again(tmp_path, kills, messages_a_life=40)

    check(receiver, database, messages=40 * kills)
    # At most what was under way at each kill is told twice.
    assert 0 < len(receiver.taken) - 40 * kills <= kills * 8
    database.close()
