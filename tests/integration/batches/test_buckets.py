"""An export in buckets, and predictions from it: the same as from the store."""

import io
import stat
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from foretell.batch_models import loaded
from services.specs import spec_of
from shared.batches.bucket_reader import read_bucket
from shared.batches.buckets import BucketManifest, bucket_file, bucket_of, export
from shared.batches.bulk_rows import write_answers
from shared.batches.formats import format_of
from shared.capabilities import NAMES
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow, microseconds
from shared.errors import BadRequest, FileRefused
from shared.store import AccountStore
from shared.timeline import build
from shared.timeline.coded_pasts import MACHINE, from_columns, seen_types
from tests.integration.batches.conftest import CONTACTS, NOW, Batching

BUCKETS = 4


def exported(batching: Batching, folder: Path) -> BucketManifest:
    return export(batching.store, folder, BUCKETS, at=NOW)


def vary(store: AccountStore) -> None:
    """Add what makes a difference: machines, opens nobody could tell, ties, old events, values over time."""
    events = []
    for number in range(CONTACTS):
        contact = f"c-{number:03}"
        events += [
            EventRow(contact, "m", "email_clicked", NOW - 5 * DAY, NOW - DAY, human=0),
            EventRow(contact, "o", "email_opened", NOW - 4 * DAY, NOW - DAY, human=1),
            EventRow(contact, "t1", "order_placed", NOW - 3 * DAY, NOW - DAY, 20.0, item="b", campaign_id="x"),
            EventRow(contact, "t2", "order_placed", NOW - 3 * DAY, NOW - DAY, 10.0, item="a"),
            EventRow(contact, "t3", "order_placed", NOW - 3 * DAY, NOW - DAY, item="a", message_id="m-1"),
            EventRow(contact, "old", "page_viewed", NOW - 900 * DAY, NOW - DAY),
        ]
    won = [EventRow(f"c-{number:03}", "won", "deal_won", NOW - 2 * DAY, NOW - DAY) for number in (5, 6)]
    only_machine = EventRow("machine", "m", "email_clicked", NOW - DAY, NOW - DAY, human=0)
    late = EventRow("c-007", "late", "order_placed", NOW + DAY, NOW - DAY)
    ancient = EventRow("ancient", "e", "deal_won", NOW - 1_000 * DAY, NOW - DAY)
    store.events.add([*events, *won, only_machine, late, ancient])
    plans = [
        ContactRow(f"c-{number:03}", attributes=(
            AttributeRow("plan", "pro", NOW - 9 * DAY), AttributeRow("Plan Name", number, NOW - 8 * DAY),
            AttributeRow("plan", "free", NOW + DAY),
        ))
        for number in range(0, CONTACTS, 3)
    ]  # fmt: skip
    store.contacts.put(plans, recorded_at=NOW - DAY)


def test_each_contact_lies_in_its_bucket_with_its_events_in_order_of_time(batching: Batching, tmp_path: Path) -> None:
    vary(batching.store)

    manifest = exported(batching, tmp_path / "export")

    seen = []
    for bucket in range(BUCKETS):
        events = pyarrow.parquet.read_table(bucket_file(tmp_path / "export", "events", bucket))
        order = list(
            zip(events.column("contact_id").to_pylist(), events.column("occurred_at").to_pylist(), strict=True)
        )
        contacts = pyarrow.parquet.read_table(bucket_file(tmp_path / "export", "contacts", bucket))
        ids = contacts.column("contact_id").to_pylist()
        assert order == sorted(order)
        assert ids == sorted(ids)
        assert {bucket_of(one, BUCKETS) for one in [*ids, *(owner for owner, _ in order)]} <= {bucket}
        seen += ids
    assert len(seen) == manifest.contacts == CONTACTS + 3
    assert manifest.events == CONTACTS * 10 + 5


