from collections import Counter

import numpy as np
import pyarrow as pa

from shared.ingest.spill import Piece, by_contact


def reordered(names: list[str], *, at_once: int, part_rows: int) -> list[tuple[str, int]]:
    tables = [pa.table({"contact_id": names[start : start + 10]}) for start in range(0, len(names), 10)]
    pieces = (
        Piece(table, np.arange(10 * number + 1, 10 * number + 1 + table.num_rows), 1.0)
        for number, table in enumerate(tables)
    )
    sample = [name.encode() for name in names[::3]]
    out = by_contact(pieces, sample, len(names), at_once=at_once, part_rows=part_rows)
    return [
        (name, line)
        for piece in out
        for name, line in zip(piece.table.column("contact_id").to_pylist(), piece.lines.tolist(), strict=True)
    ]


def test_rows_come_back_by_contact_with_their_lines() -> None:
    names = [f"c-{(number * 37) % 100:03d}" for number in range(100)]

    out = reordered(names, at_once=7, part_rows=20)

    assert [name for name, _ in out] == sorted(names)
    assert {names[line - 1] == name for name, line in out} == {True}


def test_the_order_is_that_of_bytes() -> None:
    out = reordered(["é", "z", "Z", "\U0001f600", "\uffff", "10", "9"], at_once=3, part_rows=2)

    assert [name for name, _ in out] == ["10", "9", "Z", "z", "é", "\uffff", "\U0001f600"]


def test_a_contact_that_has_most_of_the_file_is_passed_through() -> None:
    names = ["big"] * 90 + [f"c-{number}" for number in range(10)]

    out = reordered(names, at_once=7, part_rows=10)

    assert Counter(name for name, _ in out) == Counter(names)
    assert sorted(line for _, line in out) == list(range(1, 101))
