"""Counting an outcome over the API: as training counts, without storing anything."""

from typing import Any

import pytest

from gateway.outcomes.samples import SampleCache
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.data_report.account_sample import account_sample
from shared.data_report.outcome_preview import preview
from shared.store import AccountStore, Database
from tests.stores import hashing

NOW = 20_000 * DAY
ORDER = {"event_types": ["order_placed"], "horizon_days": 30}


def filled(store: AccountStore, contacts: int = 200) -> AccountStore:
    """Every third contact orders once, all but ten sign up, and all are seen each month."""
    rows = [ContactRow(f"c-{n:03}", attributes=(AttributeRow("plan", "pro", None),)) for n in range(contacts)]
    seen = [
        EventRow(f"c-{n:03}", f"s{month}", "page_viewed", NOW - month * 30 * DAY, NOW)
        for n in range(contacts)
        for month in range(7)
    ]
    signed_up = [EventRow(f"c-{n:03}", "f", "form_submitted", NOW - 70 * DAY, NOW) for n in range(10, contacts)]
    orders = [EventRow(f"c-{n:03}", "o", "order_placed", NOW - 70 * DAY, NOW) for n in range(0, contacts, 3)]
    store.contacts.put_bulk(rows, recorded_at=NOW)
    store.events.add_bulk([*seen, *signed_up, *orders])
    return store


async def previewed(gateway: Any, body: object, query: str = "") -> tuple[int, Any]:
    status, answer, _ = await gateway.request(
        "POST", f"/outcomes/preview{query}", gateway.key(scopes=("read",)), json=body
    )
    return status, answer


async def test_an_outcome_is_counted_before_it_is_defined_and_nothing_is_stored(gateway: Any) -> None:
    store = filled(gateway.store.of("acme"))

    status, answer = await previewed(gateway, ORDER)

    found = {
        one["needed"]: (one["found"], one["minimum"], one["met"], one["outcome"]) for one in answer["requirements"]
    }
    assert status == 200
    assert (answer["suffices"], answer["contacts"], answer["read"], answer["unknown"]) == (True, 200, 200, None)
    assert found["contacts_with_outcome"] == (67, 40, True, None)
    assert found["contacts_without_outcome"] == (200, 40, True, None)
    assert answer["text"].startswith("It can be trained: 67 contacts reached it and 200 did not;")
    assert {one.name for one in store.outcomes.of("scoring")} == {"customer", "opportunity"}


async def test_one_that_is_defined_is_counted_by_its_name(gateway: Any) -> None:
    filled(gateway.store.of("acme")).outcomes.put(Outcome(name="buy", capability="scoring", **ORDER))

    _, answer = await previewed(gateway, None, "?name=buy")

    assert answer["requirements"][0]["outcome"] == "buy"
    assert answer["requirements"][0]["found"] == 67


@pytest.mark.parametrize(
    ("query", "body", "status", "words"),
    [
        ("?name=nothing", None, 404, "There is no outcome nothing"),
        ("", None, 422, "does not fit"),
        ("", {"event_types": ["order_placed"], "attribute": "plan"}, 422, "does not fit"),
        ("", {"event_types": ["order_placed"], "horizon_days": 0}, 422, "does not fit"),
        ("?capability=weather", ORDER, 422, "does not fit"),
    ],
)
async def test_what_says_nothing_that_can_be_counted_is_refused(
    gateway: Any, query: str, body: object, status: int, words: str
) -> None:
    found, problem = await previewed(gateway, body, query)

    assert found == status
    assert words in problem["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"event_types": ["order_place"]}, "near: 'order_placed'. It cannot be trained: 0 contacts reached it"),
        ({"event_types": ["order_placed"], "horizon_days": 200}, "The data lasts 180 days, too short"),
        ({"event_types": ["form_submitted"], "horizon_days": 80}, "if it can come again, count it each time"),
        ({"attribute": "plan", "positive": "prro"}, "no contact has the value 'prro'; near: 'pro'"),
        ({"attribute": "plan"}, "no contact has the value yes, true or 1; most have: "),
    ],
)
async def test_what_does_not_suffice_says_what_to_do(gateway: Any, body: dict[str, Any], words: str) -> None:
    filled(gateway.store.of("acme"))

    _, answer = await previewed(gateway, body)

    assert answer["suffices"] is False
    assert words in answer["text"]


