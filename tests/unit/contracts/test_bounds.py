import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import REPEATED, OutOfBounds, are_plain, json_object, read_scalar, scalar
from shared.contracts.validation import read_all, read_json, write_json

TEXTS = st.text(st.characters(codec=None, categories=None), max_size=20)
NUMBERS = st.integers() | st.integers(min_value=-(10**400), max_value=10**400) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0.1, "a\nb", "😀", "", None, True, "x" * 2_000])
def test_what_every_reader_can_read_is_taken(value: object) -> None:
    assert scalar(value) is value


@given(values=st.lists(JSON, max_size=4))
def test_of_values_that_are_plain_each_is_taken(values: list[object]) -> None:
    if are_plain(values):
        assert all(scalar(value) is value for value in values)


@pytest.mark.parametrize("odd", [2**53, float("nan"), float("-inf"), "a\x00", "\ud83d", "x" * 2_001, [], {}, REPEATED])
@pytest.mark.parametrize("others", [[], [1, 2.5], ["Paris"], [None, True, "Paris", 1]])
def test_one_odd_value_among_plain_ones_is_seen(odd: object, others: list[object]) -> None:
    assert are_plain(others)
    assert not are_plain([*others, odd])
    assert not are_plain([odd, *others])


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), 10**308, 1e300, float("nan"), float("inf"), "a\x00", "\ud83d", "x" * 2_001, [], {}, REPEATED],
)
def test_what_some_reader_could_not_read_is_refused(value: object) -> None:
    with pytest.raises(OutOfBounds):
        scalar(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": {"b": [1, 10**20]}}, ("a", "b", 1)),
        ({"a": {"\ud83d": 1}}, ("a",)),
        ({"a": [{"b": "\x00"}]}, ("a", 0, "b")),
        ({"a": REPEATED}, ("a",)),
    ],
)
def test_a_fault_inside_an_object_has_its_place(value: dict[str, object], place: tuple[object, ...]) -> None:
    with pytest.raises(OutOfBounds) as raised:
        json_object(value)

    assert raised.value.place == place


def test_an_object_is_bounded_in_depth_and_size() -> None:
    nested: dict[str, object] = {}
    for _ in range(16):
        nested = {"a": nested}

    for refused in (nested, {"a": "x" * 20_000}):
        with pytest.raises(OutOfBounds):
            json_object(refused)


@given(JSON)
def test_what_is_taken_reads_back_everywhere(value: object) -> None:
    try:
        taken = json_object({"a": value})
    except OutOfBounds:
        return

    text = json.dumps(taken)
    assert orjson.loads(text) == json.loads(text) == taken
    assert orjson.loads(orjson.dumps(taken)) == read_all(text) == taken


@given(JSON)
def test_everything_stored_can_be_written_down(value: object) -> None:
    orjson.dumps(read_all(json.dumps(value)))


@given(st.text() | st.integers(0, 400).map(lambda digits: "9" * digits))
def test_a_stored_value_reads_or_is_missing(text: str) -> None:
    value, readable = read_scalar(text)

    assert readable or value is None


def test_what_cannot_be_read_is_written_as_text() -> None:
    stored = '{"a": 12345678901234567890, "b": "\\ud83d", "c": NaN, "d": 1e999, "e": 1.5}'

    assert read_all(stored) == {"a": "12345678901234567890", "b": "\\ud83d", "c": "NaN", "d": "1e999", "e": 1.5}
    assert read_all("no JSON \ud83d") == "no JSON \\ud83d"


@given(JSON)
def test_json_reads_as_it_was_written(value: object) -> None:
    text = json.dumps(value)

    try:
        expected = orjson.loads(text)
    except orjson.JSONDecodeError:
        read_json(text.encode())
    else:
        read = read_json(text.encode())
        assert read == expected or "inf" in repr(read)


@pytest.mark.parametrize(
    "bad",
    [
        b'"\\ud83d"', b'"\xff"', b'"\x00"', b'"\\u0000"', b"NaN", b"-Infinity", b"1e999", b"9" * 5_000,
        b"-" + b"9" * 400,
        b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b'{"a": 1, "a": 2}',
        b'["[", ' + b"[" * 5_000 + b'"]"' + b"]" * 5_000 + b"]",
    ],
)  # fmt: skip
def test_one_bad_value_leaves_the_others_as_they_are(bad: bytes) -> None:
    before, value, after = read_json(b'[{"id": "a"}, ' + bad + b', {"id": "b", "x": "]\\"["}]')

    assert (before, after) == ({"id": "a"}, {"id": "b", "x": ']"['})
    with pytest.raises(OutOfBounds):
        json_object({"a": value})


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b'["' * 50_000, b'[1, "\\', b"\xff\xfe1\x00"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b'[{"a": 1, "b": {"c": 1, "c": 2}}]', b'[{"a": 1, "b": {"c": null, "c": null}}]'),
        (b'["\\ud83d", "\xc3\xa9"]', b'["\xed\xa0\xbd", "\xc3\xa9"]'),
        (b"[NaN, 1e400, 1.0, 12345678901234567890]", b"[NaN, Infinity, 1.0, 12345678901234567890]"),
    ],
    ids=["a name given twice", "half a surrogate pair", "numbers"],
)
def test_what_was_read_is_written_so_that_another_reader_finds_the_same(text: bytes, written: bytes) -> None:
    assert write_json(read_json(text)) == written
