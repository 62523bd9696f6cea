from typing import Any

import pytest

from shared.capabilities import capability
from shared.serving.outcomes import OutcomeResolver

FULL = {"id": "c-1", "attributes": {"country": "FR"}, "consent": {"profiling": "granted"}}


@pytest.mark.parametrize("asked_before", [True, False])
async def test_while_the_store_is_away_the_default_is_the_last_one_seen_or_the_only_champion_s(
    running: Any, store: Any, asked_before: bool
) -> None:
    async with running() as client:
        await client.post("/score", {"contacts": [FULL], **({} if asked_before else {"outcome": "customer"})})
        store.away = True
        reply = await client.post("/score", {"contacts": [FULL]})

    assert (reply.status, reply.json["model"]["outcome"]) == (200, "customer")


async def test_while_the_store_is_away_an_unclear_default_is_a_503(running: Any, store: Any, row: Any) -> None:
    store.rows.append(row("1", "d1", outcome="opportunity"))

    async with running() as client:
        await client.post("/score", {"contacts": [FULL], "outcome": "customer"})
        store.away = True
        reply = await client.post("/score", {"contacts": [FULL]})

    assert (reply.status, reply.json["code"]) == (503, "store-unavailable")


async def test_a_thousand_contacts_are_answered_in_order(running: Any) -> None:
    contacts = [{"id": f"c-{number}", "attributes": {"country": "FR"}} for number in range(1000)]

    async with running() as client:
        reply = await client.post("/score", {"contacts": contacts})

    assert [p["contact_id"] for p in reply.json["predictions"]] == [contact["id"] for contact in contacts]
    assert reply.headers["foretell-contacts-served"] == "1000"


async def test_an_account_without_any_event_is_not_stale(running: Any, store: Any) -> None:
    store.newest = None

    async with running() as client:
        reply = await client.post("/score", {"contacts": [{"id": "c-1"}]})

    assert reply.json["predictions"][0]["data_quality"] == []


def test_a_default_outcome_is_remembered_for_a_second(store: Any, make: Any, clock: Any) -> None:
    outcomes = OutcomeResolver(capability("scoring"), store, make(), clock)
    before = outcomes.recent_default("demo")

    outcomes.default("demo")
    clock.seconds = 0.9
    soon = outcomes.recent_default("demo")
    clock.seconds = 1.0
    late = outcomes.recent_default("demo")

    assert (before, soon, late) == (None, "customer", None)
