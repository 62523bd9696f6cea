"""A call whose client reads the predictions from the store next."""

from typing import Any

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


async def test_predictions_are_logged_with_the_erasures_that_were_known_before_anything_was_read(
    running: Any, store: Any
) -> None:
    store.erased = 3

    async with running() as client:
        await client.post("/score", ASKED, committed=True)
        store.erased = 4  # known a moment ago: what is written is looked at once more
        await client.post("/score", ASKED, committed=True)

    assert store.logged_since == [3, 3]
