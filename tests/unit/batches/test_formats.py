"""Files of rows: joined in order, and written again without some contacts."""

import io
import json
from pathlib import Path

import pytest

from shared.batches.erasing import Forgotten
from shared.batches.formats import COLUMNS, format_of
from shared.contracts.rows import contact_hash

KEY = b"an identity key of the tests, long enough"


def gone(*ids: str) -> Forgotten:
    return Forgotten(frozenset(contact_hash(one, KEY) for one in ids), KEY)


def test_a_contact_is_recognised_by_the_hash_of_its_id() -> None:
    assert [gone("a").holds(one) for one in ("a", "b")] == [True, False]
    assert not gone("a").is_in(b'{"id":"a","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    assert [gone("a").is_in(line) for line in (b'{"id":"a"}', b'{"id":"b"}', b"no json", b"[1]")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_the_header_of_a_csv_stays_whoever_is_taken_out(tmp_path: Path) -> None:
    file, target = tmp_path / "result.csv", io.BytesIO()
    file.write_bytes((",".join(COLUMNS) + "\r\ncontact_id,x\r\n'+49,y\r\nb,z\r\n").encode())

    found = format_of("csv").without(target, file, gone("contact_id", "+49").holds)

    assert found
    assert target.getvalue().decode() == ",".join(COLUMNS) + "\r\nb,z\r\n"


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_parts_are_joined_in_their_order(tmp_path: Path, format: str) -> None:
    parts = [tmp_path / name for name in ("1", "2")]
    for part, content in zip(parts, (b"first\n", b"second\n"), strict=True):
        part.write_bytes(content)
    target = io.BytesIO()

    format_of(format).join(target, parts)  # type: ignore[arg-type]

    assert target.getvalue().endswith(b"first\nsecond\n")


def test_rows_that_are_none_stay_in_a_result(tmp_path: Path) -> None:
    file, target = tmp_path / "result.ndjson", io.BytesIO()
    lines = [{"contact_id": None, "status": "invalid"}, {"contact_id": "a", "status": "ok"}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    format_of("ndjson").without(target, file, gone("a").holds)

    assert json.loads(target.getvalue())["status"] == "invalid"
