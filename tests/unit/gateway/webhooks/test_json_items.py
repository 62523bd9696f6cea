"""A damaged item costs itself and no other, wherever items stand."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.json_items import DamagedItem, envelope, items, lenient, single_item
from shared.errors import BadRequest

GOOD = b'{"id":1}'
DAMAGE = [
    (b'{"a":"x\\ud83d"}', "half a surrogate pair"),
    (b'{"a":"x\\udc00y"}', "half a surrogate pair"),
    (b'{"a\\u0000":1}', "NUL"),
    (b'{"a":"x\x00"}', "control character"),
    (b'{"a":"\xff"}', "no UTF-8"),
    (b'{"a":"\xed\xa0\x80"}', "no UTF-8"),
    (b'{"a":1,"a":2}', "a stands in it twice"),
    (b'{"a":' + b"9" * 5_000 + b"}", "thousands of digits"),
    (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "nested too deep"),
    (b'{"a":tru}', "not JSON"),
]


@pytest.mark.parametrize(("bad", "why"), DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_item_costs_no_other(bad: bytes, why: str) -> None:
    found = [
        items(b"[" + b" , ".join([GOOD, bad, GOOD]) + b"]"),
        items(b"\n".join([GOOD, bad, GOOD])),
        envelope(b'{"meta":{},"data":[' + b",".join([GOOD, bad, GOOD]) + b"]}", "data")[1],
    ]

    for listed in found:
        assert listed is not None
        first, damaged, last = listed
        assert first == last == {"id": 1}
        assert isinstance(damaged, DamagedItem)
        assert why in damaged.reason
    assert isinstance(single_item(bad), DamagedItem)


@pytest.mark.parametrize("sound", [b'{"a":"\\ud83d\\ude00"}', b'{"a":"\\\\ud83d"}', b'{"a":1,"a":1}', b'{"a":NaN}'])
def test_what_only_looks_like_damage_is_none(sound: bytes) -> None:
    assert not isinstance(items(sound)[0], DamagedItem)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1,2", b"[1]]", b"\xff\xfe", b"{} x", b"[" * 100_000, b"hi"], ids=range(8)
)
def test_a_body_that_ends_in_the_middle_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRequest):
        items(body)


def test_what_is_left_of_a_damaged_item_is_text() -> None:
    read = lenient(b'{"a":"x\\ud83d y\xff \\u0000 \\ud83d\\ude00"}')

    assert read == {"a": "x\ufffd y\ufffd \ufffd \U0001f600"}


@given(body=st.binary(max_size=80) | st.text(alphabet='{}[]",:\\u0d8 \n1', max_size=40).map(str.encode))
def test_any_bytes_are_taken_apart_or_refused(body: bytes) -> None:
    for read in (items, single_item, lambda body: envelope(body, "data")):
        try:
            read(body)
        except BadRequest:
            continue


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(before=st.lists(VALUES, max_size=3), after=st.lists(VALUES, max_size=3))
def test_whatever_stands_beside_a_damaged_item_is_read_as_it_is(before: list[Any], after: list[Any]) -> None:
    texts = [json.dumps(value) for value in before], [json.dumps(value) for value in after]
    if any("\\u0000" in text for part in texts for text in part):
        return
    body = "[" + ",".join([*texts[0], '{"a":"\\ud800"}', *texts[1]]) + "]"

    found = items(body.encode())

    assert found[: len(before)] == before
    assert found[len(before) + 1 :] == after
