"""What a question adds to its answers from stored ones, and where predictions are filed."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from services.scoring.model import ScoredOutcome
from shared.errors import StoreUnavailable


def body(*ids: str) -> bytes:
    return json.dumps({"outcome": "customer", "contacts": [{"id": one} for one in ids]}).encode()


async def test_answers_are_handed_to_the_question_s_memory_in_order(running: Any) -> None:
    handed: list[Any] = []

    def remember(account: Any, ids: Any, scored: Any, cutoff: int) -> list[Any]:
        handed.append((list(ids), cutoff))
        return [replace(one, score=7) for one in scored]

    async with running(add_stored=remember) as client:
        reply = await client.post("/score", body("c-2", "nobody", "c-1"))

    assert handed == [(["c-2", "c-1"], 1_780_272_000_000_000)]
    assert [one["score"] for one in reply.json["predictions"]] == [7, None, 7]


@pytest.mark.parametrize("ids", [("nobody",), ("nobody", "no-one")])
async def test_without_answers_nothing_is_remembered(running: Any, ids: tuple[str, ...]) -> None:
    def remember(*_: Any) -> list[Any]:
        raise AssertionError("nothing to remember")

    async with running(add_stored=remember) as client:
        reply = await client.post("/score", body(*ids))

    assert reply.status == 200


async def test_answers_stay_as_they_are_when_the_store_goes_away_meanwhile(running: Any) -> None:
    def remember(*_: Any) -> list[Any]:
        raise StoreUnavailable("The store is away.")

    async with running(add_stored=remember) as client:
        reply = await client.post("/score", body("c-1"))

    assert (reply.status, reply.json["predictions"][0]["status"]) == (200, "ok")


async def test_predictions_are_filed_under_the_segment_that_they_hold(running: Any, store: Any) -> None:
    class Filed(ScoredOutcome):
        segment_id = "s-1"

    def filed(account: Any, ids: Any, scored: Any, cutoff: int) -> list[Any]:
        return [Filed(**{one.name: getattr(scored[0], one.name) for one in fields(scored[0])})]

    async with running(add_stored=filed) as client:
        await client.post("/score", body("c-1"))

    assert [row.segment for row in store.logged] == ["s-1"]


async def test_other_questions_file_nothing(running: Any, store: Any) -> None:
    async with running() as client:
        await client.post("/score", body("c-1"))

    assert [row.segment for row in store.logged] == [None]
