"""Mandrill: signatures made by openssl and plain hmac (no vector is published), samples, and what is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    IncomingEvent,
    ItemRefused,
    Recipient,
    Signals,
    SignedRequest,
)
from gateway.webhooks.providers.mandrill import Mandrill
from shared.errors import BadRequest

KEY = "mandrill-webhook-key"
OTHER = "key-of-another-account"
URL = "https://foretell.example/webhooks/mandrill/s-1?a=b"
EVENTS = '[{"event":"open","_id":"é","ts":1384954004,"msg":{"email":"a+b@example.com"}}]'
AT = datetime(2013, 11, 20, 13, 26, 44, tzinfo=UTC)
POSTBOX = "Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6) Postbox/1.1.5"

Signed = Callable[..., SignedRequest]


def signature_of(text: str, key: str = KEY) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()


@pytest.fixture
def signed(arrived: Any) -> Signed:
    """Make a request that is signed with the key, and changed afterwards as a test wants it."""

    def make(*, body: bytes | None = None, signature: str | None = None, url: str = URL) -> SignedRequest:
        body = urlencode({"mandrill_events": EVENTS}).encode() if body is None else body
        signature = signature_of(f"{URL}mandrill_events{EVENTS}") if signature is None else signature
        request: SignedRequest = arrived(body, {"x-mandrill-signature": signature} if signature else {}, url=url)
        return request

    return make


def test_a_signature_of_the_key_is_believed(signed: Signed) -> None:
    Mandrill().verify(signed(), Credentials([KEY]))


def test_the_signature_is_the_one_that_openssl_makes(signed: Signed) -> None:
    # printf '%s' "${URL}mandrill_events[]" | openssl dgst -sha1 -hmac mandrill-webhook-key -binary | base64
    Mandrill().verify(
        signed(body=b"mandrill_events=%5B%5D", signature="OO8fweelpTPizcDzZljNY8DTaFo="), Credentials([KEY])
    )


def test_more_fields_are_signed_in_the_order_of_their_names(signed: Signed) -> None:
    request = signed(
        body=b"z=1&mandrill_events=%5B%5D&a=+x%2B", signature=signature_of(URL + "a x+mandrill_events[]z1")
    )

    Mandrill().verify(request, Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[KEY, OTHER], [OTHER, KEY], [f"{KEY}\n"]])
def test_while_keys_are_exchanged_either_is_enough(signed: Signed, secrets: list[str]) -> None:
    Mandrill().verify(signed(), Credentials(secrets))


@pytest.mark.parametrize(
    "url",
    [
        "http://foretell.example/webhooks/mandrill/s-1?a=b",
        "https://foretell.example/webhooks/mandrill/s-1",
        "https://foretell.example/webhooks/mandrill/s-2?a=b",
        "http://127.0.0.1:8000/webhooks/mandrill/s-1?a=b",
    ],
)
def test_a_request_to_another_address_is_refused(signed: Signed, refused: Any, url: str) -> None:
    refused(Mandrill(), signed(url=url), Credentials([KEY]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"mandrill_events=%5B%5D",
        urlencode({"mandrill_events": EVENTS}).encode()[:-1],
        urlencode({"mandrill_events": EVENTS.replace("open", "send")}).encode(),
        urlencode({"mandrill_events": EVENTS, "more": ""}).encode(),
        urlencode([("mandrill_events", EVENTS), ("mandrill_events", EVENTS)]).encode(),
        "mandrill_events=é".encode(),
        b"mandrill_events=%ff",
        b"&".join(b"f%d=1" % number for number in range(50)),
        EVENTS.encode(),
    ],
    ids=range(10),
)
def test_another_body_is_refused(signed: Signed, refused: Any, body: bytes) -> None:
    refused(Mandrill(), signed(body=body), Credentials([KEY]))


@pytest.mark.parametrize(
    "wrong", ["", "A" * 28, "ä" * 28, signature_of(URL), signature_of(URL) + "," + signature_of(URL)]
)
def test_another_signature_is_refused(signed: Signed, refused: Any, wrong: str) -> None:
    refused(Mandrill(), signed(signature=wrong), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[], [""], [OTHER], [KEY.upper()]])
def test_without_the_key_nobody_is_believed(signed: Signed, refused: Any, secrets: list[str]) -> None:
    refused(Mandrill(), signed(), Credentials(secrets))


def test_the_events_are_taken_out_of_their_field(signed: Signed) -> None:
    assert Mandrill().items(signed()) == json.loads(EVENTS)


@pytest.mark.parametrize("body", [b"a=1", b"mandrill_events=%7B%7D", b"mandrill_events=%5B", b"\xff"])
def test_a_form_without_events_is_refused(signed: Signed, body: bytes) -> None:
    with pytest.raises(BadRequest):
        Mandrill().items(signed(body=body))


EXAMPLE: Any = {"campaign_id": "webhook-example", "properties": {"tags": ["webhook-example"]}}


@pytest.mark.parametrize(
    ("name", "type_", "number", "told"),
    [
        (
            "send",
            "email_sent",
            "",
            {
                "recipient": Recipient(contact_id="42", email="example.webhook@mandrillapp.com"),
                "campaign_id": "spring",
                "properties": {"tags": ["webhook-example"]},
            },
        ),
        ("deferral", "email_deferred", "1", {}),
        (
            "hard_bounce",
            "email_bounced",
            "2",
            {
                "campaign_id": "webhook-example",
                "properties": {"bounce": "hard", "reason": "bad_mailbox", "tags": ["webhook-example"]},
            },
        ),
        (
            "soft_bounce",
            "email_bounced",
            "3",
            {
                "campaign_id": "webhook-example",
                "properties": {"bounce": "soft", "reason": "mailbox_full", "tags": ["webhook-example"]},
            },
        ),
        ("open", "email_opened", "4", {**EXAMPLE, "signals": Signals(user_agent=POSTBOX, ip="127.0.0.1")}),
        (
            "click",
            "email_clicked",
            "5",
            {
                **EXAMPLE,
                "item": "http://mandrill.com/pricing",
                "signals": Signals(machine="user_agent_parsed", user_agent="Scanner/1.0", ip="127.0.0.1"),
            },
        ),
        ("spam", "email_complained", "6", {}),
        ("unsub", "email_unsubscribed", "7", {}),
        ("reject", "email_dropped", "8", {}),
    ],
)
def test_each_kind_of_event(translated: Any, name: str, type_: str, number: str, told: dict[str, Any]) -> None:
    (event,) = translated(Mandrill(), name)

    always = {
        "receipt": event.receipt,
        "recipient": Recipient(email="example.webhook@mandrillapp.com"),
        "message_id": "exampleaaaaaaaaaaaaaaaaaaaaaaaaa" + number,
    }
    assert event == IncomingEvent(type=type_, occurred_at=AT, **{**always, **told})


@pytest.mark.parametrize("name", ["blacklist", "inbound"])
def test_what_is_no_fate_of_a_message_is_ignored(translated: Any, name: str) -> None:
    (said,) = translated(Mandrill(), name)

    assert isinstance(said, Ignored)


def test_the_same_event_has_the_same_receipt_and_another_has_not(translated: Any) -> None:
    (first,) = translated(Mandrill(), "click")
    (again,) = translated(Mandrill(), "click", ip="192.0.2.1", user_agent="other")
    others = [
        translated(Mandrill(), "click", url="http://mandrill.com/pricing?u=2")[0],
        translated(Mandrill(), "click", ts=1384954005)[0],
        translated(Mandrill(), "click", _id="other")[0],
        translated(Mandrill(), "click", event="open")[0],
    ]

    assert again.receipt == first.receipt
    assert first.receipt not in {one.receipt for one in others}


@pytest.mark.parametrize("change", [{"event": "invented"}, {"event": None}, {"_id": ""}, {"msg": {}}, {"ts": "soon"}])
def test_an_event_that_says_too_little_is_refused(translated: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(Mandrill(), "open", **change)
