"""Batches taken in on both databases: once each, whatever happens around them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.intake import DeadLetterRetry, IntakeResult, intake_of
from gateway.webhooks.normalize import Normalizer
from gateway.webhooks.provider import (
    Confirmation,
    Ignored,
    Incoming,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Recipient,
)
from shared.contracts.rows import ContactRow, microseconds
from shared.errors import NotFound
from shared.ingest import email_hash
from shared.store import Database, SourceRow
from tests.stores import hashing

KEY = b"k" * 32
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = microseconds(NOON)
ANN = Recipient(email="ann@example.com")
SOURCE = SourceRow("default", "src_1", "mail", "plain", True, {}, 1)


@dataclass
class Plain:
    """A provider whose items say what a test wants them to say."""

    name = "plain"
    title = "Plain"
    secret_hint = ""
    verifies = ""
    says: dict[str, list[Incoming]] = field(default_factory=dict)

    def verify(self, request: Any, credentials: Any) -> None:
        """Believe everything."""

    def items(self, request: Any) -> Sequence[Any]:
        """Take nothing apart."""
        return []

    def translate(self, item: Any, *, received_at: datetime) -> Sequence[Incoming]:
        """Look the item up."""
        if item["id"] not in self.says:
            raise ItemRefused("id is not known.")
        return self.says[item["id"]]


class Mail:
    """A source and what it sends."""

    def __init__(self, database: Database, source: SourceRow = SOURCE) -> None:
        self.plain = Plain()
        self.store = hashing(database.of("default"), KEY)
        self.store.sources.add(source)
        self.intake = intake_of(self.store, source, KEY)

    def take(self, *said: Incoming) -> IntakeResult:
        """Send one item for each."""
        items = []
        for number, one in enumerate(said):
            self.plain.says[f"{number}-{one!r}"] = [one]
            items.append({"id": f"{number}-{one!r}"})
        return self.take_items(items)

    def take_items(self, items: list[Any]) -> IntakeResult:
        normalizer = Normalizer(self.plain, self.intake.recipient_hasher, NOON, AT)  # type: ignore[arg-type]
        return self.intake.take([normalizer.item(item) for item in items], at=AT)


def event(receipt: str, recipient: Recipient = ANN, kind: str = "email_opened", **more: Any) -> IncomingEvent:
    return IncomingEvent(receipt, recipient, kind, NOON, **more)


def known(mail: Mail, contact_id: str = "c-1", address: str = "ann@example.com") -> None:
    mail.store.contacts.put([ContactRow(contact_id, email_hash=email_hash(address, KEY))], recorded_at=1)


def test_the_same_batch_from_many_threads_is_stored_once(database: Database) -> None:
    mail = Mail(database)
    said = [event(str(number), Recipient(email=f"p{number}@example.com")) for number in range(50)]
    mail.take()

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: mail.take(*said), range(16)))

    assert sum(one.counts["new"] for one in taken) == 50
    assert sum(one.counts["duplicate"] for one in taken) == 15 * 50
    assert [one.events for one in mail.store.events.types()] == [50]


def test_two_sources_that_report_the_same_people_in_other_orders_both_end(database: Database) -> None:
    one = Mail(database)
    other = Mail(database, SOURCE._replace(source_id="src_2", name="more"))
    people = [Recipient(email=f"p{number}@example.com") for number in range(60)]

    def send(number: int) -> int:
        mail, order = (one, people) if number % 2 else (other, people[::-1])
        said = [event(f"{number}-{place}", person) for place, person in enumerate(order)]
        return mail.take(*said).counts["new"]

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(send, range(12))) == 720


def test_an_item_that_says_several_things_is_taken_in_parts_and_tried_again_as_a_whole(database: Database) -> None:
    mail = Mail(database, SOURCE._replace(creates_contacts=False))
    known(mail)
    mail.plain.says["many"] = [event("1"), event("2", Recipient(email="bob@example.com")), Ignored("a draft")]

    taken = mail.take_items([{"id": "many"}])
    known(mail, "c-2", "bob@example.com")
    (letter,) = mail.store.sources.dead_letters.page(9)
    gone = DeadLetterRetry(mail.store, {"plain": mail.plain}, KEY).retry(letter, at=AT + 1)  # type: ignore[dict-item]

    assert taken.counts == {"new": 1, "dead": 1, "ignored": 1, "duplicate": 0}
    assert letter.recipient == email_hash("bob@example.com", KEY)
    assert gone
    assert mail.store.events.counts("c-1")["email_opened"].events == 1
    assert mail.store.events.counts("c-2")["email_opened"].events == 1
    assert mail.store.sources.dead_letters.page(9) == []


def test_a_letter_that_stays_says_why(database: Database) -> None:
    mail = Mail(database)
    mail.take_items([{"id": "strange"}])
    (letter,) = mail.store.sources.dead_letters.page(9)
    mail.plain.says["strange"] = [event("1", kind="No Such Type")]

    retried = DeadLetterRetry(mail.store, {"plain": mail.plain}, KEY)  # type: ignore[dict-item]

    assert letter.reason == "item_refused"
    assert retried.retry_all(source_id=None, reason="item_refused", at=AT) == (0, 1)
    assert [one.reason for one in mail.store.sources.dead_letters.page(9)] == ["invalid_item"]


@pytest.mark.parametrize(
    "wrong",
    [
        event("1", kind="Not Snake"),
        event("1", campaign_id="x" * 201),
        event("1", item="a\x00b"),
        event("1", value=float("inf")),
        event("1", currency="euro"),
        event("1", Recipient(contact_id="a\x00b")),
        event("1", properties={"a": float("nan")}),
        IncomingEvent("1", ANN, "email_opened", datetime(2026, 7, 1, tzinfo=UTC)),
        IncomingContact("1", ANN, NOON, attributes={"a": "x" * 2_001}),
        IncomingContact("1", ANN, NOON, timezone="Mars/Olympus"),
    ],
)
def test_what_is_out_of_bounds_is_a_dead_letter_and_spoils_no_other(database: Database, wrong: Incoming) -> None:
    mail = Mail(database)

    taken = mail.take(wrong, event("2"))

    assert (taken.counts["new"], taken.counts["dead"]) == (1, 1)


@pytest.mark.parametrize("receipt", ["x" * 500, "a\x00b", "\ud800", "", "é"])
def test_any_text_is_a_receipt(database: Database, receipt: str) -> None:
    mail = Mail(database)

    assert [mail.take(event(receipt)).counts["new"] for _ in range(2)] == [1, 0]


def test_attributes_hold_from_when_they_were_recorded(database: Database) -> None:
    mail = Mail(database)
    known(mail)

    mail.take(IncomingContact("1", ANN, NOON, attributes={"plan": "pro"}, timezone="Europe/Paris"))

    contact = mail.store.contacts.find("c-1")
    assert contact is not None
    assert contact.timezone == "Europe/Paris"
    assert [(one.name, one.value, one.valid_from) for one in contact.attributes] == [("plan", "pro", AT)]


def test_a_merge_within_a_batch_holds_for_what_comes_before_and_after(database: Database) -> None:
    mail = Mail(database)
    old, new = Recipient(contact_id="old"), Recipient(contact_id="new")

    mail.take(event("1", old), event("2", new), IncomingMerge("3", old, new, NOON), event("4", old))

    assert [one.contact_id for one in mail.store.contacts.page(9)] == ["new"]
    assert mail.store.events.counts("new")["email_opened"].events == 3


def test_an_erasure_is_carried_out_and_a_replay_of_it_erases_nobody_who_was_put_again(database: Database) -> None:
    mail = Mail(database)
    known(mail)
    erasure = IncomingErasure("forget", ANN, NOON)

    mail.take(event("1"), erasure)
    gone = mail.store.contacts.find("c-1")
    known(mail)
    again = mail.take(erasure)

    assert gone is None
    assert again.counts["duplicate"] == 1
    assert mail.store.contacts.find("c-1") is not None


def test_a_confirmation_that_is_requested_again_is_made_again(database: Database) -> None:
    mail = Mail(database)
    asked = Confirmation("1", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription")

    assert [mail.take(asked).confirmations for _ in range(2)] == [(asked,), (asked,)]


def test_a_source_that_was_removed_meanwhile_takes_nothing(database: Database) -> None:
    mail = Mail(database)
    mail.store.sources.remove("src_1")

    with pytest.raises(NotFound):
        mail.take(event("1"))
    assert mail.store.contacts.page(9) == []


def test_two_sources_that_number_alike_report_two_happenings(database: Database) -> None:
    one, other = Mail(database), Mail(database, SOURCE._replace(source_id="src_2", name="more"))

    first, second = one.take(event("1")), other.take(event("1", kind="order_placed"))

    assert (first.counts["new"], second.counts["new"]) == (1, 1)
