import base64
import hashlib
import math
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.contact import EventInput
from shared.contracts.rows import AttributeRow, EventRow
from shared.ingest import Batch, Findings, contact_batches, event_batches, event_row, plan_file
from shared.ingest.facts import text_fact
from shared.values.words import cleaned, is_missing, own_event_type

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UTC_MICROSECONDS = pa.timestamp("us", "UTC")


def read(columns: dict[str, Any], at_once: int = 100) -> Batch[EventRow]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "e.parquet"
        pq.write_table(pa.table(columns), file)
        whole: Batch[EventRow] = Batch()
        for batch in event_batches(plan_file(file, "events"), Findings(), recorded_at=9, at_once=at_once):
            whole.rows += batch.rows
            whole.rejects += batch.rejects
        return whole


def instants(*offsets: int | None, kind: pa.DataType = UTC_MICROSECONDS) -> pa.Array:
    return pa.array([None if at is None else EPOCH + timedelta(microseconds=at) for at in offsets], kind)


texts = st.none() | st.text(max_size=5) | st.sampled_from(["c-1", "Köln", "x" * 200, "x" * 201, "a\x00b", "EUR"])
event_records = st.fixed_dictionaries(
    {
        "contact_id": texts,
        "type": st.sampled_from(["order_placed", "Order", "", None, "x" * 65]),
        "occurred_at": st.none() | st.integers(-(3 * 10**15), 8 * 10**15),
        "id": texts,
        "value": st.none() | st.floats() | st.sampled_from([-0.0, 1e12, 1.1e12]),
        "currency": st.sampled_from([None, "EUR", "eur", ""]),
        "message_id": texts,
        "campaign_id": texts,
        "item": texts,
        "human": st.none() | st.booleans(),
        "colour": texts,
        "size": st.none() | st.floats(),
        "count": st.none() | st.integers(-(2**40), 2**40),
    }
)
KINDS = {
    "occurred_at": pa.int64(),
    "value": pa.float64(),
    "size": pa.float64(),
    "count": pa.int64(),
    "human": pa.bool_(),
}


def as_written(name: str, value: Any) -> Any:
    """What a file's text says; a request must write it so."""
    if not isinstance(value, str):
        return value
    if name == "colour":
        return text_fact(value)[0]
    if name == "type":
        return own_event_type(value)
    return value.upper() if name == "currency" else cleaned(value)


def as_request(record: dict[str, Any]) -> EventRow | None:
    """What the same row gives as a request; None: it is refused."""
    present = {name: as_written(name, value) for name, value in record.items() if not is_missing(value)}
    if "occurred_at" in present:
        present["occurred_at"] = EPOCH + timedelta(microseconds=present["occurred_at"])
    properties = {name: present.pop(name) for name in ("colour", "size", "count") if present.get(name) is not None}
    present.pop("colour", None)
    if abs(properties.get("size", 0)) >= 2**53:
        del properties["size"]  # out of bounds: in a file it costs the cell, and is said
    if properties:
        present["properties"] = properties
    try:
        return event_row(EventInput.model_validate(present), recorded_at=9)
    except ValidationError:
        return None


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(event_records, min_size=1, max_size=8))
def test_a_row_of_a_file_is_the_row_of_a_request(records: list[dict[str, Any]]) -> None:
    columns = {
        name: pa.array([record[name] for record in records], KINDS.get(name, pa.string())) for name in records[0]
    }
    columns["occurred_at"] = columns["occurred_at"].cast(UTC_MICROSECONDS)

    batch = read(columns, at_once=3)

    expected = [as_request(record) for record in records]
    assert sorted(batch.rows, key=repr) == sorted((row for row in expected if row is not None), key=repr)
    assert sorted(reject.line for reject in batch.rejects) == [
        line for line, row in enumerate(expected, 1) if row is None
    ]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_a_file_of_several_pieces_is_read_whatever_kind_of_text_names_its_contacts(kind: pa.DataType) -> None:
    names = ["b", "a", "c", "b"]
    columns = {"contact_id": pa.array(names, kind), "type": ["order_placed"] * 4, "occurred_at": instants(4, 3, 2, 1)}

    batch = read(columns, at_once=2)

    assert [(row.contact_id, row.occurred_at) for row in batch.rows] == [("a", 3), ("b", 4), ("b", 1), ("c", 2)]


