"""HubSpot: the signature vector of its own libraries, its documented payloads, and what is refused."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Recipient,
    SignedRequest,
)
from gateway.webhooks.providers.hubspot import HubSpot

# The vector of HubSpot's own libraries (hubspot-api-python, tests/spec/utils/test_signature.py; the same in Ruby).
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
BODY = b"{'example_field':'example_value'}"
URL = "https://www.example.com/webhook_uri"
TIMESTAMP = "15000000"
SIGNATURE = "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw="
THEN = datetime(1970, 1, 1, 4, 10, tzinfo=UTC)
AT = datetime(2024, 5, 6, 12, 53, 20, tzinfo=UTC)
PERSON = Recipient(external_id="7654321")

SignedFor = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> SignedFor:
    """Make the vector's request, with what a test wants changed."""

    def make(
        body: bytes = BODY,
        *,
        at: datetime = THEN,
        signature: str = SIGNATURE,
        timestamp: str = TIMESTAMP,
        url: str = URL,
    ) -> SignedRequest:
        headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": timestamp}
        request: SignedRequest = arrived(body, {name: one for name, one in headers.items() if one}, at=at, url=url)
        return request

    return make


def signature_of(url: str, body: bytes = b"[]") -> str:
    """Sign as HubSpot documents it, independently of the code under test."""
    told = b"POST" + url.encode() + body + TIMESTAMP.encode()
    return base64.b64encode(hmac.digest(SECRET.encode(), told, hashlib.sha256)).decode()


def test_the_published_vector_is_believed(signed: SignedFor) -> None:
    HubSpot().verify(signed(), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [["another", SECRET], [SECRET, "another"]])
def test_while_secrets_are_exchanged_either_is_enough(signed: SignedFor, secrets: list[str]) -> None:
    HubSpot().verify(signed(), Credentials(secrets))


def test_an_address_is_decoded_as_hubspot_decodes_it(signed: SignedFor) -> None:
    called = "https://www.example.com/hook%3aone?to=%40all&gap=%20"
    signature = signature_of("https://www.example.com/hook:one?to=@all&gap=%20")

    HubSpot().verify(signed(b"[]", url=called, signature=signature), Credentials([SECRET]))


def test_an_address_is_taken_as_hubspots_libraries_take_it(signed: SignedFor) -> None:
    called = "https://www.example.com/hook?to=%40all"

    HubSpot().verify(signed(b"[]", url=called, signature=signature_of(called)), Credentials([SECRET]))


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY[:-1]},
        {"body": BODY.replace(b"value", b"other")},
        {"body": b""},
        {"url": "http://www.example.com/webhook_uri"},
        {"url": "https://www.example.com/webhook_uri/"},
        {"timestamp": "15000001"},
        {"timestamp": "now"},
        {"timestamp": "-15000000"},
        {"signature": SIGNATURE.swapcase()},
        {"signature": "é" * 44},
        {"signature": ""},
        {"timestamp": ""},
        {"at": THEN + timedelta(seconds=301)},
        {"at": THEN - timedelta(seconds=301)},
    ],
)
def test_what_is_forged_stale_or_incomplete_is_refused(signed: SignedFor, refused: Any, changed: Any) -> None:
    refused(HubSpot(), signed(**changed), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [[], ["the secret of another app"], [SECRET.upper()]])
def test_another_secret_or_none_is_refused(signed: SignedFor, refused: Any, secrets: list[str]) -> None:
    refused(HubSpot(), signed(), Credentials(secrets))


def test_an_array_has_several_items(arrived: Any) -> None:
    assert HubSpot().items(arrived(b'[{"eventId": 1}, {"eventId": 2}]')) == [{"eventId": 1}, {"eventId": 2}]


@pytest.mark.parametrize(("name", "person"), [("creation", "7654321"), ("generic_creation", "7654322")])
def test_a_created_contact_is_known_since_then(translated: Any, name: str, person: str) -> None:
    (said,) = translated(HubSpot(), name)

    assert said == IncomingContact(said.receipt, Recipient(external_id=person), AT, {}, created_at=AT)


def test_a_receipt_does_not_change_with_the_attempt(translated: Any) -> None:
    first, again = translated(HubSpot(), "creation"), translated(HubSpot(), "creation", attemptNumber=3)

    assert first == again
    assert first[0].receipt == "9871234560:1715000000000:7654321:42"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [("stage", {"lifecyclestage": "opportunity"}), ("number", {"annualrevenue": 250000})],
)
def test_a_changed_property_is_an_attribute(translated: Any, name: str, attributes: dict[str, Any]) -> None:
    (said,) = translated(HubSpot(), name)

    assert (said.recipient, said.attributes) == (PERSON, attributes)


def test_a_cleared_property_is_null(translated: Any) -> None:
    (said,) = translated(HubSpot(), "stage", propertyValue="")

    assert said.attributes == {"lifecyclestage": None}


def test_an_address_is_an_identity_and_no_attribute(translated: Any) -> None:
    (said,) = translated(HubSpot(), "email")

    assert said.recipient == Recipient(email="brian@hubspot.example", external_id="7654321")
    assert said.attributes == {}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("phone", {}),
        ("stage", {"propertyName": "firstname", "propertyValue": "Brian"}),
        ("stage", {"propertyName": "hs_additional_emails", "propertyValue": "a@b.example"}),
        ("email", {"propertyValue": ""}),
        ("deletion", {}),
        ("deal", {}),
        ("creation", {"subscriptionType": "contact.restore"}),
        ("creation", {"subscriptionType": "company.creation"}),
        ("generic_creation", {"objectTypeId": "0-2"}),
        ("association", {"associationRemoved": True}),
        ("association", {"associationType": "CONTACT_TO_COMPANY"}),
    ],
)
def test_what_says_nothing_of_a_contact_is_passed_over(translated: Any, name: str, changes: dict[str, Any]) -> None:
    (said,) = translated(HubSpot(), name, **changes)

    assert isinstance(said, Ignored)


def test_a_privacy_deletion_erases(translated: Any) -> None:
    (said,) = translated(HubSpot(), "privacy")

    assert said == IncomingErasure(said.receipt, PERSON, AT + timedelta(seconds=6))


def test_a_merge_leads_every_former_contact_to_the_one_that_stays(translated: Any) -> None:
    said = translated(HubSpot(), "merge")

    assert all(isinstance(one, IncomingMerge) and one.recipient == Recipient(external_id="999") for one in said)
    assert [one.former.external_id for one in said] == ["200", "300", "100"]


def test_a_merge_without_a_new_id_keeps_the_primary_contact(translated: Any) -> None:
    said = translated(HubSpot(), "merge", newObjectId=None)

    assert [(one.former.external_id, one.recipient.external_id) for one in said] == [("200", "100"), ("300", "100")]


def test_a_deal_linked_to_a_contact_is_one_opportunity_from_either_end(translated: Any) -> None:
    (of_deal,) = translated(HubSpot(), "association")
    (of_contact,) = translated(
        HubSpot(), "association", associationType="CONTACT_TO_DEAL", fromObjectId=7654321, toObjectId=5
    )

    assert of_deal == of_contact
    assert of_deal == IncomingEvent(
        "deal:5:7654321", PERSON, "opportunity_created", AT + timedelta(seconds=8), properties={"deal_id": "5"}
    )


@pytest.mark.parametrize(
    "changes",
    [{"subscriptionType": "contact.exploded"}, {"objectId": None}, {"occurredAt": "soon"}, {"eventId": [1]}],
)
def test_an_item_that_cannot_be_normalized_is_refused(translated: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(HubSpot(), "creation", **changes)
