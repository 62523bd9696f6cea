from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.rows import AttributeRow, microseconds
from shared.ingest import contact_row, email_hash, event_identity, event_row

KEY = b"k" * 32
NOON = {"contact_id": "c-1", "type": "order_placed", "occurred_at": "1970-01-01T00:00:01.000002Z"}


def test_an_instant_is_the_same_in_every_zone() -> None:
    utc = datetime(2026, 6, 1, 12, tzinfo=UTC)

    assert microseconds(utc) == microseconds(utc.astimezone(timezone(timedelta(hours=-7)))) == 1_780_315_200_000_000


@given(st.integers(-(10**15), 10**16))
def test_microseconds_are_exact(at: int) -> None:
    assert microseconds(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)) == at


def test_an_event_becomes_a_row() -> None:
    event = EventInput.model_validate(
        {**NOON, "id": "e-1", "value": 2, "properties": {"b": 1, "a": "é"}, "human": False}
    )

    row = event_row(event, recorded_at=9)

    assert row == ("c-1", "e-1", "order_placed", 1_000_002, 9, 2.0, None, None, None, None, '{"a":"\\u00e9","b":1}', 0)


def test_an_event_without_an_id_is_the_same_event_when_it_says_the_same() -> None:
    one = event_row(EventInput.model_validate({**NOON, "properties": {"a": 1, "b": 2}}), recorded_at=1)
    again = event_row(EventInput.model_validate({**NOON, "properties": {"b": 2, "a": 1}}), recorded_at=2)
    other = event_row(EventInput.model_validate({**NOON, "properties": {"b": 2}}), recorded_at=1)

    assert one.event_id == again.event_id != other.event_id
    assert one.event_id.startswith("~")
    assert len(one.event_id) == 23


def identity(
    contact: str = "a", type_: str = "x", at: int = 1, value: float | None = None, /, **told: str | None
) -> str:
    names = ("currency", "message_id", "campaign_id", "item", "properties")
    return event_identity(contact, type_, at, value, **{name: told.get(name) for name in names})


short = st.none() | st.text("1:;a+-", max_size=2)
facts = st.tuples(
    st.tuples(
        st.text("1:;a~+-", max_size=4),
        st.text("1:;a", max_size=3),
        st.integers(-20, 20),
        st.none() | st.sampled_from([0.0, 1.0, 11.0]),
    ),
    st.fixed_dictionaries(
        {
            "currency": short,
            "message_id": short,
            "campaign_id": short,
            "item": short,
            "properties": st.none() | st.sampled_from(['{"a":1}', "1", ";"]),
        }
    ),
)


@given(facts, facts)
def test_two_facts_never_share_an_identity(one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    assert (identity(*one[0], **one[1]) == identity(*other[0], **other[1])) == (one == other)


@pytest.mark.parametrize("name", ["currency", "message_id", "campaign_id", "item", "properties"])
def test_each_field_distinguishes_facts(name: str) -> None:
    assert len({identity(), identity(**{name: "1"}), identity(**{name: "2"})}) == 3


def test_an_event_that_has_none_of_the_later_fields_keeps_the_id_of_before() -> None:
    assert identity("c-1", "order_placed", 1, 9.99, properties='{"a":1}') == "~-B9hKnGC7e7skTi-1UmiNw"


def test_minus_zero_is_zero() -> None:
    assert identity("a", "x", 1, -0.0) == identity("a", "x", 1, 0.0)


def test_an_address_is_recognised_whatever_its_case_and_only_with_the_key() -> None:
    assert email_hash(" Ada@Example.ORG ", KEY) == email_hash("ada@example.org", KEY)
    assert email_hash("ada@example.org", KEY) != email_hash("ada@example.org", b"other" * 8)
    assert len(email_hash("ada@example.org", KEY)) == 64


def test_a_bare_attribute_holds_from_now_and_a_dated_one_from_its_date() -> None:
    contact = ContactInput.model_validate(
        {
            "id": "c-1",
            "email": "ada@example.org",
            "consent": {"profiling": "denied"},
            "created_at": "1970-01-01T00:00:00.000005Z",
            "attributes": {"plan": "pro", "size": {"value": 3, "valid_from": "1970-01-01T00:00:00.000007Z"}},
        }
    )

    row = contact_row(contact, recorded_at=9, identity_key=KEY)

    assert row.attributes == (AttributeRow("plan", "pro", 9), AttributeRow("size", 3, 7))
    assert (row.created_at, row.consent) == (5, {"profiling": "denied"})
    assert row.email_hash == email_hash("ada@example.org", KEY)
    assert contact_row(contact, recorded_at=9, identity_key=KEY, undated=True).attributes[0].valid_from is None


def test_digits_are_no_time() -> None:
    for text in ("20260601", "1780315200", "1e9", "nan"):
        with pytest.raises(ValidationError, match="ISO 8601"):
            EventInput.model_validate({**NOON, "occurred_at": text})


def test_nan_hidden_in_properties_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be a finite number"):
        EventInput.model_validate({**NOON, "properties": {"a": [float("nan")]}})
