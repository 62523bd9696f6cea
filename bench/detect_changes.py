"""How many contacts a second are compared and written, answers at hand: `python -m bench.detect_changes`.

SQLite with synced commits; `--store-url postgresql+psycopg://...` measures an empty PostgreSQL database.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from pydantic import SecretStr

from foretell.background.detect_changes import BATCH, ChangeDetector
from shared.change_detection.service_answers import ServiceAnswer
from shared.contracts.rows import ContactRow, EventRow
from shared.settings import Settings
from shared.store import AccountStore, ChampionRow, migrate, open_database

NOW = 1_780_000_000_000_000
REASON = {"feature": "f", "value": 4.0, "effect": "raises", "contribution": 0.8, "text": "Clicked 4 e-mails"}
CHAMPION = ChampionRow("bench", "scoring", "customer", "1", "digest", 0, None, None)


def main() -> None:
    """Fill a store, and time standings and stale contacts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--store-url")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = None if asked.store_url is None else SecretStr(asked.store_url)
        settings = Settings(home=Path(folder), store_url=url)
        migrate(settings)
        database = open_database(settings)
        database.create_account("bench", created_at=NOW)
        store = database.of("bench")
        ids = [f"c-{number:07}" for number in range(asked.contacts)]
        store.contacts.put_bulk((ContactRow(one) for one in ids), recorded_at=NOW)
        for name, band in (("first sight", "low"), ("nothing changed", "low"), ("everybody changed", "high")):
            answers = iter([answered(ids[start : start + BATCH], band) for start in range(0, len(ids), BATCH)])
            detector = ChangeDetector(database, lambda *_, **__: next(answers), 1.0, threading.Event(), lambda: NOW)  # noqa: B023
            seconds = timed(lambda: [detector.score(CHAMPION, (), stale=()) for _ in range(len(ids) // BATCH)])  # noqa: B023
            print(f"{name:<20} {len(ids) / seconds:>9,.0f} contacts/s")
        touches(store, ids)
        database.close()
        database = open_database(settings)
        database.delete_account("bench")
        database.close()


def touches(store: AccountStore, ids: Sequence[str]) -> None:
    """Time events, which make their contacts stale, and the worker's way with those."""
    for size in (1, 100, BATCH):
        rounds = [
            [EventRow(one, f"{size}-{turn}", "page_viewed", NOW, NOW) for one in ids[:size]] for turn in range(20)
        ]
        seconds = timed(lambda: [store.events.add(rows) for rows in rounds])  # noqa: B023
        print(f"events.add, {size:>5} contacts: {seconds / len(rounds) * 1e3:8.3f} ms")
    taken = store.changes.due(BATCH, quiet_since=2 * NOW, waiting_since=0)
    seconds = timed(lambda: store.changes.due(BATCH, quiet_since=2 * NOW, waiting_since=0))
    print(f"take_stale, {len(taken):>5} contacts: {seconds * 1e3:8.3f} ms")
    seconds = timed(lambda: store.changes.clear(taken))
    print(f"clear_stale, {len(taken):>4} contacts: {seconds * 1e3:8.3f} ms")


_HOURS = count()


def answered(contact_ids: Sequence[str], band: str) -> ServiceAnswer:
    """Make a service's answer."""
    seen = [
        {"contact_id": one, "status": "ok", "score": 10 if band == "low" else 90, "band": band, "reasons": [REASON] * 3}
        for one in contact_ids
    ]
    cutoff = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=next(_HOURS))
    return ServiceAnswer.model_validate(
        {"predictions": seen, "model": {"version": "1", "grade": "B"}, "cutoff": cutoff}
    )


def timed(act: Callable[[], object]) -> float:
    """Return the seconds it takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
