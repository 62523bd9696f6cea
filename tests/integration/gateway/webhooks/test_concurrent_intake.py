"""Several sources of one account that tell of the same people at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.intake import Intake, intake_of
from gateway.webhooks.normalize import Normalizer
from gateway.webhooks.provider import Incoming, IncomingContact, IncomingEvent, Recipient
from shared.contracts.rows import ContactRow, EventRow, microseconds
from shared.store import AccountStore, Database, SourceRow
from tests.stores import hashing

KEY = b"k" * 32
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = microseconds(NOON)


class Plain:
    """A provider whose items are what they say."""

    name = "plain"

    def translate(self, item: Incoming, *, received_at: datetime) -> list[Incoming]:
        """Take it as it is."""
        return [item]


@pytest.fixture
def store(database: Database) -> AccountStore:
    return hashing(database.of("default"), KEY)


@pytest.fixture
def intakes(store: AccountStore) -> list[Intake]:
    sources = [SourceRow("default", f"src_{n}", f"s{n}", "plain", True, {}, 1) for n in range(2)]
    for source in sources:
        store.sources.add(source)
    return [intake_of(store, source, KEY) for source in sources]


def take(intake: Intake, said: list[Any]) -> None:
    normalizer = Normalizer(Plain(), intake.recipient_hasher, NOON, AT)  # type: ignore[arg-type]
    intake.take([normalizer.item(one) for one in said], at=AT)


def test_facts_and_events_of_the_same_people_in_other_orders_all_end(
    store: AccountStore, intakes: list[Intake]
) -> None:
    store.contacts.put([ContactRow(f"c{place}") for place in range(40)], recorded_at=1)

    def send(number: int) -> None:
        halves = [range(20), range(20, 40)]
        facts, events = halves[number % 2], halves[1 - number % 2]
        said: list[Any] = [
            IncomingContact(f"{number}f{place}", Recipient(f"c{place}"), NOON, {"plan": str(number)}) for place in facts
        ]
        said += [IncomingEvent(f"{number}e{place}", Recipient(f"c{place}"), "viewed", NOON) for place in events]
        take(intakes[number % 2], said)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(16)))

    assert [one.events for one in store.events.types()] == [320]


def test_visitors_who_say_who_they_are_while_others_write_lose_nothing(
    store: AccountStore, intakes: list[Intake]
) -> None:
    def send(number: int) -> None:
        visitors = [(f"c{place}", f"{number}-{place}") for place in range(5)]
        take(
            intakes[number % 2],
            [IncomingEvent(f"a{who}", Recipient(anonymous_id=who), "viewed", NOON) for _, who in visitors],
        )
        take(
            intakes[number % 2],
            [IncomingEvent(f"k{who}", Recipient(known, anonymous_id=who), "viewed", NOON) for known, who in visitors],
        )
        store.events.add([EventRow(known, str(number), "viewed", 10, 10) for known, _ in visitors])

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(send, range(12)))

    assert [one.contact_id for one in store.contacts.page(99)] == ["c0", "c1", "c2", "c3", "c4"]
    assert sum(store.events.counts(f"c{place}")["viewed"].events for place in range(5)) == 180