def test_events_with_one_id_come_in_the_order_of_the_file_however_each_is_read() -> None:
    columns = {
        "contact_id": ["c", "c", "b", "c", "c"],
        "type": ["order_placed"] * 5,
        "occurred_at": instants(1, 2, 3, 4, 5),
        "id": ["1", "1", "1", "2", "2"],
        "properties": ['{"a": 1}', None, None, None, '{"a": 2}'],
    }

    rows = read(columns).rows

    assert [row.occurred_at for row in rows if row[:2] == ("c", "1")] == [1, 2]
    assert [row.occurred_at for row in rows if row[:2] == ("c", "2")] == [4, 5]


@pytest.mark.parametrize("at_once", [3_000, 400])
def test_a_batch_is_ordered_by_contact_and_each_event_keeps_its_line_and_its_id(tmp_path: Path, at_once: int) -> None:
    file, numbers = tmp_path / "e.parquet", range(3_000)
    columns = {
        "contact_id": [f"c-{'é' * (number % 3)}{number * 37 % 101}" for number in numbers],
        "type": [("page_viewed", "order_placed")[number % 2] for number in numbers],
        "occurred_at": instants(*(number % 700 for number in numbers)),
        "value": [None if number % 3 else float(number % 11 - 5) for number in numbers],
        "item": [None if number % 4 else f"item-{number % 5}" for number in numbers],
    }
    pq.write_table(pa.table(columns), file)

    batches = list(event_batches(plan_file(file, "events"), Findings(), recorded_at=9, at_once=at_once))

    found = {line: row for batch in batches for row, line in zip(batch.rows, batch.lines, strict=True)}
    assert [found[number + 1] for number in numbers] == [
        EventRow(owner, plain_id(owner, type_, at, value, item), type_, at, 9, value, item=item)
        for owner, type_, value, item, at in zip(
            columns["contact_id"], columns["type"], columns["value"], columns["item"],
            (number % 700 for number in numbers), strict=True,
        )
    ]  # fmt: skip
    for batch in batches:
        keys = [(row.contact_id.encode(), line) for row, line in zip(batch.rows, batch.lines, strict=True)]
        assert keys == sorted(keys)


def plain_id(owner: str, type_: str, at: int, value: float | None, item: str | None) -> str:
    """The id of an event of which no other field counts, written out."""
    later = "" if item is None else f"---+{len(item)}:{item}"
    return hashed(f"{later}{len(owner)}:{owner}{len(type_)}:{type_}{at};{'' if value is None else value};")


def hashed(encoded: str) -> str:
    digest = hashlib.blake2b(encoded.encode(), digest_size=16).digest()
    return "~" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_a_derived_id_counts_each_field_in_its_place() -> None:
    later = {"currency": ["EUR", None], "message_id": ["m", None], "campaign_id": [None, "camp"], "item": ["i", None]}
    columns = {**BASIC, **later, "occurred_at": instants(5, 6), "value": [-0.0, None], "colour": ["red", None]}

    assert [row.event_id for row in read(columns).rows] == [
        hashed('+3:EUR+1:m-+1:i3:c-11:a5;0.0;{"colour":"red"}'),
        hashed("--+4:camp-3:c-21:a6;;"),
    ]


def test_given_ids_stay_and_missing_ones_are_derived() -> None:
    columns = {**BASIC, "id": ["given", None], "occurred_at": instants(5, 5)}

    assert [row.event_id for row in read(columns).rows] == ["given", plain_id("c-2", "a", 5, None, None)]


BASIC = {"contact_id": ["c-1", "c-2"], "type": ["a", "a"]}


@pytest.mark.parametrize("size", [float("inf"), float("-inf"), 1e308, float("nan")])
def test_a_number_that_json_cannot_hold_costs_its_property_alone(size: float) -> None:
    batch = read({**BASIC, "occurred_at": instants(5_000_000, 7_000_000), "size": [size, 2.0], "n": [1.0, 2.0]})

    assert batch.rejects == []
    assert sorted(row.properties or "" for row in batch.rows) == ['{"n":1.0}', '{"n":2.0,"size":2.0}']


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_any_unit_and_zone_are_instants(unit: str) -> None:
    at = instants(5_000_000, 7_000_000).cast(pa.timestamp(unit, "Europe/Paris"))

    assert [row.occurred_at for row in read({**BASIC, "occurred_at": at}).rows] == [5_000_000, 7_000_000]


