"""Nothing that names a person or a device survives redaction; what is needed to try again does."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.redaction import hashes_in, redacted, redacted_json


def hashed(address: str) -> str:
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


ANN = f"hash:{hashed('ann@example.com')}"


def test_an_address_becomes_its_hash_wherever_it_stands() -> None:
    item = {"email": "Ann@Example.com", "ann@example.com": 1, "to": ["ann@example.com"], "note2": "to ann@example.com"}

    assert redacted(item, hashed) == {"email": ANN, ANN: 1, "to": [ANN], "note2": f"to {ANN}"}


@pytest.mark.parametrize("written", ["Ann Example <ann@example.com>", "ann%40example.com", " ann@example.com "])
def test_an_address_is_recognised_as_it_is_written(written: str) -> None:
    assert redacted({"email": written}, hashed)["email"].strip() == ANN


def test_what_identifies_a_person_or_a_device_is_left_out() -> None:
    item = {
        "firstName": "Ann", "last_name": "Example", "phone": "123", "ip": "10.0.0.1", "User-Agent": "x",
        "subject": "Hello", "client-info": {"os": "x"}, "propertyName": "firstname", "propertyValue": "Ann",
        "email": "Ann Example", "agent": "Mozilla/5.0 (X11)", "list": ["10.0.0.1"], "at": "call +49 170 1234567",
        "prose": "this is a text that somebody wrote to say something", "header": {"name": "Subject", "value": "Hi"},
    }  # fmt: skip

    assert redacted(item, hashed) == {"propertyName": "firstname", "list": [""], "at": "call "}


@pytest.mark.parametrize(
    "field",
    ["givenName", "family_name", "displayName", "address1", "street_address", "taxId", "login", "whatsapp", "linkedin",
     "hs_full_name_or_email"],
)  # fmt: skip
def test_what_is_no_attribute_since_it_is_personal_is_not_in_a_letter_either(field: str) -> None:
    item = {"traits": {field: "Ann"}, "propertyName": field, "propertyValue": "Ann", "plan": "pro"}

    assert redacted(item, hashed) == {"traits": {}, "propertyName": field, "plan": "pro"}


@pytest.mark.parametrize("text", ["%40ann@example.com", "a;ann@example.com", "@ann@example.com"])
def test_no_address_hides_behind_a_sign(text: str) -> None:
    assert "example" not in redacted({"to": text}, hashed)["to"]


def test_what_is_needed_to_try_again_stays() -> None:
    item = {"event": "click", "timestamp": 1_780_387_200, "sg_event_id": "c2VuZGdyaWQx", "ok": True, "x": None,
            "ts": "2026-06-02T07:12:44+00:00", "rfc": "Tue, 14 Apr 2026 03:50:12 GMT", "value": 49.9}  # fmt: skip

    assert redacted(item, hashed) == item


def test_a_link_loses_its_query() -> None:
    assert redacted({"url": "https://shop.example/sale?who=ann@example.com#x"}, hashed) == {
        "url": "https://shop.example/sale"
    }


def test_json_within_a_text_is_redacted_too() -> None:
    item = {"Message": json.dumps({"mail": {"destination": ["ann@example.com"]}})}

    assert json.loads(redacted(item, hashed)["Message"]) == {"mail": {"destination": [ANN]}}


def test_what_cannot_be_written_as_json_is_none() -> None:
    assert redacted_json({"a": float("nan"), "b": 10**40}, hashed) == '{"a":null,"b":null}'


def test_a_payload_has_bounds() -> None:
    deep: Any = "x"
    for _ in range(1_000):
        deep = [deep]

    assert len(redacted_json(deep, hashed)) < 100
    assert redacted_json(["x" * 900] * 1_000, hashed) == "null"


def test_the_hashes_of_a_payload_are_found() -> None:
    assert list(hashes_in(redacted_json({"to": ["ann@example.com"]}, hashed))) == [hashed("ann@example.com")]


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [str(value)]


ADDRESSES = st.emails()
AROUND = st.text(max_size=20)


@st.composite
def items_about(draw: st.DrawFn) -> tuple[str, Any]:
    address = draw(ADDRESSES)
    text = st.one_of(
        st.just(address),
        st.builds("{}{}{}".format, AROUND, st.just(address), AROUND),
        st.just(json.dumps({"to": address})),
        AROUND,
    )
    leaves = st.one_of(text, st.integers(), st.floats(), st.booleans(), st.none())
    item = st.recursive(leaves, lambda inner: st.one_of(st.lists(inner), st.dictionaries(text, inner)), max_leaves=12)
    return address, draw(item)


@given(items_about())
def test_no_address_survives_anywhere(about: tuple[str, Any]) -> None:
    address, item = about

    kept = redacted(item, hashed)

    assert [text for text in texts(kept) if address.lower() in text.lower()] == []
    json.dumps(kept, allow_nan=False)
