"""How long what a prediction call reads and logs takes: `python -m bench.store [--postgres URL]`.

With `--log`: what logging takes where each of 5,000 contacts was asked about on 100 days. The processor's time of this
process, beside the clock's: on a busy machine only the first says much.
"""

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from pydantic import SecretStr

from shared.contracts.rows import DAY, SECOND, AttributeRow, ContactRow, EventRow
from shared.settings import Settings
from shared.store import AccountStore, PastsWanted, PredictionFilter, PredictionRow, migrate, open_database
from shared.timeline import FURTHER_FIELDS

NOW = 1_780_000_000_000_000
CONTACTS = 10_000
EVENTS_OF_ONE = 200
EVENTS_OF_OTHERS = 50
LOGGED_CONTACTS = 5_000
LOGGED_DAYS = 100
TYPES = ("email_opened", "email_clicked", "page_viewed", "order_placed")


def main() -> None:
    """Fill a store and time its reads and its log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of an empty database, postgresql+psycopg://...; left out: SQLite")
    parser.add_argument("--log", action="store_true", help="measure the log alone, with half a million rows in it")
    parser.add_argument("--folder", help="where the files lie meanwhile; left out: where temporary files do")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        settings = Settings(home=Path(folder), store_url=None if given.postgres is None else SecretStr(given.postgres))
        migrate(settings)
        database = open_database(settings)
        database.create_account("bench", created_at=NOW)
        (measure_log if given.log else measure_store)(database.of("bench"))
        database.close()


def measure_store(store: AccountStore) -> None:
    """Fill a store and time its reads and writes."""
    fill(store, random.Random(0))
    ids = [f"c-{number}" for number in range(CONTACTS)]
    for n, repeats in ((1, 500), (100, 50), (1_000, 10)):
        measure_calls(store, ids[:n], repeats)
    show("contacts.find", timed(lambda: store.contacts.find("c-0"), 500))
    rows = [event(random.Random(1), "c-0", NOW + number) for number in range(1_000)]
    one_by_one = iter(rows)
    show("events.add, one, committed and synced", timed(lambda: store.events.add([next(one_by_one)]), 100))


def measure_log(store: AccountStore) -> None:
    """Fill a log, and time what calls about contacts drawn at random write into it and read of it."""
    random_ = random.Random(0)
    ids = [f"c-{number}" for number in range(LOGGED_CONTACTS)]
    for day in range(LOGGED_DAYS):
        random_.shuffle(ids)
        for start in range(0, len(ids), 1_000):
            at = NOW - (LOGGED_DAYS - day) * DAY + start
            store.predictions.log([answered(one, at, random_) for one in ids[start : start + 1_000]], since=0)
    seconds = itertools.count()
    for n, repeats in ((1, 300), (50, 100), (1_000, 40)):
        instants = [NOW + next(seconds) * SECOND for _ in range(repeats)]
        calls = iter([[answered(one, at, random_) for one in random_.sample(ids, n)] for at in instants])
        show(f"predictions.log, {n:>5} rows", timed(lambda: store.predictions.log(next(calls), since=0), repeats))  # noqa: B023
    for n, repeats in ((1, 300), (1_000, 20)):
        wanted = PastsWanted(random_.sample(ids, n), NOW, NOW, event_fields=FURTHER_FIELDS - {"event_id"})
        show(
            f"predictions.request_reads, {n:>5} contacts",
            timed(lambda: store.predictions.request_reads("scoring", "order", wanted, around=NOW - 30 * DAY), repeats),  # noqa: B023
        )
    everybody = PredictionFilter("scoring", "order")
    show("predictions.page, the first 50", timed(lambda: store.predictions.page(everybody, limit=50), 50))


def measure_calls(store: AccountStore, ids: list[str], repeats: int) -> None:
    """Time what a call about some contacts reads and logs."""
    n, numbers = len(ids), itertools.count()
    events = len(store.pasts.of(ids, cutoff=NOW, asked_at=NOW).events)
    wanted = PastsWanted(ids, NOW, NOW, event_fields=FURTHER_FIELDS - {"event_id"})

    def log() -> None:
        k = next(numbers)
        store.predictions.log([prediction(contact_id, k) for contact_id in ids], since=0)

    show(
        f"contacts.pasts, {n:>5} contacts, {events:>6} events",
        timed(lambda: store.pasts.of(ids, cutoff=NOW, asked_at=NOW), repeats),
    )
    show(
        f"predictions.request_reads, {n:>5} contacts",
        timed(lambda: store.predictions.request_reads("scoring", "order", wanted, around=NOW - 30 * DAY), repeats),
    )
    show(f"predictions.log, {n:>5} rows", timed(log, repeats))


def prediction(contact_id: str, number: int) -> PredictionRow:
    """Make the log's row of an answer."""
    body = '{"contact_id": "' + "x" * 600 + '"}'
    at = NOW + number
    return PredictionRow(
        contact_id, "scoring", "order", "1", at, at, f"r-{number}", "ok", 0.5, 50, "high", "model", body
    )


def answered(contact_id: str, at: int, random_: random.Random) -> PredictionRow:
    """Make the log's row of an answer without reasons, of some probability."""
    probability = random_.random()
    rest = '"band":"high","trend":"steady","reasons":[],"source":"model","data_quality":["no_timezone"]' + " " * 200
    return prediction(contact_id, at - NOW)._replace(
        request_id=f"{at:032x}",
        probability=probability,
        score=1 + int(99 * probability),
        body=f'{{"contact_id":"{contact_id}","status":"ok","probability":{probability},{rest}}}',
    )


def fill(store: AccountStore, random_: random.Random) -> None:
    """Give every contact ten attributes and its events."""
    attributes = tuple(AttributeRow(f"attribute_{number}", number, NOW - DAY) for number in range(10))
    store.contacts.put_bulk(
        (ContactRow(f"c-{number}", attributes=attributes) for number in range(CONTACTS)), recorded_at=NOW
    )
    store.events.add_bulk(
        [
            event(random_, f"c-{number}", NOW - random_.randrange(700 * DAY))
            for number in range(CONTACTS)
            for _ in range(EVENTS_OF_OTHERS if number else EVENTS_OF_ONE)
        ]
    )


def event(random_: random.Random, contact_id: str, at: int) -> EventRow:
    """Make an event with a random id."""
    return EventRow(contact_id, f"~{random_.getrandbits(128):032x}", random_.choice(TYPES), at, NOW, 12.5, "EUR", "m-1")


def timed(act: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the medians of the seconds it takes, by this process's processor time and by the clock."""
    spent, passed = [], []
    for _ in range(repeats):
        cpu, start = time.process_time(), time.perf_counter()
        act()
        spent.append(time.process_time() - cpu)
        passed.append(time.perf_counter() - start)
    return median(spent), median(passed)


def show(what: str, seconds: tuple[float, float]) -> None:
    """Print a measurement."""
    print(f"{what:<52} {seconds[0] * 1e3:9.3f} ms of CPU {seconds[1] * 1e3:9.3f} ms")


if __name__ == "__main__":
    main()