def test_pasts_from_columns_are_those_from_rows(batching: Batching, tmp_path: Path) -> None:
    vary(batching.store)
    manifest = exported(batching, tmp_path / "export")

    for bucket in range(BUCKETS):
        bulk = read_bucket(tmp_path / "export", manifest, bucket)
        typed = seen_types(bulk.events.type, bulk.human)
        events = type(bulk.events)(*(typed if name == "type" else getattr(bulk.events, name) for name in (
            "contact", "at", "type", "value", "message", "campaign", "item")))  # fmt: skip
        coded = from_columns(bulk.contacts, events.taken(bulk.human != MACHINE))
        ids, facts = batching.store.pasts.scan_facts()
        mine = [one for one in ids if bucket_of(one, BUCKETS) == bucket]
        built = build(mine, facts, [[one for part in batching.store.pasts.scan_events() for one in part]])

        assert coded.contact_ids == built.contact_ids
        assert (coded.types, coded.items, coded.campaigns) == (built.types, built.items, built.campaigns)
        for name in ("created_at", "offsets", "at", "type", "value", "item", "campaign"):
            np.testing.assert_array_equal(getattr(coded, name), getattr(built, name), err_msg=name)
        assert coded.attributes.keys() == built.attributes.keys()
        for name, column in built.attributes.items():
            assert coded.attributes[name].value == column.value
            np.testing.assert_array_equal(coded.attributes[name].contact, column.contact)
            np.testing.assert_array_equal(coded.attributes[name].valid_from, column.valid_from)


@pytest.mark.parametrize("capability", [name for name in NAMES if spec_of(name).as_of_now is None])
@pytest.mark.parametrize("reasons", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_predictions_from_buckets_are_those_from_the_store(
    batching: Batching, tmp_path: Path, capability: str, reasons: int
) -> None:
    vary(batching.store)
    manifest = exported(batching, tmp_path / "export")
    cutoff = microseconds(datetime.fromtimestamp(NOW / 1e6, UTC))
    found = [one for one in batching.database.champions() if one.capability == capability]
    models = [{name: getattr(one, name) for name in ("capability", "outcome", "version", "digest")} for one in found]
    named = {"cutoff": cutoff, "asked_at": NOW, "reasons": reasons}
    predictor = loaded(batching.settings, batching.store, models, **named)

    for bucket in range(BUCKETS):
        bulk = read_bucket(tmp_path / "export", manifest, bucket)
        ids = bulk.contacts.ids
        fast, slow = io.BytesIO(), io.BytesIO()
        counts = write_answers(fast, "parquet", predictor.models[0], bulk)
        format_of("parquet").write(slow, predictor.rows([b'{"id":"%s"}' % one.encode() for one in ids]))

        assert table(fast) == table(slow)
        assert counts == Counter(row["status"] for row in table(slow))


def table(written: io.BytesIO) -> list[dict]:
    rows: list[dict] = pyarrow.parquet.read_table(io.BytesIO(written.getvalue())).to_pylist()
    return rows


def test_only_the_owner_reads_an_export_into_a_folder_that_was_there(batching: Batching, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)

    exported(batching, folder)

    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir() if one.is_dir()}
    assert modes == {"attributes": 0o700, "contacts": 0o700, "events": 0o700}


def test_a_folder_that_holds_something_is_not_written_into(batching: Batching, tmp_path: Path) -> None:
    exported(batching, tmp_path / "export")

    with pytest.raises(BadRequest, match="holds something already"):
        exported(batching, tmp_path / "export")


def test_a_folder_without_its_manifest_is_not_read(batching: Batching, tmp_path: Path) -> None:
    exported(batching, tmp_path / "export")
    (tmp_path / "export" / "manifest.json").unlink()

    with pytest.raises(FileRefused, match="no whole export"):
        BucketManifest.read(tmp_path / "export")


def test_a_damaged_bucket_is_named(batching: Batching, tmp_path: Path) -> None:
    manifest = exported(batching, tmp_path / "export")
    bucket_file(tmp_path / "export", "events", 2).write_bytes(b"PAR1")

    with pytest.raises(FileRefused, match="Bucket 2"):
        read_bucket(tmp_path / "export", manifest, 2)