@pytest.mark.parametrize("capability", ["scoring", "churn"])
async def test_an_empty_account_is_to_load_first(gateway: Any, capability: str) -> None:
    body = ORDER if capability == "scoring" else {}

    _, answer = await previewed(gateway, body, f"?capability={capability}")

    assert answer["text"].startswith("There are no contacts to learn from yet.")


async def test_the_vocabulary_lists_what_outcomes_can_be_made_of(gateway: Any) -> None:
    filled(gateway.store.of("acme"))

    _, answer, _ = await gateway.request("GET", "/data-report/vocabulary", gateway.key(scopes=("read",)))

    assert answer == {
        "contacts": 200,
        "read": 200,
        "event_types": [
            {"type": "page_viewed", "contacts": 200, "events": 1_400},
            {"type": "form_submitted", "contacts": 190, "events": 190},
            {"type": "order_placed", "contacts": 67, "events": 67},
        ],
        "attributes": [{"name": "plan", "contacts": 200, "values": [{"value": "pro", "contacts": 200}]}],
    }


async def test_counting_takes_the_scope_read_and_sees_its_own_account_only(gateway: Any) -> None:
    filled(gateway.store.of("acme"))

    forbidden = await gateway.request("POST", "/outcomes/preview", gateway.key(scopes=("predict",)), json=ORDER)
    elsewhere = await gateway.request("POST", "/outcomes/preview", gateway.key("other", scopes=("read",)), json=ORDER)

    assert (forbidden[0], elsewhere[1]["contacts"]) == (403, 0)


def test_a_sample_stands_for_everybody(database: Database) -> None:
    store = filled(database.of("default"), 400)
    outcome = Outcome(name="buy", capability="scoring", **ORDER)  # type: ignore[arg-type]

    part = account_sample(store, now=NOW, most_contacts=100)
    few = account_sample(store, now=NOW, most_events=1)
    answer = preview(part, outcome)

    reached = answer.requirements[0]
    assert (answer.contacts, answer.read) == (400, 100)
    assert reached.low < 134 < reached.high
    assert reached.found == 136
    assert answer.text.startswith("It can be trained: about, by 100 of 400 contacts, ")
    assert len(few.pasts) == 400  # up to 500 are read at once


def test_a_sample_is_kept_until_something_is_recorded_or_a_minute_is_over(database: Database) -> None:
    store, clock = filled(database.of("default"), 60), [0.0]
    cache = SampleCache(clock=lambda: clock[0])

    first = cache.of(store, now=NOW)
    again = cache.of(store, now=NOW)
    store.events.add([EventRow("c-001", "new", "page_viewed", NOW + 1, NOW + 1)])
    after_event = cache.of(store, now=NOW)
    clock[0] = 61.0
    later = cache.of(store, now=NOW)

    assert again is first
    assert after_event is not first
    assert later is not after_event


def test_the_samples_of_a_few_accounts_are_kept_and_none_of_an_empty_one(database: Database) -> None:
    cache = SampleCache(clock=lambda: 0.0, most_accounts=1)
    database.create_account("second", created_at=NOW)
    database.create_account("empty", created_at=NOW)
    first, second = filled(database.of("default"), 10), filled(database.of("second"), 10)

    samples = [cache.of(first, now=NOW), cache.of(first, now=NOW), cache.of(second, now=NOW), cache.of(first, now=NOW)]

    assert samples[0] is samples[1]
    assert samples[3] is not samples[0]
    assert cache.of(database.of("empty"), now=NOW) is not cache.of(database.of("empty"), now=NOW)


def test_a_sample_of_a_large_account_outlives_events_and_no_erasure(database: Database) -> None:
    store, cache = filled(database.of("default"), 60), SampleCache(clock=lambda: 0.0, most_contacts=20)

    first = cache.of(store, now=NOW)
    store.events.add([EventRow("c-001", "new", "page_viewed", NOW + 1, NOW + 1)])
    after_event = cache.of(store, now=NOW)
    hashing(store, b"k" * 32).privacy.erase("c-003", at=NOW)
    after_erasure = cache.of(store, now=NOW)

    assert after_event is first
    assert after_erasure is not first