def test_naive_timestamps_are_rejected_and_text_with_a_zone_is_read() -> None:
    naive = read({**BASIC, "occurred_at": pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2)])})  # noqa: DTZ001
    text = read({**BASIC, "occurred_at": ["1970-01-01T01:00:00.000005+01:00", "1970-01-01T00:00:00"]})

    assert naive.rows == []
    assert [reject.line for reject in naive.rejects] == [1, 2]
    assert {"is a time without a zone" in reject.reason for reject in naive.rejects} == {True}
    assert [row.occurred_at for row in text.rows] == [5]
    assert [reject.line for reject in text.rejects] == [2]


def test_numbers_as_ids_and_dictionaries_are_read_as_text() -> None:
    columns = {
        "contact_id": pa.array([7, 8]),
        "type": pa.array(["a", "b"]).dictionary_encode(),
        "campaign_id": pa.array(["x", None], pa.large_string()),
        "occurred_at": instants(1, 2),
    }

    rows = read(columns).rows

    assert [(row.contact_id, row.type, row.campaign_id) for row in rows] == [("7", "a", "x"), ("8", "b", None)]


def test_properties_as_json_or_as_a_struct_are_read() -> None:
    as_text = read({**BASIC, "occurred_at": instants(1, 2), "properties": ['{"b": 1, "a": 2}', None]})
    as_struct = read({**BASIC, "occurred_at": instants(1, 2), "properties": [{"b": 1, "a": 2}, None]})
    bad = read({**BASIC, "occurred_at": instants(1, 2), "properties": ["{", "[]"]})

    assert {row.properties for row in as_text.rows} == {'{"a":2,"b":1}', None}
    assert as_struct.rows == as_text.rows
    assert [reject.reason for reject in bad.rejects] == ["properties is not a JSON object"] * 2


def test_dates_and_decimals_become_what_json_knows() -> None:
    columns = {
        **BASIC,
        "occurred_at": instants(1, 2),
        "on": pa.array([date(2026, 1, 2), None]),
        "weight": pa.array([Decimal("1.50"), None]),
    }

    rows = read(columns).rows

    assert [row.properties for row in rows] == ['{"on":"2026-01-02","weight":1.5}', None]


def test_bytes_that_are_no_text_reject_their_row_only() -> None:
    broken = pa.array([b"\xff", b"c-2"]).cast(pa.binary()).view(pa.string())

    batch = read({"contact_id": broken, "type": ["a", "a"], "occurred_at": instants(1, 2)})

    assert [row.contact_id for row in batch.rows] == ["c-2"]
    assert [reject.line for reject in batch.rejects] == [1]


def test_a_time_beyond_the_calendar_rejects_its_row_only() -> None:
    at = pa.array([2**62, 5], pa.int64()).cast(UTC_MICROSECONDS)

    batch = read({**BASIC, "occurred_at": at})

    assert [row.contact_id for row in batch.rows] == ["c-2"]
    assert [reject.line for reject in batch.rejects] == [1]


def test_contacts_are_read_from_parquet(tmp_path: Path) -> None:
    file = tmp_path / "c.parquet"
    columns = {"id": [1, 2], "created_at": instants(5, None), "size": [1.5, math.nan], "born": [date(2000, 1, 2), None]}
    pq.write_table(pa.table(columns), file)

    plan = plan_file(file, "contacts")
    (batch,) = contact_batches(plan, Findings(), recorded_at=9, identity_key=b"k" * 32)

    assert batch.rejects == []
    assert [(row.contact_id, row.created_at, row.attributes) for row in batch.rows] == [
        ("1", 5, (AttributeRow("size", 1.5, None), AttributeRow("born", "2000-01-02", None))),
        ("2", None, ()),
    ]


def test_columns_named_alike_are_numbered_and_reported(tmp_path: Path) -> None:
    file = tmp_path / "c.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["id", "a", "a"]), file)

    plan = plan_file(file, "contacts")

    assert [column.name for column in plan.columns] == ["id", "a", "a (2)"]
    assert "The header names a twice; column 3 is called a (2)." in plan.notes
