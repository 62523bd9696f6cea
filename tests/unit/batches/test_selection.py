"""Which contacts a batch is about."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from shared.batches.selection import contact_of, fits, uploaded
from shared.errors import FileRefused
from shared.serving.batch import RefusedRow
from shared.store import StoredContact
from shared.timeline import DatedValue


def contact(*values: DatedValue) -> StoredContact:
    return StoredContact("a", None, None, {}, values)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"country": ["DE"]}, True),
        ({"country": ["FR", "DE"]}, True),
        ({"country": ["FR"]}, False),
        ({"country": ["DE"], "size": [7]}, True),
        ({"country": ["DE"], "size": [8]}, False),
        ({"size": [True]}, False),
        ({"plan": ["pro"]}, False),
        ({"plan": ["free"]}, True),
        ({"absent": [None]}, False),
    ],
)
def test_of_each_attribute_a_wanted_value_held_at_the_cutoff(wanted: dict, expected: bool) -> None:
    held = contact(
        DatedValue("country", 1, "DE"), DatedValue("size", 1, 7), DatedValue("plan", 1, "free"),
        DatedValue("plan", 50, "pro"),
    )  # fmt: skip

    assert fits(held, wanted, cutoff=50) is expected


def test_a_line_that_is_too_long_is_one_refused_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.batches.selection.MAX_LINE_BYTES", 20)
    file = tmp_path / "upload.ndjson"
    file.write_bytes(b'{"id": "a"}\n{"id": "' + b"x" * 90 + b'"}\n\n{"id": "b"}')

    lines = [contact_of(line) for line in uploaded(file, recorded_at=1)]

    assert lines == [{"id": "a"}, RefusedRow("The line is longer than 20 bytes."), {"id": "b"}]


def test_what_is_no_json_is_refused_with_a_sentence() -> None:
    assert contact_of(b"{") == RefusedRow("The line is not JSON.")


def test_contacts_of_an_array_in_one_line_are_all_there_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "contacts.json"
    file.write_text('[{"id": "b"}, 7, {"id": "a"}, {"id": "c"}]')

    lines = [contact_of(line) for line in uploaded(file, recorded_at=1)]

    assert lines == [{"id": "b"}, RefusedRow("not a JSON object"), {"id": "a"}, {"id": "c"}]


def test_a_byte_order_mark_costs_no_contact(tmp_path: Path) -> None:
    file = tmp_path / "upload.ndjson"
    file.write_text('{"id": "a"}\n{"id": "b"}\n', encoding="utf-8-sig")

    assert [contact_of(line) for line in uploaded(file, recorded_at=1)] == [{"id": "a"}, {"id": "b"}]


def test_a_line_that_says_to_be_refused_is_a_contact_that_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "upload.ndjson"
    file.write_text('{"refused":"ann@example.com"}\n')

    assert [contact_of(line) for line in uploaded(file, recorded_at=1)] == [{"refused": "ann@example.com"}]


@pytest.mark.parametrize("header", ["email", "Mail;Land", "c-1"])
def test_a_table_without_ids_is_refused_in_words_of_a_batch(tmp_path: Path, header: str) -> None:
    file = tmp_path / "upload.csv"
    file.write_text(f"{header}\nann@example.com\n")

    with pytest.raises(FileRefused, match="contacts are found by id, and not by e-mail address") as refused:
        list(uploaded(file, recorded_at=1))

    assert "--map" not in str(refused.value)


def test_since_when_the_values_of_a_table_hold_needs_no_zone(tmp_path: Path) -> None:
    file = tmp_path / "upload.csv"
    file.write_text("id,plan,valid_from\na,pro,2026-01-01\n")

    assert [contact_of(line) for line in uploaded(file, recorded_at=1)] == [{"id": "a", "attributes": {"plan": "pro"}}]


def test_events_in_a_table_are_not_left_out_without_a_word(tmp_path: Path) -> None:
    file = tmp_path / "contacts.json"
    file.write_text('[{"id": "a", "events": [{"type": "page_viewed", "occurred_at": "2026-01-01T00:00:00Z"}]}]')

    with pytest.raises(FileRefused, match="send NDJSON"):
        list(uploaded(file, recorded_at=1))


def test_an_address_as_id_is_looked_up_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "upload.csv"
    file.write_text("\ufeffID;Land\r\n 007 ;DE\r\nann@example.com;AT\r\n;;\r\n\r\n", encoding="utf-8")

    assert [contact_of(line) for line in uploaded(file, recorded_at=1)] == [
        {"id": "007", "attributes": {"Land": "DE"}}, {"id": "ann@example.com", "attributes": {"Land": "AT"}},
    ]  # fmt: skip


def test_a_small_file_of_endless_texts_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    file, rows = tmp_path / "upload.parquet", 1_000
    one_text = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, pyarrow.int32()), ["x" * 1_000_000])
    pyarrow.parquet.write_table(pyarrow.table({"id": [str(row) for row in range(rows)], "note": one_text}), file)

    assert file.stat().st_size < 2_000_000
    with pytest.raises(FileRefused, match="hold more than 500,000,000 bytes together"):
        list(uploaded(file, recorded_at=1))
