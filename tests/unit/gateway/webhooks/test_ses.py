"""Amazon SES: its published event records become events, one for each recipient."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.provider import Confirmation, Ignored, IncomingEvent, ItemRefused, Recipient, Signals
from gateway.webhooks.providers.ses import AmazonSes
from shared.errors import BadRequest

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MESSAGE = "EXAMPLE7c191be45-000000"


@pytest.mark.parametrize(
    ("name", "receipt", "type_", "at", "told"),
    [
        (
            "complaint",
            "m-2:0",
            "email_complained",
            datetime(2017, 8, 5, 0, 41, 2, 669_000, tzinfo=UTC),
            {"properties": {"complaint": "abuse"}},
        ),
        ("delivery", "m-3:0", "email_delivered", datetime(2016, 10, 19, 23, 21, 4, 133_000, tzinfo=UTC), {}),
        (
            "send",
            "m-4:0",
            "email_sent",
            datetime(2016, 10, 14, 5, 2, 16, 645_000, tzinfo=UTC),
            {"recipient": Recipient(contact_id="c-42", email="recipient@example.com"), "campaign_id": "spring"},
        ),
        ("reject", "m-5:0", "email_dropped", datetime(2016, 10, 14, 17, 38, 15, 211_000, tzinfo=UTC), {}),
        (
            "open",
            "m-6:0",
            "email_opened",
            datetime(2017, 8, 9, 22, 0, 19, 652_000, tzinfo=UTC),
            {"signals": Signals(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 10_3_3 like Mac OS X)", ip="192.0.2.1")},
        ),
        (
            "click",
            "m-7:0",
            "email_clicked",
            datetime(2017, 8, 9, 23, 51, 25, 570_000, tzinfo=UTC),
            {
                "item": "http://docs.aws.amazon.com/ses/latest/DeveloperGuide/send-email-smtp.html",
                "signals": Signals(user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64)", ip="192.0.2.1"),
            },
        ),
        ("rendering", "m-8:0", "email_dropped", datetime(2018, 1, 22, 18, 43, 6, 197_000, tzinfo=UTC), {}),
        (
            "delay",
            "m-9:0",
            "email_deferred",
            datetime(2020, 6, 16, 0, 25, 40, 95_000, tzinfo=UTC),
            {"properties": {"delay": "TransientCommunicationFailure"}},
        ),
        (
            "unsubscribe",
            "m-10:0",
            "email_unsubscribed",
            datetime(2022, 1, 12, 1, 0, 17, 910_000, tzinfo=UTC),
            {"message_id": "EXAMPLEe4bccb684-000000"},
        ),
    ],
)
def test_each_kind_of_event(
    translated: Any, name: str, receipt: str, type_: str, at: datetime, told: dict[str, Any]
) -> None:
    always = {"recipient": Recipient(email="recipient@example.com"), "message_id": MESSAGE}

    assert translated(AmazonSes(), name) == [
        IncomingEvent(receipt=receipt, type=type_, occurred_at=at, **{**always, **told})
    ]


def test_a_bounce_of_two_recipients_is_two_events(translated: Any) -> None:
    always: Any = {
        "type": "email_bounced",
        "occurred_at": datetime(2017, 8, 5, 0, 41, 2, 669_000, tzinfo=UTC),
        "message_id": MESSAGE,
        "campaign_id": "spring",
        "properties": {"bounce": "Permanent", "bounce_detail": "General"},
    }

    assert translated(AmazonSes(), "bounce") == [
        IncomingEvent("19ba9823-d7f2-53c1-860e-cb10e0d13dfc:0", Recipient(email="recipient@example.com"), **always),
        IncomingEvent("19ba9823-d7f2-53c1-860e-cb10e0d13dfc:1", Recipient(email="second@example.com"), **always),
    ]


@pytest.mark.parametrize("name", ["open", "click", "unsubscribe"])
def test_what_one_of_several_recipients_did_is_refused(samples: Any, name: str) -> None:
    item = json.loads(json.dumps(samples["ses"][name]))
    item["Message"]["mail"]["destination"].append("second@example.com")

    with pytest.raises(ItemRefused, match="does not say which one"):
        AmazonSes().translate(item, received_at=NOON)


def test_without_a_time_of_its_own_an_event_happened_when_it_was_sent(samples: Any) -> None:
    item = json.loads(json.dumps(samples["ses"]["delivery"]))
    del item["Message"]["delivery"]["timestamp"]

    (event,) = AmazonSes().translate(item, received_at=NOON)

    assert isinstance(event, IncomingEvent)
    assert event.occurred_at == datetime(2016, 10, 19, 23, 21, 5, tzinfo=UTC)


def test_a_subscription_asks_to_be_visited(translated: Any) -> None:
    assert translated(AmazonSes(), "confirmation") == [
        Confirmation(
            receipt="165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            url="https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"
            "&TopicArn=arn:aws:sns:us-west-2:123456789012:MyTopic&Token=2336412f37",
        )
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-west-2.amazonaws.com.evil.example/",
        "https://sns.us-west-2.amazonaws.com@evil.example/",
        "https://169.254.169.254/latest/meta-data",
        "https://sns.us-west-2.amazonaws.com\\@evil.example/",
        "file:///etc/passwd",
        "",
        None,
        7,
    ],
)
def test_no_other_address_is_ever_visited(translated: Any, url: object) -> None:
    with pytest.raises(ItemRefused, match="SubscribeURL"):
        translated(AmazonSes(), "confirmation", SubscribeURL=url)


@pytest.mark.parametrize("name", ["topics", "unsubscribe_confirmation", "tried", "succeeded"])
def test_what_says_nothing_of_a_contact_is_ignored(translated: Any, name: str) -> None:
    (said,) = translated(AmazonSes(), name)

    assert isinstance(said, Ignored)


def test_an_item_is_the_message_without_what_proved_it(arrived: Any) -> None:
    envelope = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn",
        "Message": '{"eventType": "Send"}\n',
        "Timestamp": "2026-06-01T12:00:00Z",
        "Signature": "c2ln",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        "Token": "2336412f37",
    }

    assert AmazonSes().items(arrived(json.dumps(envelope).encode())) == [
        {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": "arn",
            "Timestamp": "2026-06-01T12:00:00Z",
            "Message": {"eventType": "Send"},
        }
    ]


@pytest.mark.parametrize("message", ["not JSON", '{"eventType": 7}', "[]", '{"notificationType": "Received"}', "null"])
def test_a_message_that_is_no_event_is_refused(arrived: Any, message: str) -> None:
    body = json.dumps({"Type": "Notification", "MessageId": "m-1", "Message": message}).encode()
    (item,) = AmazonSes().items(arrived(body))

    with pytest.raises(ItemRefused):
        AmazonSes().translate(item, received_at=NOON)


@pytest.mark.parametrize("item", [{"Type": "Invented"}, {"Type": None}, {"Type": "Notification", "Message": 7}])
def test_an_envelope_of_another_kind_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        AmazonSes().translate(item, received_at=NOON)


@pytest.mark.parametrize("kind", ["delivery", "send"])
def test_an_event_without_a_recipient_is_refused(samples: Any, kind: str) -> None:
    item = json.loads(json.dumps(samples["ses"][kind]))
    item["Message"]["mail"]["destination"] = []
    item["Message"].get("delivery", {})["recipients"] = []

    with pytest.raises(ItemRefused, match="No recipient"):
        AmazonSes().translate(item, received_at=NOON)


def test_a_body_that_is_no_object_holds_no_item(arrived: Any) -> None:
    with pytest.raises(BadRequest):
        AmazonSes().items(arrived(b"[]"))


def test_a_message_that_is_no_text_is_kept_for_the_dead_letter(arrived: Any) -> None:
    assert AmazonSes().items(arrived(b'{"Type": "Notification", "Message": 7}')) == [
        {"Type": "Notification", "Message": 7}
    ]
