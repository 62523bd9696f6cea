import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.rows import AttributeRow, ContactRow, EventRow
from shared.errors import FileRefused
from shared.ingest import Batch, Findings, Options, Plan, contact_batches, email_hash, event_batches, plan_file

KEY = b"k" * 32
NO_NUMBER_ALONE = "a number alone is no time; write it as 2026-05-03T10:15:00Z, or say what it counts"
AT = "1970-01-01T00:00:00.000007Z"


@pytest.fixture
def events(tmp_path: Path) -> Callable[..., Batch[EventRow]]:
    def read(name: str, content: bytes | str, at_once: int = 100) -> Batch[EventRow]:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        whole: Batch[EventRow] = Batch()
        for batch in event_batches(plan_file(file, "events"), Findings(), recorded_at=9, at_once=at_once):
            whole.rows += batch.rows
            whole.rejects += batch.rejects
            whole.fraction = batch.fraction
        return whole

    return read


Read = Callable[..., Batch[EventRow]]


def reasons(batch: Batch[Any]) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in batch.rejects]


def test_a_file_without_the_columns_is_refused_whole_and_its_first_line_its_values_not_repeated(events: Read) -> None:
    with pytest.raises(FileRefused) as refused:
        events("e.csv", f"c-1,secret,{AT}\nc-2,secret,{AT}\n")

    assert "found: c-1, secret, (a value); say" in refused.value.detail
    assert "The first line looks like a row" in refused.value.detail


def test_a_csv_of_events_is_read(events: Read) -> None:
    batch = events(
        "e.csv",
        "contact_id,type,occurred_at,id,value,currency,item,human,properties,colour,count\n"
        f'007,order_placed,{AT},5,12.50,EUR,shoe,true,"{{""size"":4}}",red,3\n'
        f"c-2,page_viewed,{AT},e-2,,,,,,,\n",
    )

    assert batch.rejects == []
    assert batch.rows == [
        EventRow(
            "007", "5", "order_placed", 7, 9, 12.5, "EUR", None, None, "shoe", '{"colour":"red","count":3,"size":4}', 1
        ),
        EventRow("c-2", "e-2", "page_viewed", 7, 9),
    ]
    assert batch.fraction == 1.0


def test_bad_csv_rows_become_rejects_and_the_rest_is_read(events: Read) -> None:
    batch = events(
        "e.csv",
        b"contact_id,type,occurred_at,value\n"
        b"c-1,order_placed,2026-01-01T00:00:00,1\n"
        b"c-1,order_placed,2026-01-01T00:00:00Z\n"
        b"\n"
        b"c-\xff,order_placed,2026-01-01T00:00:00Z,1\n"
        b",M\xc3\xbcller,2026-01-01T00:00:00Z,nan\n"
        b"c-1,order_placed,2026-01-01T00:00:00Z,1\n",
    )

    assert len(batch.rows) == 1
    assert reasons(batch) == [
        (2, "occurred_at is a time without a zone; say --timezone Europe/Berlin"),
        (3, "3 cells under 4 columns"),
        (5, "not UTF-8 text"),
        (6, "contact_id is empty, and every row needs one"),
    ]


def test_an_endless_cell_is_a_reject(events: Read) -> None:
    batch = events("e.csv", "contact_id,type,occurred_at\n" + "x" * 200_000 + f"\nc-1,a,{AT}\n")

    assert [reject.line for reject in batch.rejects] == [2]
    assert len(batch.rows) == 1


def test_ndjson_is_read_with_objects_as_they_are(events: Read) -> None:
    lines = [
        json.dumps({"contact_id": 7, "type": "a", "occurred_at": AT, "properties": {"x": [1]}, "y": None, "z": "é"}),
        "{",
        "[]",
        "",
        '{"contact_id": "c", "type": "a", "occurred_at": "' + AT + '", "properties": 5}',
        '{"contact_id": "c", "type": "a", "occurred_at": 5}',
        '"' + "x" * 1_100_000 + '"',
    ]

    batch = events("e.ndjson", "\n".join(lines))

    assert [(row.contact_id, row.properties) for row in batch.rows] == [("7", '{"x":[1],"z":"\\u00e9"}')]
    assert reasons(batch) == [
        (2, "not JSON"),
        (3, "not a JSON object"),
        (5, "properties is not a JSON object"),
        (
            6,
            f"occurred_at is refused: {NO_NUMBER_ALONE}",
        ),
        (7, "longer than 1,000,000 characters"),
    ]


