"""A column is what nearly all its values are; the others are missing, counted and named by line."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ingest.facts import typed_reader
from shared.values.columns import MAX_DISTINCT, ColumnProfile, ColumnType, decide
from shared.values.unreadable import Unreadable


def profile(values: Sequence[Any], name: str = "column", first_line: int = 2) -> ColumnProfile:
    found = ColumnProfile(name)
    found.add_all(values, first_line=first_line)
    return found


def read(values: Sequence[Any], column: ColumnType) -> list[Any]:
    return [typed_reader(column)(value) for value in values]


@pytest.mark.parametrize(
    ("values", "kind", "read_as"),
    [
        (["1", "20", "-3"], "whole", [1, 20, -3]),
        (["0", "1"], "whole", [0, 1]),
        (["1", "2.50", "N/A"], "decimal", [1, 2.5, None]),
        (["49,90", "1.299,00", "12"], "decimal", [49.9, 1299.0, 12]),
        (["1.299", "49,90"], "decimal", [1299, 49.9]),
        (["1.299", "2.345", "9.5"], "decimal", [1.299, 2.345, 9.5]),
        (["1.299,00 €", "49,90 €"], "decimal", [1299.0, 49.9]),
        (["$5", "$1,000", "$12.50"], "decimal", [5, 1000, 12.5]),
        (["12%", "5 %"], "decimal", [12, 5]),
        (["true", "FALSE", ""], "boolean", [True, False, None]),
        (["WAHR", "FALSCH"], "boolean", [True, False]),
        (["Yes", "no", "n/a"], "boolean", ["Yes", "no", None]),
        (["2026-05-03", "2026-05-04"], "date", ["2026-05-03", "2026-05-04"]),
        (["13/05/2026", "05/06/2026"], "date", ["2026-05-13", "2026-06-05"]),
        (["03.05.2026", "4.5.2026"], "date", ["2026-05-03", "2026-05-04"]),
        (["03.05.2026 10:15"], "instant", ["2026-05-03T10:15:00"]),
        (["2026-05-03T10:15:00Z", "2026-05-03 10:15"], "instant", ["2026-05-03T10:15:00Z", "2026-05-03 10:15"]),
        (["2026-05-03 10:15:00 UTC"], "instant", ["2026-05-03T10:15:00+00:00"]),
        (["Paris", "-", "Rome "], "text", ["Paris", None, "Rome"]),
        (["NULL", "\\N", "nan", "#N/A"], "empty", [None, None, None, None]),
        ([1, 2.5, "3", None], "decimal", [1, 2.5, 3, None]),
        ([True, False, None], "boolean", [True, False, None]),
        ([True, 1, "yes"], "boolean", [True, True, "yes"]),
    ],
)
def test_a_column_is_read_as_what_its_values_are(values: list[Any], kind: str, read_as: list[Any]) -> None:
    column = decide(profile(values))

    assert (column.kind, column.unreadable) == (kind, 0)
    assert read(values, column) == read_as


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plan_code", ["1E5", "100000", "2E3", "0012"]),
        ("plan", ["1E5", "2E3", "9E9"]),
        ("zip", ["01234", "99999", "00501", "12345"]),
        ("PLZ", ["10115", "80331"] * 100 + ["01067"]),
        ("number", ["10115", "80331"] * 100 + ["01067"]),
        ("version", ["1.10", "1.1", "2.0", "2"]),
        ("app", ["3.9", "3.10", "3.1"]),
        ("app_version", ["3.9", "3.11"]),
        ("order", ["20260503000000000001", "20260503000000000002"]),
        ("time", ["10:15", "11:00"]),
        ("ip", ["192.168.0.1", "10.0.0.1"]),
        ("mixed", ["1", "a", "2", "b"]),
    ],
)
def test_codes_versions_and_long_ids_stay_text(name: str, values: list[str]) -> None:
    column = decide(profile(values, name))

    assert (column.kind, column.unreadable) == ("text", 0)
    assert read(values, column) == values


@pytest.mark.parametrize("dirty", ["unknown", "tbd", "12%", "2026-05-03", "9" * 25])
def test_one_dirty_cell_costs_itself_alone(dirty: str) -> None:
    column = decide(profile([*["475.93", "948.11"] * 600, dirty]))

    assert (column.kind, column.unreadable, column.unreadable_lines) == ("decimal", 1, (1202,))
    with pytest.raises(Unreadable):
        typed_reader(column)(dirty)


def test_another_spelling_among_plain_numbers_is_read_and_counted() -> None:
    column = decide(profile([*["475.93", "948.11"] * 600, "1,234.50", "€5", "1,299"]))

    assert (column.kind, column.unreadable, column.respelled, column.respelled_lines) == (
        "decimal",
        0,
        3,
        (1202, 1203, 1204),
    )
    assert read(["1,234.50", "€5", "1,299"], column) == [1234.5, 5, 1299]


def test_a_mark_among_whole_numbers_is_between_thousands() -> None:
    assert read(["1,299", "2.500", "1 000"], decide(profile(["5", "7"] * 50 + ["1,299"]))) == [1299, 2500, 1000]


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (["1,234", "5,678", "1,500", "912", "12", "7"], 1234),
        (["41,250", "52,000"] * 10, 41250),
        (["1.234", "5.678", "1.000", "9", "12", "7"], 1234),
    ],
)
def test_three_digits_behind_a_mark_throughout_are_thousands(values: list[str], first: int) -> None:
    assert read(values[:1], decide(profile(values))) == [first]


@pytest.mark.parametrize(
    ("values", "question", "options", "first"),
    [
        (["1.299", "1.300"], "decimal", {"decimal": "comma"}, 1299),
        (["1.299", "1.300"], "decimal", {"decimal": "point"}, 1.299),
        (["03/05/2026", "05/06/2026"], "date_order", {"order": "dmy"}, "2026-05-03"),
        (["03/05/2026 9:00", "05/06/2026 9:00"], "date_order", {"order": "mdy"}, "2026-03-05T09:00:00"),
    ],
)
def test_what_the_column_does_not_show_is_a_question_and_text_until_answered(
    values: list[str], question: str, options: dict[str, Any], first: Any
) -> None:
    asked = decide(profile(values))
    said = decide(profile(values), **options)

    assert (asked.kind, asked.question, said.question) == ("text", question, None)
    assert read(values[:1], said) == [first]


@pytest.mark.parametrize(
    ("values", "decimal", "order"),
    [
        (["1.299", "49,90"], "comma", None),
        (["1,299", "0.5"], "point", None),
        (["12.5"] * 99 + ["12,5"], "point", None),
        (["05/03/2026", "13/03/2026"], None, "dmy"),
        (["05/03/2026", "03/13/2026 09:00"], None, "mdy"),
    ],
)
def test_a_column_shows_its_mark_and_its_order(values: list[str], decimal: str | None, order: str | None) -> None:
    column = decide(profile(values))

    assert (column.decimal, column.order) == (decimal, order)


@pytest.mark.parametrize(
    ("values", "question"),
    [
        (["49,90", "49.90", "1.299"], "decimal"),
        (["13/03/2026", "03/13/2026", "05/03/2026"], "date_order"),
        (["5", "x"], None),
        (["2026-05-13", "x", "45/45/2026"], None),
    ],
)
def test_a_column_that_shows_both_or_neither_is_text(values: list[str], question: str | None) -> None:
    column = decide(profile(values))

    assert (column.kind, column.question) == ("text", question)


def test_ids_that_a_spreadsheet_rounded_are_counted() -> None:
    column = decide(profile(["1.23457E+14"] * 3, "id"))

    assert (column.rounded, column.rounded_lines) == (3, (2, 3, 4))


def test_the_profile_stays_small() -> None:
    found = profile([f"value {number}" for number in range(5_000)])

    assert (found.count, len(found.distinct), len(found.lines["text"])) == (5_000, MAX_DISTINCT, 5)


@given(
    st.lists(st.sampled_from(["1", "1,299", "49,90", "2026-05-03", "0012", "yes", "", "x", "5/13/2026"]), max_size=30),
    st.integers(0, 30),
)
def test_profiles_of_parts_are_the_profile_of_the_whole(values: list[str], cut: int) -> None:
    parts = profile(values[:cut])
    parts.merge(profile(values[cut:], first_line=2 + len(values[:cut])))

    assert parts == profile(values)


@given(st.lists(st.text(max_size=12) | st.integers() | st.floats() | st.booleans() | st.none(), max_size=20))
def test_every_value_is_read_missing_or_counted_as_unreadable(values: list[Any]) -> None:
    column = decide(profile(values))
    refused = 0
    for value in values:
        try:
            typed_reader(column)(value)
        except Unreadable:
            refused += 1

    assert refused == column.unreadable
    assert column.count == len(values)
