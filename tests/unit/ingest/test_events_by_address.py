"""Events that name no contact but an address are those of the contact that it leads to."""

from pathlib import Path

import pytest

from shared.errors import FileRefused
from shared.ingest import Findings, Options, event_batches, plan_file, subject_of

KEY = b"k" * 32
AT = 1_780_000_000_000_000
ORDERS = (
    "Name,Email,Created at,Total,Lineitem name\n"
    "#1,Ann@Example.com,2026-05-03 10:14:00 +0200,49.90,Shirt\n"
    "#1,ann@example.com,2026-05-03 10:14:00 +0200,,Hat\n"
    "#2,unknown@none.example,2026-05-03 10:14:00 +0200,5,Hat\n"
    "#3,,2026-05-03 10:14:00 +0200,5,Hat\n"
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    return path


def test_an_address_stands_for_the_contact_and_is_kept_as_a_hash_alone(tmp_path: Path) -> None:
    plan = plan_file(written(tmp_path, ORDERS), "events", Options(constants={"type": "order_placed"}))
    (batch,) = event_batches(plan, Findings(), recorded_at=AT, identity_key=KEY)

    assert len({row.contact_id for row in batch.rows}) == 1
    assert [(row.item, row.value) for row in batch.rows] == [("Shirt", 49.9), ("Hat", None)]
    assert list(batch.addresses) == [batch.rows[0].contact_id]
    assert batch.rows[0].contact_id == f"e-{batch.addresses[batch.rows[0].contact_id][:20]}"
    assert [(reject.line, reject.reason) for reject in batch.rejects] == [
        (4, "Email is nobody's address, so the event is nobody's"),
        (5, "Email is nobody's address, so the event is nobody's"),
    ]


def test_a_contact_id_counts_before_an_address(tmp_path: Path) -> None:
    text = "contact_id,email,type,occurred_at\nc-1,ann@example.com,order_placed,2026-05-03T10:00:00Z\n"
    plan = plan_file(written(tmp_path, text), "events")
    (batch,) = event_batches(plan, Findings(), recorded_at=AT, identity_key=KEY)

    assert ([row.contact_id for row in batch.rows], batch.addresses) == (["c-1"], {})


def test_without_both_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="no column contact_id"):
        plan_file(written(tmp_path, "type,occurred_at\norder_placed,2026-05-03T10:00:00Z\n"), "events")


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("Email,Event,Timestamp", "events"),
        ("Record ID,Email,Lifecycle Stage,Create Date", "contacts"),
        ("Email,Type,Plan", "contacts"),
    ],
)
def test_rows_with_an_address_a_type_and_a_time_are_events_unless_they_have_an_id(
    tmp_path: Path, header: str, subject: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{header}\n" + ",".join("x" for _ in header.split(",")) + "\n")

    assert subject_of(file, Options()) == subject
