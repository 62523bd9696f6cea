"""How long the pasts of one contact and of a thousand take on SQLite: `python bench/store.py`."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.settings import Settings
from shared.store import AccountStore, migrate, open_database

NOW = 1_780_000_000_000_000
CONTACTS = 10_000
EVENTS_OF_ONE = 200
EVENTS_OF_OTHERS = 50
TYPES = ("email_opened", "email_clicked", "page_viewed", "order_placed")


def main() -> None:
    """Fill a store and time its reads."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        migrate(settings)
        database = open_database(settings)
        database.create_account("bench", created_at=NOW)
        store = database.of("bench")
        fill(store, random.Random(0))
        ids = [f"c-{number}" for number in range(CONTACTS)]
        for n, repeats in ((1, 500), (100, 50), (1_000, 10)):
            chosen = ids[:n]
            seconds = timed(lambda: store.contacts.pasts(chosen, cutoff=NOW, asked_at=NOW), repeats)  # noqa: B023
            events = len(store.contacts.pasts(chosen, cutoff=NOW, asked_at=NOW).events)
            print(f"contacts.pasts, {n:>5} contacts, {events:>6} events: {seconds * 1e3:8.3f} ms")
        seconds = timed(lambda: store.contacts.find("c-0"), 500)
        print(f"contacts.find: {seconds * 1e3:.3f} ms")
        rows = [event(random.Random(1), "c-0", NOW + number) for number in range(1_000)]
        one_by_one = iter(rows)
        seconds = timed(lambda: store.events.add([next(one_by_one)]), 100)
        print(f"events.add, one, committed and synced: {seconds * 1e3:.3f} ms")
        database.close()


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


def timed(act: Callable[[], object], repeats: int) -> float:
    """Return the median of the seconds it takes."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    main()
