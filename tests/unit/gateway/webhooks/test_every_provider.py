"""What holds for every provider: foreign JSON never breaks it, and a redacted item says the same."""

import contextlib
import copy
import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.provider import (
    Confirmation,
    Credentials,
    Ignored,
    Incoming,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Provider,
    Refused,
    SignedRequest,
    WebhookRefused,
)
from gateway.webhooks.providers import PROVIDERS
from shared.errors import ForetellError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
}
EVERY = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
SAMPLED = pytest.mark.parametrize("name", SAMPLES)
ADDRESS = re.compile(r"[\w.]+@[\w.]+")
HASHED = "hash:" + "5e" * 32

MORE_HEADERS = (
    *("klaviyo-signature", "klaviyo-timestamp", "klaviyo-webhook-id", "x-cio-signature", "x-cio-timestamp"),
    *("x-hubspot-signature-v3", "x-hubspot-request-timestamp", "x-signature"),
    *(f"{prefix}-{name}" for prefix in ("svix", "webhook") for name in ("id", "timestamp", "signature")),
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def say(provider: Provider, item: Any) -> list[Incoming]:
    with contextlib.suppress(ItemRefused):
        return list(provider.translate(item, received_at=NOON))
    return []


def places(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(item, dict):
        for key, value in item.items():
            yield from places(value, (*path, key))
    elif isinstance(item, list):
        for index, value in enumerate(item):
            yield from places(value, (*path, index))


def changed(item: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = copy.deepcopy(item)
    inner = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copied


def replaced(value: Any, swap: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: replaced(one, swap) for key, one in value.items()}
    if isinstance(value, list):
        return [replaced(one, swap) for one in value]
    return swap(value) if isinstance(value, str) else value


@EVERY
@given(item=ANYTHING)
def test_any_json_is_translated_or_refused(provider: Provider, item: Any) -> None:
    assert isinstance(say(provider, item), list)


@SAMPLED
@given(data=st.data())
def test_a_sample_with_any_one_field_wrong_is_translated_or_refused(name: str, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(list(SAMPLES[name].values())))
    path = data.draw(st.sampled_from(list(places(item))))

    assert isinstance(say(PROVIDERS[name], changed(item, path, data.draw(ANYTHING))), list)


@EVERY
@given(body=st.binary(max_size=60), header=st.text(max_size=20))
def test_any_body_is_refused_and_nothing_else_happens(provider: Provider, body: bytes, header: str) -> None:
    headers = dict.fromkeys(("authorization", "x-foretell-secret", "x-mandrill-signature", *MORE_HEADERS), header)
    request = SignedRequest(body, headers, "https://foretell.example/", "POST", NOON)

    with pytest.raises(WebhookRefused):
        provider.verify(request, Credentials(["a secret that nobody sends"]))
    with contextlib.suppress(ForetellError):
        provider.items(request)


@EVERY
@pytest.mark.parametrize("secrets", [[], [""], [" \n"]])
def test_without_a_secret_nobody_is_believed(provider: Provider, secrets: list[str]) -> None:
    request = SignedRequest(b"{}", {"authorization": "Bearer "}, "https://foretell.example/", "POST", NOON)

    with pytest.raises(WebhookRefused):
        provider.verify(request, Credentials(secrets))


@SAMPLED
def test_every_sample_is_understood(name: str) -> None:
    for item in SAMPLES[name].values():
        assert PROVIDERS[name].translate(item, received_at=NOON)


@SAMPLED
def test_a_redacted_item_says_the_same_of_the_hash(name: str) -> None:
    for item in SAMPLES[name].values():
        said = PROVIDERS[name].translate(item, received_at=NOON)
        addresses = {one.recipient.email for one in said if not isinstance(one, (Confirmation, Ignored, Refused))}

        redacted = replaced(item, lambda text, known=addresses: ADDRESS.sub(  # type: ignore[misc]
            lambda found: HASHED if found.group() in known else found.group(), text
        ))  # fmt: skip

        assert [hashed(one, name) for one in said] == [
            hashed(one, name) for one in PROVIDERS[name].translate(redacted, received_at=NOON)
        ]


def hashed(one: Incoming, name: str) -> Incoming:
    if isinstance(one, (Confirmation, Ignored, Refused)) or one.recipient.email is None:
        return one
    recipient = dataclasses.replace(one.recipient, email=HASHED)
    # These name no event of a single recipient, so the receipt is made of the address among others.
    return dataclasses.replace(one, recipient=recipient, receipt="" if name in {"brevo", "postmark"} else one.receipt)


@SAMPLED
def test_a_translation_holds_no_address_beside_the_recipient_and_the_message(name: str) -> None:
    for item in SAMPLES[name].values():
        for one in PROVIDERS[name].translate(item, received_at=NOON):
            if not isinstance(one, (Confirmation, Ignored, Refused)):
                told: Mapping[str, Any] = dataclasses.asdict(one)
                beside = {"recipient", "former", "message_id"}
                assert "@" not in json.dumps({key: told[key] for key in told.keys() - beside}, default=str)
                assert len(one.receipt) <= 200


@SAMPLED
def test_happenings_of_a_provider_have_receipts_of_their_own(name: str) -> None:
    receipts = [
        one.receipt
        for item in SAMPLES[name].values()
        for one in PROVIDERS[name].translate(item, received_at=NOON)
        if isinstance(one, (IncomingEvent, IncomingMerge))
    ]

    assert len(receipts) == len(set(receipts))


OWN_FIELDS = {
    "sendgrid": ("delivered", ()),
    "mailgun": ("accepted", ("event-data", "user-variables")),
    "postmark": ("delivery", ("Metadata",)),
    "mandrill": ("send", ("msg", "metadata")),
    "ses": ("send", ("Message", "mail", "tags")),
    "resend": ("clicked", ("message", "data", "tags")),
    "brevo": ("request", ("X-Mailin-custom",)),
}
"""A sample of each provider that takes fields of one's own along, and where they stand."""


@pytest.mark.parametrize("name", OWN_FIELDS)
def test_a_decision_that_was_sent_along_is_the_event_s_message(name: str) -> None:
    sample, path = OWN_FIELDS[name]
    item = copy.deepcopy(SAMPLES[name][sample])
    (before,) = say(PROVIDERS[name], item)
    if name == "brevo":
        item["X-Mailin-custom"] = json.dumps({"decision_id": "d-019e"})
    else:
        inner = item
        for step in path:
            inner = inner[step]
        inner["decision_id"] = ["d-019e"] if name == "ses" else "d-019e"

    (event,) = say(PROVIDERS[name], item)

    assert isinstance(before, IncomingEvent)
    assert isinstance(event, IncomingEvent)
    assert before.message_id not in (None, "d-019e")
    assert event.message_id == "d-019e"
    assert event.receipt == before.receipt or name == "brevo"
