"""Facts that differ in one field are several; the same fact is one, also where it was stored by the earlier rule."""

import hashlib
import importlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from shared.contracts.rows import EventRow
from shared.ingest import Findings, event_batches, plan_file
from shared.store import Database

FILE = """\
contact_id,type,occurred_at,value,item,campaign_id,message_id,currency,colour,id
c-1,order_placed,2026-05-03T10:00:00Z,9.99,SKU-A,,,EUR,,
c-1,order_placed,2026-05-03T10:00:00Z,9.99,SKU-B,,,EUR,,
c-1,order_placed,2026-05-03T10:00:00Z,9.99,SKU-B,,,USD,,
c-1,order_placed,2026-05-03T10:00:00Z,9.99,SKU-B,,,USD,red,
c-2,email_delivered,2026-05-03T08:00:00Z,,,spring,m-1,,,
c-2,email_delivered,2026-05-03T08:00:00Z,,,newsletter,m-1,,,
c-2,email_delivered,2026-05-03T08:00:00Z,,,newsletter,m-2,,,
c-2,page_viewed,2026-05-03T08:05:00Z,,,,,,,
c-2,page_viewed,2026-05-03T08:05:00Z,,,,,,,own
"""
MIGRATION = importlib.import_module("shared.store.migrations.store.versions.0007_tell_events_apart")


@pytest.fixture
def rows(tmp_path: Path) -> list[EventRow]:
    file = tmp_path / "events.csv"
    file.write_text(FILE)
    return [row for batch in event_batches(plan_file(file, "events"), Findings(), recorded_at=9) for row in batch.rows]


def id_of_before(row: EventRow) -> str:
    """The rule as it was: contact, type, time, value and properties."""
    amount = "" if row.value is None else repr(row.value)
    encoded = f"{len(row.contact_id)}:{row.contact_id}{len(row.type)}:{row.type}{row.occurred_at};{amount};"
    digest = hashlib.blake2b((encoded + (row.properties or "")).encode(), digest_size=16).digest()
    return "~" + urlsafe_b64encode(digest).decode().rstrip("=")


def as_before(row: EventRow) -> EventRow:
    return row if row.event_id == "own" else row._replace(event_id=id_of_before(row))


def rewrite(database: Database) -> list[tuple[int, int]]:
    """Migrate, and return how many rows of how many were reported."""
    reported = list[tuple[int, int]]()
    with database._store.writing() as connection:
        MIGRATION.rewrite(
            connection, MIGRATION._id_of_before, MIGRATION._id_of_now, lambda *rows: reported.append(rows)
        )
    return reported


def test_every_line_of_a_file_is_a_fact_and_is_one_however_often_it_comes(database: Database, rows) -> None:
    store = database.of("default")

    assert [store.events.add_bulk(rows).new, store.events.add_bulk(rows).new] == [9, 0]
    assert store.events.add(rows) == [False] * 9


def test_a_fact_stored_by_the_earlier_rule_is_that_fact(database: Database, rows) -> None:
    store = database.of("default")
    assert store.events.add_bulk([as_before(row) for row in rows]).new == 5  # what was dropped then

    reported = rewrite(database)

    assert reported == [(0, 3), (3, 3)]
    assert store.events.add(rows) == [place in (1, 2, 5, 6) for place in range(9)]
    assert store.events.add_bulk(rows).new == 0


def test_rewriting_twice_or_page_by_page_changes_nothing_more(database: Database, rows, monkeypatch) -> None:
    store = database.of("default")
    store.events.add_bulk([as_before(row) for row in rows])
    rewrite(database)
    once = sorted(event[:2] for part in store.pasts.scan_events() for event in part)
    store.events.add_bulk([as_before(rows[0])])  # by a process of the earlier release

    monkeypatch.setattr(MIGRATION, "AT_ONCE", 1)
    rewrite(database)

    assert sorted(event[:2] for part in store.pasts.scan_events() for event in part) == once
