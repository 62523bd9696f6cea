"""Foreign JSON: what is read, what is refused, and that nothing else is raised."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.addresses import address_of, link_of
from gateway.webhooks.payload import PayloadReader, as_list
from gateway.webhooks.provider import ItemRefused

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
READERS = ("text", "maybe_text", "address", "at_seconds", "at_milliseconds", "at_iso", "inner", "entries")
LENIENT = ("raw", "fact", "long_text", "flag", "link", "tags")


def test_one_item_alone_is_a_list_of_one() -> None:
    assert as_list({"a": 1}) == [{"a": 1}]
    assert as_list([{"a": 1}, 2]) == [{"a": 1}, 2]


@given(value=ANYTHING)
def test_any_value_is_read_or_refused(value: Any) -> None:
    fields = PayloadReader({"field": value})

    for reader in READERS:
        with contextlib.suppress(ItemRefused):
            getattr(fields, reader)("field")


@given(value=ANYTHING)
def test_what_nothing_hangs_on_is_never_refused(value: Any) -> None:
    fields = PayloadReader({"field": value})

    for reader in LENIENT:
        getattr(fields, reader)("field")


def test_a_refusal_names_where_and_never_what() -> None:
    with pytest.raises(ItemRefused) as refused:
        PayloadReader({"message": {"id": ["ann@example.com"]}}).inner("message").text("id")

    assert refused.value.detail == "message.id is not a text."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_600_112_492, datetime(2020, 9, 14, 19, 41, 32, tzinfo=UTC)),
        ("1600112492", datetime(2020, 9, 14, 19, 41, 32, tzinfo=UTC)),
        (1_600_112_492.25, datetime(2020, 9, 14, 19, 41, 32, 250_000, tzinfo=UTC)),
    ],
)
def test_seconds_are_read_from_numbers_and_text(value: object, expected: datetime) -> None:
    assert PayloadReader({"at": value}).at_seconds("at") == expected


@pytest.mark.parametrize("value", [True, None, "1e9", "", float("nan"), float("inf"), -1, 0, 10**40, "٣", [1]])
def test_what_is_no_instant_is_refused(value: object) -> None:
    with pytest.raises(ItemRefused):
        PayloadReader({"at": value}).at_seconds("at")


def test_iso_times_keep_their_zone_and_need_one() -> None:
    assert PayloadReader({"at": "2019-11-05T16:33:54.9070259Z"}).at_iso("at") == datetime(
        2019, 11, 5, 16, 33, 54, 907_025, tzinfo=UTC
    )
    assert PayloadReader({"at": "2019-11-05T16:33:54-01:00"}).at_iso("at") == datetime(
        2019, 11, 5, 17, 33, 54, tzinfo=UTC
    )
    for unzoned in ("2019-11-05T16:33:54", "2019-11-05", "now", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(ItemRefused):
            PayloadReader({"at": unzoned}).at_iso("at")


def test_an_address_is_taken_bare_named_or_hashed() -> None:
    assert address_of(" ann@example.com ", "to") == "ann@example.com"
    assert address_of('"Ann, B" <ann@example.com>', "to") == "ann@example.com"
    assert address_of("hash:" + "ab" * 32, "to") == "hash:" + "ab" * 32
    for wrong in ("ann", "hash:ab", "a@b@c", "a b@c", "a@b,c@d", "x" * 400 + "@example.com", 7, None):
        with pytest.raises(ItemRefused):
            address_of(wrong, "to")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://shop.example/sale?email=ann@example.com#x", "https://shop.example/sale"),
        ("http://u:p@shop.example:8080/a", "http://shop.example:8080/a"),
        ("https://shop.example/unsubscribe/ann@example.com", "https://shop.example"),
        ("https://shop.example/u/ann%40example.com", "https://shop.example"),
        ("https://[::1]/a", "https://[::1]/a"),
        ("https://[::1", None),
        ("https://shop.example:99999/", None),
        ("mailto:ann@example.com", None),
        ("javascript:alert(1)", None),
        ("", None),
        (7, None),
    ],
)
def test_a_link_loses_its_query_and_all_that_names_a_person(link: object, expected: str | None) -> None:
    assert link_of(link) == expected


def test_tags_are_short_texts_without_addresses() -> None:
    tags = PayloadReader({"tags": ["welcome", 7, "ann@example.com", "x" * 300, None, {}]}).tags("tags")

    assert tags == ["welcome", "7"]
    assert PayloadReader({"tags": "one"}).tags("tags") == ["one"]
    assert PayloadReader({}).tags("tags") == []
