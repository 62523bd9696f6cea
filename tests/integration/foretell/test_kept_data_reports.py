"""The worker keeps a data report of each account, and makes one only where there is something new."""

import json
from dataclasses import dataclass

from foretell.background.kept_reports import OLDEST, KeptDataReports
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.store import Database

NOW = 20_000 * DAY


@dataclass
class Clock:
    """A second goes by with each look."""

    at: float = 0.0

    def __call__(self) -> float:
        self.at += 1.0
        return self.at


def total(database: Database, account: str = "default") -> int | None:
    kept = database.of(account).data_report.kept()
    return None if kept is None else int(json.loads(kept.document)["contacts"]["total"])


def test_every_account_gets_a_report(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("other").contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)

    KeptDataReports(database, lambda: NOW).turn()

    assert (total(database), total(database, "other")) == (0, 2)


def test_a_report_is_made_again_once_it_has_rested_and_something_is_new(database: Database) -> None:
    clock = Clock()
    kept = KeptDataReports(database, lambda: NOW, seconds=clock)
    kept.turn()
    database.of("default").contacts.put([ContactRow("a")], recorded_at=1)

    kept.turn()
    soon = total(database)
    clock.at += 1_000.0
    kept.turn()

    assert (soon, total(database)) == (0, 1)


def test_without_anything_new_it_is_made_once_a_day(database: Database) -> None:
    now = [NOW]
    KeptDataReports(database, lambda: now[0]).turn()
    store = database.of("default")

    now[0] = NOW + DAY // 2
    KeptDataReports(database, lambda: now[0]).turn()
    first = store.data_report.kept()
    now[0] = NOW + OLDEST
    KeptDataReports(database, lambda: now[0]).turn()
    second = store.data_report.kept()

    assert first is not None
    assert second is not None
    assert (first.reported_at, second.reported_at) == (NOW, NOW + OLDEST)


def test_contacts_events_and_outcomes_are_something_new(database: Database) -> None:
    store = database.of("default")
    marks = [store.data_report.mark()]

    store.contacts.put([ContactRow("a")], recorded_at=1)
    marks.append(store.data_report.mark())
    store.events.add([EventRow("a", "e", "page_viewed", NOW, NOW)])
    marks.append(store.data_report.mark())
    store.outcomes.put(Outcome(name="x", capability="scoring", event_types=("order_placed",)))
    marks.append(store.data_report.mark())

    assert len(set(marks)) == 4
    assert store.data_report.mark() == marks[-1]
