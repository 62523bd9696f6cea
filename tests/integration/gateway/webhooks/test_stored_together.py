"""Requests of one source that wait for each other share a commit, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.intake import VerifiedBatch, take_together
from gateway.webhooks.provider import SignedRequest
from shared.contracts.rows import microseconds
from shared.errors import NotFound


@asynccontextmanager
async def all_at_once(gateway: Any, path: str, requests: list[dict[str, Any]]) -> AsyncIterator[list[Any]]:
    """Send requests while the place of their source is taken, so that all of them wait for each other."""
    queue = gateway.parts.webhook_queue
    answers: list[Any] = []
    async with queue._turn(path.rsplit("/", 1)[1]) as line:
        async with line.places:
            sending = [asyncio.create_task(gateway.request("POST", path, **one)) for one in requests]
            while line.places.statistics().tasks_waiting < len(requests):
                await asyncio.sleep(0)
        answers += await asyncio.gather(*sending)
    yield answers


def verified(gateway: Any, path: str, signed: dict[str, Any]) -> VerifiedBatch:
    """Verify a request; it is not stored yet."""
    receiver = gateway.parts.webhook_queue.receiver
    headers = {name.lower(): value for name, value in signed["headers"].items()}
    request = SignedRequest(signed["data"], headers, f"https://foretell.example{path}", "POST", datetime.now(UTC))
    known = receiver.known("sendgrid", path.rsplit("/", 1)[1], microseconds(request.received_at))
    batch: VerifiedBatch = receiver.verified(known, request)
    return batch


def events_of(gateway: Any) -> int:
    return sum(use.events for use in gateway.store.of("acme").events.types())


def new_events(answers: list[Any]) -> list[int]:
    return [answer["new"] for _, answer, _ in answers]


async def test_requests_that_wait_are_stored_together_and_answered_each_for_itself(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    requests = [sendgrid.signed([item(1), item(2)]), sendgrid.signed([item(2), item(3)]), sendgrid.signed([item(4)])]

    async with all_at_once(gateway, path, requests) as answers:
        assert [status for status, _, _ in answers] == [200, 200, 200]

    assert new_events(answers) == [2, 1, 1]
    assert answers[1][1]["duplicate"] == 1
    assert events_of(gateway) == 4


async def test_one_that_is_forged_is_refused_and_the_others_are_stored(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    forged = sendgrid.signed([item(2)])
    forged["data"] += b" "

    async with all_at_once(gateway, path, [sendgrid.signed([item(1)]), forged, sendgrid.signed([item(3)])]) as answers:
        assert [status for status, _, _ in answers] == [200, 401, 200]

    assert events_of(gateway) == 2


async def test_batches_that_come_together_share_a_commit(gateway, add_source, sendgrid, item) -> None:
    path = await add_source(creates_contacts=True)
    batches = [verified(gateway, path, sendgrid.signed([item(1)])), verified(gateway, path, sendgrid.signed([item(2)]))]

    take_together(batches)

    assert [batch.taken is not None and batch.taken.counts["new"] for batch in batches] == [1, 1]
    assert events_of(gateway) == 2


async def test_where_storing_together_fails_nothing_is_stored_and_each_says_why(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    batches = [verified(gateway, path, sendgrid.signed([item(1)])), verified(gateway, path, sendgrid.signed([item(2)]))]
    await gateway.request("DELETE", f"/sources/{path.rsplit('/', 1)[1]}", gateway.key("acme"))

    take_together(batches)

    assert [batch.taken for batch in batches] == [None, None]
    assert events_of(gateway) == 0
    with pytest.raises(NotFound):
        batches[0].take()


async def test_one_that_cannot_be_stored_at_all_harms_none_that_waited_with_it(
    gateway, add_source, sendgrid, item
) -> None:
    path = await add_source(creates_contacts=True)
    sound = verified(gateway, path, sendgrid.signed([item(1)]))
    broken = verified(gateway, path, sendgrid.signed([item(2)]))
    broken.intake = replace(broken.intake, source=None)  # type: ignore[arg-type]  # a bug of ours

    take_together([sound, broken])

    assert sound.take().counts["new"] == 1
    with pytest.raises(AttributeError):
        broken.take()
