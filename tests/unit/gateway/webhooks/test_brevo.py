"""Brevo: a secret that travels along, its published samples, and what is refused."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.provider import Credentials, Ignored, IncomingEvent, ItemRefused, Recipient, Signals
from gateway.webhooks.providers.brevo import Brevo

SECRET = "brevo-token-K2n8vQ"
AT = datetime(2020, 11, 9, 14, 54, 14, tzinfo=UTC)
MESSAGE = "201798300811.5787683@relay.domain.com"
MACHINE = Signals(machine="proxy_open")


def basic(text: str) -> Mapping[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {SECRET}"}, {"x-foretell-secret": SECRET}, basic(SECRET)]
)
@pytest.mark.parametrize("secrets", [[SECRET], ["another", SECRET], [SECRET, "another"]])
def test_the_secret_is_believed_wherever_it_stands(
    arrived: Any, headers: Mapping[str, str], secrets: list[str]
) -> None:
    Brevo().verify(arrived(b"{}", headers), Credentials(secrets))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"Bearer {SECRET}, Bearer {SECRET}"},
        {"authorization": "Bearer ä"},
        {"authorization": f"Bearer{SECRET}"},
        {"x-foretell-secret": SECRET.lower()},
        basic("another:secret"),
    ],
    ids=range(7),
)
def test_other_credentials_are_refused(arrived: Any, refused: Any, headers: Mapping[str, str]) -> None:
    refused(Brevo(), arrived(b"{}", headers), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [[], [""], ["of another account"]])
def test_without_its_secret_a_source_believes_nobody(arrived: Any, refused: Any, secrets: list[str]) -> None:
    refused(Brevo(), arrived(b"{}", {"authorization": f"Bearer {SECRET}"}), Credentials(secrets))


def test_one_event_and_a_batch_are_taken_apart(arrived: Any, samples: Any) -> None:
    one, other = samples["brevo"]["opened"], samples["brevo"]["click"]

    assert Brevo().items(arrived(json.dumps(one).encode())) == [one]
    assert Brevo().items(arrived(json.dumps([one, other]).encode())) == [one, other]


@pytest.mark.parametrize(
    ("name", "type_", "told"),
    [
        (
            "request",
            "email_sent",
            {
                "recipient": Recipient(contact_id="c-42", email="example@domain.com", external_id="8"),
                "campaign_id": "spring",
                "properties": {"tags": ["transac_messages"]},
            },
        ),
        (
            "delivered",
            "email_delivered",
            {"campaign_id": "transac_messages", "properties": {"tags": ["transac_messages", "welcome"]}},
        ),
        (
            "hard_bounce",
            "email_bounced",
            {"campaign_id": "transactional", "properties": {"bounce": "hard", "tags": ["transactional"]}},
        ),
        ("soft_bounce", "email_bounced", {"properties": {"bounce": "soft"}}),
        ("invalid_email", "email_bounced", {"properties": {"bounce": "invalid"}}),
        ("blocked", "email_dropped", {}),
        ("error", "email_dropped", {"occurred_at": datetime(2020, 11, 9, 14, 53, 43, tzinfo=UTC)}),
        ("deferred", "email_deferred", {}),
        (
            "complaint",
            "email_complained",
            {"campaign_id": "transac_messages", "properties": {"tags": ["transac_messages"]}},
        ),
        ("spam", "email_complained", {}),
        ("opened", "email_opened", {}),
        ("unique_opened", "email_opened", {}),
        (
            "proxy_open",
            "email_opened",
            {
                "campaign_id": "transactionalTag",
                "properties": {"tags": ["transactionalTag"]},
                "signals": MACHINE,
            },
        ),
        ("unique_proxy_open", "email_opened", {"signals": MACHINE}),
        ("click", "email_clicked", {"item": "https://example.com/click/me"}),
        ("unsubscribe", "email_unsubscribed", {"message_id": None, "campaign_id": "14"}),
    ],
)
def test_each_kind_of_event(translated: Any, name: str, type_: str, told: dict[str, Any]) -> None:
    (event,) = translated(Brevo(), name)

    always = {
        "receipt": event.receipt,
        "recipient": Recipient(email="example@domain.com"),
        "occurred_at": AT,
        "message_id": MESSAGE,
    }
    assert event == IncomingEvent(type=type_, **{**always, **told})


def test_a_change_of_lists_is_ignored(translated: Any) -> None:
    (said,) = translated(Brevo(), "list_addition")

    assert isinstance(said, Ignored)


def test_the_same_event_has_the_same_receipt_and_another_has_not(translated: Any) -> None:
    (first,) = translated(Brevo(), "click")
    (again,) = translated(Brevo(), "click", date="other", subject="other", email="Example@Domain.com")
    others = [
        translated(Brevo(), "click", link="https://example.com/click/me?u=2")[0],
        translated(Brevo(), "click", ts_epoch=1604933654001)[0],
        translated(Brevo(), "click", email="second@domain.com")[0],
        translated(Brevo(), "click", **{"message-id": "<other@relay.domain.com>"})[0],
        translated(Brevo(), "opened")[0],
    ]

    assert again.receipt == first.receipt
    assert first.receipt not in {one.receipt for one in others}


def test_times_that_follow_the_zone_of_the_account_are_never_read(translated: Any) -> None:
    with pytest.raises(ItemRefused, match="ts_epoch is missing"):
        translated(Brevo(), "opened", ts_epoch=None, ts=1604937219, date="2020-10-09 00:00:00")


@pytest.mark.parametrize("custom", ["[1, 2]", '"text"', "{", '{"contact_id": ""}', 7, None])
def test_a_custom_header_of_another_use_says_nothing(translated: Any, custom: object) -> None:
    (event,) = translated(Brevo(), "opened", **{"X-Mailin-custom": custom})

    assert event.recipient == Recipient(email="example@domain.com")


@pytest.mark.parametrize("change", [{"event": "invented"}, {"event": None}, {"email": ["a@b.example"]}, {"email": ""}])
def test_an_event_that_says_too_little_is_refused(translated: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(Brevo(), "opened", **change)


@pytest.mark.parametrize("tag", ["[1", "[", " [}"])
def test_a_list_of_tags_that_is_none_says_nothing(translated: Any, tag: str) -> None:
    (event,) = translated(Brevo(), "opened", tag=tag)

    assert event.properties == {}
