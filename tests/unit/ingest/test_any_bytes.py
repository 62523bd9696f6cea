"""Whatever a file holds, each of its rows is read, refused with its line, or said not to have been read."""

import csv
import io
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import FileRefused
from shared.ingest import Findings, Plan, contact_batches, plan_file

QUIET = settings(suppress_health_check=[HealthCheck.too_slow])
KEY = b"k" * 32


def read(content: bytes, name: str = "c.csv") -> tuple[Plan, list[int], list[int]]:
    """Plan, lines of rows and lines of rejects."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(content)
        plan = plan_file(file, "contacts")
        rows, rejects = [], []
        for batch in contact_batches(plan, Findings(), recorded_at=9, identity_key=KEY, at_once=3):
            rows += batch.lines
            rejects += [reject.line for reject in batch.rejects]
        return plan, rows, rejects


@QUIET
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_every_row_is_accounted_for(content: bytes) -> None:
    try:
        plan, rows, rejects = read(b"id,country,note\n" + content)
    except FileRefused:
        return
    assert len(rows) + len(rejects) == plan.rows + plan.unreadable
    if plan.layout.encoding == "utf-8-sig" and b'"' not in content and b"\r" not in content and b"\x00" not in content:
        filled = [
            number
            for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=2)
            if line.replace(",", "").strip()
        ]
        assert sorted(rows + rejects) == filled


@QUIET
@given(st.binary(max_size=120), st.sampled_from(["c.csv", "c.ndjson", "c.json", "c.xlsx", "c.parquet", "c.csv.gz"]))
def test_any_bytes_under_any_name_are_refused_in_words_or_read(content: bytes, name: str) -> None:
    try:
        plan, rows, rejects = read(content, name)
    except FileRefused:
        return
    assert len(rows) + len(rejects) == plan.rows + plan.unreadable


lines = st.text(st.sampled_from('ab",; '), max_size=12)


@QUIET
@given(st.lists(lines, min_size=1, max_size=8))
def test_quotes_in_any_order_lose_no_line(texts: list[str]) -> None:
    """Each line that holds something lies within a row that was read, or is a reject."""
    content = "id,country,note\n" + "".join(f"{text}\n" for text in texts)

    plan, rows, rejects = read(content.encode())

    found = sorted(rows + rejects)
    assert len(found) == len(set(found)) == plan.rows + plan.unreadable
    spans = [*found, len(texts) + 2]
    for number, text in enumerate(texts, start=2):
        if text.replace(",", "").replace('"', "").strip() and '"' not in "".join(texts[: number - 1]):
            assert number in spans


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@QUIET
@given(st.lists(st.dictionaries(st.sampled_from(["id", "plan", "size"]), values), min_size=1, max_size=5))
def test_every_object_of_json_is_accounted_for_in_both_ways_of_writing(objects: list[dict[str, object]]) -> None:
    if not any("id" in one for one in objects):
        objects.append({"id": "c"})
    array = json.dumps(objects).encode("utf-8", "surrogatepass")
    by_line = "\n".join(json.dumps(one) for one in objects).encode()

    for content, name in ((array, "c.json"), (by_line, "c.ndjson")):
        _, rows, rejects = read(content, name)
        assert len(rows) + len(rejects) == len(objects)


@QUIET
@given(st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)] * 3), max_size=6))
def test_whatever_a_csv_writer_writes_is_read_back(cells: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("id", "country", "note"), *cells])

    plan, rows, rejects = read(text.getvalue().encode())

    written = [row for row in cells if any(cell.strip() for cell in row)]
    assert len(rows) + len(rejects) == len(written)
    assert plan.layout.marks == {}
