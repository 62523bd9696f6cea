"""What each page of the console takes on the server with a million contacts: the menu is crawled, medians are printed.

Run: python -m bench.console [--home FOLDER] [--contacts 1000000] [--events 10000000] [--calls 20]. The account is that
of `foretell demo`, trained once in the folder (a minute), and then copied under further ids: contacts, attributes,
the newest events, known states and predictions, as if each had been imported and asked about (five minutes, 9 GB).
Answers are spread over the last two days, and a tenth of the contacts has a delivery. The folder is kept for the next
time. The gateway and the services run, and no worker.
"""

import argparse
import http.client
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from html.parser import HTMLParser
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.routing import compile_path

from bench.serving.processes import free_port, module, product, running
from foretell.background.kept_reports import KeptDataReports
from gateway.console.routes import all_pages
from shared.capabilities import NAMES
from shared.contracts.rows import DAY, HOUR, SECOND, now_us
from shared.settings import Settings, service_port
from shared.store import SecretRow, SubscriptionRow, migrate, open_database

ACCOUNT: Final = "demo"
KEYS: Final = ("signing key of the benchmark, long enough", "identity key of the benchmark, long enough")
MOST_MILLISECONDS: Final = 300.0
BASE: Final = "/console"
STORE_TABLES: Final = ("contacts", "attributes", "standings")
PREDICTION_TABLES: Final = ("latest_predictions", "prediction_log")
ANSWERED_OVER: Final = 2 * DAY
SUBSCRIPTION: Final = "sub_bench"
CACHE_KIB: Final = 1 << 20
SCORED_SECONDS: Final = 600.0
NEXT_LEVEL: Final = 40
"""Pages that are reached from the menu's at most."""


class Timed(NamedTuple):
    """What calls of one page took."""

    path: str
    status: int
    first_ms: float
    median_ms: float
    slowest_ms: float
    kilobytes: float


class Links(HTMLParser):
    """Paths of the console that a page links to."""

    def __init__(self) -> None:
        """Find nothing yet."""
        super().__init__()
        self.found: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the place of a link; a download is no page."""
        given = dict(attrs)
        place = given.get("href") or "" if tag == "a" and "download" not in given else ""
        if place == BASE or place.startswith((f"{BASE}/", f"{BASE}?")):
            self.found[place.partition("#")[0]] = None


class Visitor:
    """Somebody who is signed in, over one connection."""

    def __init__(self, port: int, key: str) -> None:
        """Sign in."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers: dict[str, str] = {}
        fields = urlencode({"key": key, "to": BASE})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", f"{BASE}/sign-in", fields, form)
        answer = self._connection.getresponse()
        answer.read()
        cookie = (answer.headers.get("Set-Cookie") or "").partition(";")[0]
        if answer.status != http.client.SEE_OTHER:
            raise SystemExit(f"signing in was answered {answer.status}")
        self._headers = {"Cookie": cookie}

    def get(self, path: str) -> tuple[int, bytes, float]:
        """Read a page: its status, what it holds, and milliseconds until it was there."""
        start = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        return answer.status, content, 1e3 * (time.perf_counter() - start)


