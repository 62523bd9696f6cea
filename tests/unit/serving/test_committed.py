"""A call whose client reads the predictions from the store next."""

from typing import Any

from shared.serving.contact_answers import UNKNOWN_ERASURES

FULL = {"id": "c-1", "attributes": {"country": "FR"}, "consent": {"profiling": "granted"}}
ASKED = {"contacts": [{"id": "c-1"}]}


async def test_a_call_that_relies_on_the_log_is_answered_once_its_predictions_are_in_it(
    running: Any, store: Any
) -> None:
    async with running() as client:
        reply = await client.post("/score", ASKED, committed=True)
        logged = [row.contact_id for row in store.logged]

    assert (reply.status, logged) == (200, ["c-1"])


async def test_a_call_that_relies_on_the_log_fails_with_it(running: Any, store: Any) -> None:
    store.log_away = True

    async with running() as client:
        relying = await client.post("/score", ASKED, committed=True)
        usual = await client.post("/score", ASKED)

    assert (relying.status, usual.status) == (503, 200)


async def test_predictions_are_logged_with_the_erasures_that_were_read_with_their_contacts(
    running: Any, store: Any
) -> None:
    def reading_then_erased(*asked: Any, **more: Any) -> Any:
        reads = type(store).request_reads(store, *asked, **more)
        store.erased = 4
        return reads

    store.erased, store.request_reads = 3, reading_then_erased

    async with running() as client:
        await client.post("/score", ASKED, committed=True)

    assert (store.logged_since, store.erased) == ([3], 4)


async def test_what_is_answered_without_the_store_is_looked_at_when_it_is_logged(running: Any, store: Any) -> None:
    async with running() as client:
        await client.post("/score", ASKED, committed=True)
        store.away = True
        await client.post("/score", {**ASKED, "contacts": [FULL]}, committed=True)

    assert store.logged_since[-1] == UNKNOWN_ERASURES
