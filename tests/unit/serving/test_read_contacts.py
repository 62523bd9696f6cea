"""The fast way to read a call's contacts finds what the exact one finds, whatever is sent."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.scoring.schemas import ScoreRequest
from shared.contracts.contact import InlineContact
from shared.contracts.prediction import Prediction
from shared.contracts.validation import read_json
from shared.serving import request_contacts
from shared.serving.request_contacts import RequestContact, slots

ODD_TEXT = st.sampled_from(
    ["", "\x00", "\x7f", "\u00a0", "a\nb", "\ud800", "x" * 128, "x" * 129, "y" * 200, "y" * 201, "🙂"]
)
TEXT = ODD_TEXT | st.text(max_size=30)
NUMBERS = st.sampled_from([2**53 - 1, 2**53, -(2**53), 2**64, -(2**63) - 1, 1e15, 1e17, 1e300, 0.1, -0.0, 10**400])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.integers(), st.floats(), TEXT, st.just("z" * 2_001))
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
CONTACTS = st.one_of(
    st.fixed_dictionaries({"id": TEXT}),
    st.fixed_dictionaries({"id": TEXT | JSON}, optional={"attributes": st.dictionaries(TEXT, SCALARS, max_size=5)}),
    st.fixed_dictionaries({"id": TEXT, "attributes": JSON}, optional={"timezone": st.just("Europe/Paris"), "x": JSON}),
    JSON,
)


def told(slot: Any) -> Any:
    if isinstance(slot, Prediction):
        return slot.status, slot.contact_id, list(slot.errors)
    return slot.id, repr(slot.attributes), slot.timezone, slot.consent, list(slot.events)


NAMES = st.lists(TEXT, max_size=3, unique=True)
ALIKE = NAMES.flatmap(
    lambda names: st.lists(
        st.fixed_dictionaries({"id": TEXT, "attributes": st.fixed_dictionaries(dict.fromkeys(names, SCALARS))}),
        min_size=2,
        max_size=4,
    )
)
"""Contacts with the same attributes in the same order: they are checked column by column."""


@settings(deadline=None)
@given(contacts=st.lists(CONTACTS, max_size=4) | ALIKE)
@example(contacts=[{"id": "a", "attributes": {"size": 1.0}}, {"id": "b", "attributes": {"size": float("nan")}}])
@example(contacts=[{"id": "a", "attributes": {"size": 1.0}}, {"id": "b", "attributes": {"size": 2**53 + 2}}])
@example(contacts=[{"id": "a", "attributes": {"size": None}}, {"id": "b", "attributes": {"size": "a\nb"}}])
@example(contacts=[{"id": "a", "attributes": {"size": True}}, {"id": "", "attributes": {"size": None}}])
def test_a_contact_checked_fast_is_what_the_published_type_makes_of_it(contacts: list[Any]) -> None:
    for raw, slot in zip(contacts, slots(contacts), strict=True):
        try:
            read = InlineContact.model_validate(raw)
        except ValidationError:
            assert not isinstance(slot, RequestContact)
        else:
            assert isinstance(slot, RequestContact)
            assert told(slot) == (read.id, repr(read.attributes), read.timezone, read.consent, list(read.events))


def test_contacts_with_the_same_attributes_are_checked_without_a_look_at_each() -> None:
    contacts = [
        {"id": f"c-{row}", "attributes": {"size": size, "plan": "pro"}} for row, size in enumerate([1, None, 2.5])
    ]

    found = request_contacts._alike(contacts)

    assert found is not None
    assert [*found] == [RequestContact(raw["id"], raw["attributes"]) for raw in contacts]
    assert found.attributes == {"size": (1, None, 2.5), "plan": ("pro", "pro", "pro")}


def read_twice(body: bytes) -> tuple[Any, Any]:
    """Read a body as the service does, and by the exact reader alone; what is raised counts as read."""

    def read(parsed: Any) -> Any:
        return [told(slot) for slot in slots(parsed["contacts"], lambda: read_json(body)["contacts"])]

    exact = read(read_json(body))
    return read(request_contacts._envelope(body, ScoreRequest).model_dump()), exact


@settings(deadline=None)
@given(contacts=st.lists(CONTACTS, max_size=4), indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_a_body_read_fast_is_what_the_exact_reader_makes_of_it(
    contacts: list[Any], indent: int | None, ascii_only: bool
) -> None:
    written = json.dumps({"contacts": contacts, "outcome": "customer"}, indent=indent, ensure_ascii=ascii_only)
    fast, exact = read_twice(written.encode(errors="surrogatepass"))

    assert fast == exact


@pytest.mark.parametrize(
    "contact",
    [
        b'{"id": "a", "id": "b"}',
        b'{"id": "a", "attributes": {"n": 1, "n": 2}}',
        b'{"id": "a", "attributes": {"n" : 1, "n": 2}}',
        b'{"id": "a", "attributes": {"n"\n: 1, "n"\t: 2, "o"  : 3}}',
        b'{"id": "a", "attributes": {"n": "\\":", "n": 2}}',
        b'{"id": "a", "attributes": {"n\\"": 1, "m": "\\":"}}',
        b'{"id": "a", "attributes": {"n": 12345678901234567890123}}',
        b'{"id": "a", "attributes": {"n": 1e999}}',
        b'{"id": "a", "attributes": {"n": "\xff"}}',
        b'{"id": "a", "attributes": {"n": "\\ud83d"}}',
        b'{"id": "a", "events": [{"type": "x", "occurred_at": "2026-05-03T10:15:00Z", "item": "b", "item": "c"}]}',
        b'{"id": "a", "attributes": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_what_the_fast_reader_would_let_pass_is_read_exactly(contact: bytes) -> None:
    fast, exact = read_twice(b'{"contacts": [%s, {"id": "c"}]}' % contact)

    assert fast == exact
    assert fast[1][0] == "c"
