"""Which contacts a batch is about."""

from pathlib import Path

import pytest

from shared.batches.selection import contact_of, fits, uploaded
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