def test_gzip_is_unpacked_and_where_it_breaks_is_reported(events: Read, tmp_path: Path) -> None:
    def plan_of(name: str, content: bytes) -> Plan:
        (tmp_path / name).write_bytes(content)
        return plan_file(tmp_path / name, "events")

    packed = gzip.compress(f"contact_id,type,occurred_at\nc-1,a,{AT}\n".encode())

    assert len(events("e.csv.gz", packed).rows) == 1
    cut = plan_of("e.csv.gz", packed[:-9])
    assert (cut.layout.unread_from, cut.rows) == (3, 1)
    with pytest.raises(FileRefused, match="can be read"):
        events("e.ndjson.gz", b"{}\n")


def test_batches_are_bounded(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("contact_id,type,occurred_at\n" + f"c,a,{AT}\n" * 5 + "c\n" * 2)

    sizes = [len(batch) for batch in event_batches(plan_file(file, "events"), Findings(), recorded_at=9, at_once=3)]

    assert sizes == [3, 3, 1]


def test_files_that_cannot_be_read_at_all_are_refused_in_one_sentence(events: Read, tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="There is no file"):
        plan_file(tmp_path / "absent.csv", "events")
    with pytest.raises(FileRefused, match="is empty"):
        events("e.xlsx", "")
    with pytest.raises(FileRefused, match="is a folder"):
        plan_file(tmp_path, "events")
    with pytest.raises(FileRefused, match="is an HTML page"):
        events("report.xls", "<html><table>")
    with pytest.raises(FileRefused, match="not a readable workbook"):
        events("e.csv", b"PK\x03\x04 and no more")
    with pytest.raises(FileRefused, match="not a readable Parquet"):
        events("e.parquet", "PAR1")


def contacts(file: Path) -> Batch[ContactRow]:
    (batch,) = contact_batches(plan_file(file, "contacts", Options()), Findings(), recorded_at=9, identity_key=KEY)
    return batch


def test_a_csv_of_contacts_is_read(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(
        "id,email,timezone,created_at,consent,valid_from,plan,zip,size,vip,note\n"
        f'1,Ada@example.org,Europe/Paris,{AT},denied,{AT},pro,01234,3.5,TRUE,\n2,,,,"{{""profiling"":""granted""}}",,,,,,\n'
    )

    batch = contacts(file)

    assert batch.rejects == []
    assert batch.rows == [
        ContactRow(
            "1",
            7,
            "Europe/Paris",
            {"profiling": "denied"},
            email_hash("ada@example.org", KEY),
            (
                AttributeRow("plan", "pro", 7),
                AttributeRow("zip", "01234", 7),
                AttributeRow("size", 3.5, 7),
                AttributeRow("vip", value=True, valid_from=7),
            ),
        ),
        ContactRow("2", consent={"profiling": "granted"}),
    ]


def test_attributes_of_a_file_without_a_date_are_undated(tmp_path: Path) -> None:
    file = tmp_path / "c.ndjson"
    dated = {"value": 1, "valid_from": AT}
    file.write_text(json.dumps({"id": "c", "plan": "pro", "attributes": {"size": dated, "note": "x"}}))

    (row,) = contacts(file).rows

    assert set(row.attributes) == {
        AttributeRow("plan", "pro", None),
        AttributeRow("size", 1, 7),
        AttributeRow("note", "x", None),
    }


def test_a_bad_contact_is_a_reject(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("id,timezone,consent,valid_from,plan\nc-1,Mars/X,maybe,yesterday,pro\nc-2,Mars/X,,,pro\n")

    batch = contacts(file)

    assert [row.contact_id for row in batch.rows] == ["c-2"]
    assert reasons(batch) == [(2, "consent is neither granted nor denied; valid_from is refused: it is not a time")]