def filled(home: Path, contacts: int, events: int) -> None:
    """Make the account where the folder does not hold it yet."""
    done = home / "bench-console.txt"
    said = f"{contacts} contacts, {events} events"
    if done.exists():
        if done.read_text() != said:
            raise SystemExit(f"{home} holds {done.read_text()}: give another folder")
        return
    if not (home / "store.sqlite").exists():
        demo(home)
    with closing(sqlite3.connect(home / "store.sqlite")) as store:
        (there,) = store.execute("SELECT count(*) FROM contacts WHERE account_id = ?", (ACCOUNT,)).fetchone()
        copies = -(-contacts // there)
        newest = "SELECT *, row_number() OVER (PARTITION BY contact_id ORDER BY occurred_at DESC) AS place FROM events"
        chosen = f"SELECT {', '.join(names(store, 'events'))} FROM ({newest}) WHERE place <= ?"  # noqa: S608
        store.execute(f"CREATE TEMP TABLE newest AS {chosen}", (events_of_each(store, events // copies),))
        copy_all(store, {**{table: table for table in STORE_TABLES}, "events": "newest"}, copies)
        deliver(home, store, contacts // 10)
    with closing(sqlite3.connect(home / "predictions.sqlite")) as predictions:
        now = time.time_ns() // 1_000
        copy_all(predictions, {table: table for table in PREDICTION_TABLES}, copies, asked_at=now)
        predictions.execute("DELETE FROM answer_counts")
        predictions.execute(
            "INSERT INTO answer_counts SELECT account_id, asked_at - asked_at % ?, capability, status, count(*) "
            "FROM prediction_log GROUP BY 1, 2, 3, 4",
            (HOUR,),
        )
        predictions.commit()
    done.write_text(said)


def demo(home: Path) -> None:
    """Train the sample, and let its contacts be scored."""
    environment = {**os.environ, "FORETELL_HOME": str(home), "FORETELL_PORT": str(free_port())}
    subprocess.run([sys.executable, "-m", "foretell", "demo"], env=environment, check=True)
    up = subprocess.Popen([sys.executable, "-m", "foretell", "up"], env=environment, stdout=subprocess.DEVNULL)
    database = open_database(Settings(home=home))
    try:
        wanted = [(one.capability, one.outcome) for one in database.champions()]
        until = time.monotonic() + SCORED_SECONDS
        while not all(sum(database.of(ACCOUNT).predictions.statuses(*one).values()) for one in wanted):
            if time.monotonic() > until or up.poll() is not None:
                raise SystemExit("the sample was not scored")
            time.sleep(1)
    finally:
        database.close()
        up.terminate()
        up.wait()


def copy_all(
    connection: sqlite3.Connection, sources: Mapping[str, str], copies: int, *, asked_at: int | None = None
) -> None:
    """Copy what a table holds of the account into another so often; indexes are made afterwards, which is quicker.

    Args:
        connection: of one database.
        sources: by the table that is filled.
        copies: how many there are in the end.
        asked_at: before it answers are given; None: no answers.
    """
    indexes = connection.execute("SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL")
    mine = [(name, sql) for name, sql, table in indexes.fetchall() if table in sources]
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    for name, _ in mine:
        connection.execute(f"DROP INDEX {name}")
    for table, source in sources.items():
        mine_alone = f"SELECT * FROM {source} WHERE account_id = ?"  # noqa: S608
        connection.execute(f"CREATE TEMP TABLE sample_of_{table} AS {mine_alone}", (ACCOUNT,))
    for number in range(1, copies):
        for table in sources:
            copy(connection, f"sample_of_{table}", table, number, asked_at=asked_at)
        connection.commit()
    for _, sql in mine:
        connection.execute(sql)
    connection.commit()


def events_of_each(store: sqlite3.Connection, wanted: int) -> int:
    """Find how many of each contact's newest events make so many together."""
    counts = [
        row[0]
        for row in store.execute("SELECT count(*) FROM events WHERE account_id = ? GROUP BY contact_id", (ACCOUNT,))
    ]
    return next(
        (each for each in range(1, max(counts)) if sum(min(one, each) for one in counts) >= wanted), max(counts)
    )


def names(connection: sqlite3.Connection, table: str) -> list[str]:
    """List the columns of a table."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def copy(connection: sqlite3.Connection, source: str, table: str, number: int, *, asked_at: int | None = None) -> None:
    """Insert the rows of a table once more, under further ids; answers as given some time before an instant."""
    columns = names(connection, table)
    moved = {"contact_id": "printf('k-%04d-', :number) || contact_id"}
    if asked_at is not None:
        moved["asked_at"] = ":asked_at - abs(random()) % :over"
    chosen = ", ".join(moved.get(name, name) for name in columns)
    statement = f"INSERT INTO {table} SELECT {chosen} FROM {source}"  # noqa: S608
    connection.execute(statement, {"number": number, "asked_at": asked_at, "over": ANSWERED_OVER})


def deliver(home: Path, store: sqlite3.Connection, many: int) -> None:
    """Add a subscription with deliveries: of ten one waits, one has failed, and eight arrived."""
    now = time.time_ns() // 1_000
    row = SubscriptionRow(
        SUBSCRIPTION, "https://example.com/hook", ("score.band_changed",), "", None, {}, None, False, "paused",
        None, now, None, now,
    )  # fmt: skip
    database = open_database(Settings(home=home))
    database.of(ACCOUNT).subscriptions.create(row, SecretRow(SUBSCRIPTION, "whs_bench", "sealed", now, None))
    database.close()
    store.execute(
        "INSERT INTO messages (account_id, message_id, type, occurred_at, contact_id, cause, data) SELECT account_id, "
        "'msg-' || contact_id, 'score.band_changed', ? - abs(random()) % ?, contact_id, 'events', ? FROM contacts "
        "WHERE account_id = ? LIMIT ?",
        (now, 30 * DAY, '{"band":"high","previous_band":"medium"}', ACCOUNT, many),
    )
    store.execute(
        "INSERT INTO deliveries (account_id, delivery_id, subscription_id, message_id, state, due_at, attempts, tries, "
        "created_at, ended_at) SELECT account_id, 'dlv_' || lower(hex(randomblob(12))), ?, message_id, CASE rowid % 10 "
        "WHEN 0 THEN 'pending' WHEN 1 THEN 'failed' ELSE 'delivered' END, occurred_at + ?, 1, 1, occurred_at, "
        "occurred_at + ? "
        "FROM messages WHERE account_id = ?",
        (SUBSCRIPTION, SECOND, SECOND, ACCOUNT),
    )
    store.commit()


def shape(path: str) -> str:
    """Return what a path has in common with those of the same page: no ids, no values.

    >>> shape("/console/models/scoring.won"), shape("/console/models?capability=churn"), shape("/console")
    ('/console/models/{name}', '/console/models?capability', '/console')
    """
    place, _, query = path.removeprefix(BASE).strip("/").partition("?")
    fitting = [page.path for page in all_pages() if compile_path(page.path)[0].match(place)]
    kept = min(fitting, key=lambda one: one.count("{"), default=place)
    given = ",".join(sorted(one.partition("=")[0] for one in query.split("&") if one))
    return f"{BASE}/{kept}?{given}" if given else f"{BASE}/{kept}".rstrip("/")


def pages(visitor: Visitor) -> Iterator[str]:
    """List the first page, each of the menu, and one of each kind that these link to."""
    seen: dict[str, str] = {shape(BASE): BASE}
    waiting = [BASE]
    for level in range(3):
        links: dict[str, None] = {}
        for path in waiting:
            parser = Links()
            parser.feed(visitor.get(path)[1].decode())
            links |= parser.found
        waiting = [path for path in links if shape(path) not in seen and not seen.update({shape(path): path})]
        waiting = waiting[: NEXT_LEVEL if level else None]
    yield from seen.values()


def timed(visitor: Visitor, path: str, calls: int) -> Timed:
    """Measure a page, the first call apart."""
    status, content, first = visitor.get(path)
    taken = [visitor.get(path)[2] for _ in range(calls)]
    return Timed(path, status, first, median(taken), max(taken), len(content) / 1e3)


def show(found: Sequence[Timed]) -> None:
    """Print a row a page, and name those that take too long."""
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}\n")
    print("| page | status | first ms | median ms | slowest ms | kB |\n|---|---:|---:|---:|---:|---:|")
    for one in sorted(found, key=lambda one: -one.median_ms):
        figures = f"{one.first_ms:,.0f} | {one.median_ms:,.0f} | {one.slowest_ms:,.0f} | {one.kilobytes:,.0f}"
        print(f"| `{one.path}` | {one.status} | {figures} |")
    slow = [one.path for one in found if one.median_ms > MOST_MILLISECONDS]
    print(f"\nOver {MOST_MILLISECONDS:.0f} ms: {', '.join(slow) or 'none'}.")


def main() -> None:
    """Fill, run the gateway, crawl, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="kept for the next time; none: removed afterwards")
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--only", help="part of the paths that are measured")
    parser.add_argument("--fill", action="store_true", help="fill the folder, and measure nothing")
    given = parser.parse_args()
    home = given.home or Path(tempfile.mkdtemp())
    try:
        filled(home, given.contacts, given.events)
        if not given.fill:
            measure(home, given.calls, given.only or "")
    finally:
        if given.home is None:
            shutil.rmtree(home)


def measure(home: Path, calls: int, only: str) -> None:
    """Measure the pages of a filled folder."""
    migrate(Settings(home=home))
    with closing(open_database(Settings(home=home))) as database:
        KeptDataReports(database, now_us).turn()
    port = free_port()
    environment = product(port, home, signing_key=KEYS[0], identity_key=KEYS[1])
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # No worker: it would begin to score a million contacts meanwhile.
        commands = {f"{name} service": (service_port(port, name), ("services", name)) for name in NAMES}
        for named, (own, words) in {**commands, "gateway": (port, ("gateway",))}.items():
            command = module(*words, "--port", str(own))
            stack.enter_context(running(named, own, [command], environment, Path(folder), "/readyz"))
        visitor = Visitor(port, (home / "keys" / ACCOUNT).read_text().strip())
        show([timed(visitor, path, calls) for path in pages(visitor) if only in path])


if __name__ == "__main__":
    main()
