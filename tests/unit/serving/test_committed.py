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
