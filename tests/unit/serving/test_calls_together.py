"""Small calls that wait at the same moment are answered by one computation, and each as if it were alone."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.holdout import Holdout
from shared.errors import StoreUnavailable
from shared.serving.capability_spec import BeforeRespond, PendingResponse

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
FULL = {"attributes": {"country": "FR"}, "consent": {"profiling": "granted"}}


def about(*contacts: Any, **fields: Any) -> dict[str, Any]:
    listed = [{"id": one} if isinstance(one, str) else one for one in contacts]
    return {"outcome": "customer", "contacts": listed, **fields}


class Watched:
    """Counts the contacts of each computation, and lets the first one wait until all other calls have come."""

    def __init__(self, model: Any) -> None:
        self.model, self.answer = model, model.answer
        self.sizes: list[int] = []
        self.raises_about: str | None = None
        self.unwritable: str | None = None
        model.answer = self.answered

    def answered(self, pasts: Any, cutoffs: Any, request: Any) -> Any:
        self.sizes.append(len(pasts.contact_ids))
        found = self.answer(pasts, cutoffs, request)
        if self.raises_about in pasts.contact_ids:
            raise ZeroDivisionError
        if self.unwritable in pasts.contact_ids:
            found[list(pasts.contact_ids).index(self.unwritable)].parts = object()
        return found

    def hold(self) -> None:
        """Let the next computation wait."""
        self.model.gate = threading.Event()
        self.model.entered.clear()

    async def calls(self, client: Any, *payloads: Any) -> list[Any]:
        """Send a first call, all others while it is computed, and return their answers."""
        self.hold()
        sent = [client.post("/score", one, request_id=f"r-{place}") for place, one in enumerate(payloads)]
        first = asyncio.create_task(sent[0])
        await asyncio.to_thread(self.model.entered.wait, 10)
        rest = [asyncio.create_task(one) for one in sent[1:]]
        await waiting(client, len(rest))
        self.model.gate.set()
        return list(await asyncio.gather(first, *rest))


async def waiting(client: Any, calls: int) -> None:
    """Wait until so many calls wait for a thread."""
    async with asyncio.timeout(10):
        while client.app.state.service.answering.waiting < calls:
            await asyncio.sleep(0)


@pytest.fixture
def watched(model: Any) -> Watched:
    return Watched(model)


def probabilities(replies: Sequence[Any]) -> list[list[float | None]]:
    return [[one["probability"] for one in reply.json["predictions"]] for reply in replies]


async def test_calls_that_wait_share_one_read_and_one_computation(running: Any, store: Any, watched: Watched) -> None:
    async with running() as client:
        replies = await watched.calls(client, about("c-1"), about("c-1"), about("c-2", "nobody"), about({"bad": 1}))

    assert probabilities(replies) == [[0.25], [0.25], [1 / 3, None], [None]]
    assert [[one["status"] for one in reply.json["predictions"]] for reply in replies[2:]] == [
        ["ok", "unknown_contact"],
        ["invalid"],
    ]
    assert (watched.sizes, store.request_reads_made) == ([1, 2], 2)


async def test_each_call_is_logged_under_its_own_id(running: Any, store: Any, watched: Watched) -> None:
    async with running() as client:
        await watched.calls(client, about("c-1"), about("c-2"))

    assert [(row.contact_id, row.request_id) for row in store.logged] == [("c-1", "r-0"), ("c-2", "r-1")]


EVENT = {"type": "email_clicked", "occurred_at": "2026-05-30T00:00:00Z"}


@pytest.mark.parametrize(
    "other",
    [
        about({"id": "c-1", "attributes": {"country": "DE"}}),
        about("c-2", reasons=0),
        about("c-2", cutoff="2026-05-01T00:00:00Z"),
        about({"id": "c-2", "events": [EVENT]}),
        about("c-2", "c-2"),
    ],
    ids=["same contact with more", "other reasons", "other cutoff", "events", "named twice"],
)
async def test_calls_that_ask_something_else_are_answered_apart(running: Any, watched: Watched, other: Any) -> None:
    async with running() as client:
        replies = await watched.calls(client, about("c-2"), about("c-1"), other)

    assert [reply.status for reply in replies] == [200, 200, 200]
    assert watched.sizes == [1, 1, len(other["contacts"])]


async def test_calls_about_the_same_contact_have_one_answer_and_each_its_row(
    running: Any, store: Any, watched: Watched
) -> None:
    async with running() as client:
        replies = await watched.calls(client, about("c-2"), about("c-1"), about("c-2", "c-1"), about("c-1"))
        counted = client.app.state.metrics.registry.get_sample_value("foretell_predictions_total", {"status": "ok"})

    assert watched.sizes == [1, 2]
    assert [[one["contact_id"] for one in reply.json["predictions"]] for reply in replies] == [
        ["c-2"], ["c-1"], ["c-2", "c-1"], ["c-1"],
    ]  # fmt: skip
    assert [reply.json["request_id"] for reply in replies] == ["r-0", "r-1", "r-2", "r-3"]
    assert replies[1].json["predictions"] == replies[3].json["predictions"] == replies[2].json["predictions"][1:]
    assert [(row.contact_id, row.request_id) for row in store.logged] == [
        ("c-2", "r-0"), ("c-1", "r-1"), ("c-2", "r-2"), ("c-1", "r-2"), ("c-1", "r-3"),
    ]  # fmt: skip
    assert counted == 5


async def test_calls_with_one_request_id_are_apart_in_the_log(running: Any, watched: Watched) -> None:
    async with running() as client:
        watched.hold()
        first = asyncio.create_task(client.post("/score", about("c-2")))
        await asyncio.to_thread(watched.model.entered.wait, 10)
        twice = [asyncio.create_task(client.post("/score", about("c-1"), request_id="same")) for _ in range(2)]
        await waiting(client, 2)
        watched.model.gate.set()
        await asyncio.gather(first, *twice)

    assert watched.sizes == [1, 1, 1]


async def test_decisions_about_one_contact_see_each_other(running: Any, watched: Watched) -> None:
    commits: list[list[str]] = []

    def commit(pending: PendingResponse[Any, Any]) -> Any:
        commits.append(list(pending.contact_ids))
        return pending.results

    async with running(before_respond=BeforeRespond(applies=lambda _: True, commit=commit)) as client:
        await watched.calls(client, about("c-2"), about("c-1"), about("c-1"))

    assert commits == [["c-2"], ["c-1"], ["c-1"]]


async def test_a_replay_sees_all_that_was_recorded_before_it_came(running: Any, store: Any, watched: Watched) -> None:
    clock = [NOW]

    async with running(now=lambda: clock[0]) as client:
        watched.hold()
        replay = {"cutoff": "2026-05-01T00:00:00Z"}
        held = asyncio.create_task(client.post("/score", about("c-1")))
        await asyncio.to_thread(watched.model.entered.wait, 10)
        earlier = asyncio.create_task(client.post("/score", about({"id": "n-1", **FULL}, **replay)))
        await waiting(client, 1)
        clock[0] = NOW + timedelta(seconds=5)
        later = asyncio.create_task(client.post("/score", about({"id": "n-2", **FULL}, **replay)))
        await waiting(client, 2)
        watched.model.gate.set()
        await asyncio.gather(held, earlier, later)

    assert store.read_as_of == [NOW_US, NOW_US + 5_000_000]
    assert [row.asked_at for row in store.logged] == [NOW_US, NOW_US + 5_000_000, NOW_US + 5_000_000]


async def test_no_more_than_32_contacts_are_answered_together(running: Any, watched: Watched) -> None:
    twelve = [about(*({"id": f"n-{call}-{place}", **FULL} for place in range(12))) for call in range(3)]

    async with running() as client:
        replies = await watched.calls(client, about("c-1"), *twelve)

    assert [len(reply.json["predictions"]) for reply in replies] == [1, 12, 12, 12]
    assert watched.sizes == [1, 24, 12]


async def test_accounts_are_never_answered_together(running: Any, watched: Watched, store: Any, row: Any) -> None:
    store.rows = [row(), row(account="acme")]

    async with running() as client:
        watched.hold()
        first = asyncio.create_task(client.post("/score", about("c-1")))
        await asyncio.to_thread(watched.model.entered.wait, 10)
        mine = asyncio.create_task(client.post("/score", about("c-1")))
        theirs = asyncio.create_task(client.post("/score", about({"id": "c-2", **FULL}), account="acme"))
        await waiting(client, 2)
        watched.model.gate.set()
        replies = await asyncio.gather(first, mine, theirs)

    assert probabilities(replies) == [[0.25], [0.25], [0.5]]
    assert watched.sizes == [1, 1, 1]


async def test_a_contact_that_breaks_the_model_breaks_its_own_call_alone(running: Any, watched: Watched) -> None:
    watched.raises_about = "c-1"

    async with running() as client:
        replies = await watched.calls(client, about({"id": "n-1", **FULL}), about("c-1"), about("c-2"))

    assert [reply.status for reply in replies] == [200, 500, 200]


async def test_a_call_whose_time_is_over_takes_no_other_along(running: Any, watched: Watched) -> None:
    now = [100.0]

    async with running(unix_seconds=lambda: now[0]) as client:
        watched.hold()
        late = asyncio.create_task(client.post("/score", about("c-1"), deadline_at=101.0))
        await asyncio.to_thread(watched.model.entered.wait, 10)
        too_late = asyncio.create_task(client.post("/score", about("c-1"), deadline_at=101.0))
        in_time = asyncio.create_task(client.post("/score", about("c-2"), deadline_at=4e9))
        also_in_time = asyncio.create_task(client.post("/score", about({"id": "n-1", **FULL}), deadline_at=4e9))
        await waiting(client, 3)
        now[0] = 102.0
        watched.model.gate.set()
        replies = await asyncio.gather(late, too_late, in_time, also_in_time)

    assert [reply.status for reply in replies] == [200, 504, 200, 200]
    assert watched.sizes == [1, 2]


async def test_while_the_store_is_away_each_call_is_answered_by_what_it_brings(
    running: Any, store: Any, watched: Watched
) -> None:
    async with running() as client:
        await client.post("/score", about("c-1"))
        store.away = True
        replies = await watched.calls(client, about({"id": "n-1", **FULL}), about("c-1"), about({"id": "n-2", **FULL}))

    assert [reply.status for reply in replies] == [200, 503, 200]


async def test_who_is_held_out_stays_so_beside_others(running: Any, store: Any, watched: Watched) -> None:
    store.held = {"demo": (Holdout("half", "0" * 32, 0.5, "scoring", "customer", NOW_US - 5, None),)}

    async with running() as client:
        replies = await watched.calls(client, about("c-1"), about("c-1"), about("c-2"))

    assert [reply.json["predictions"][0]["status"] for reply in replies] == ["ok", "ok", "control"]


async def test_what_must_be_committed_is_committed_once_for_all_that_wait(running: Any, watched: Watched) -> None:
    commits: list[list[str]] = []

    def commit(pending: PendingResponse[Any, Any]) -> Any:
        commits.append(list(pending.contact_ids))
        return pending.results

    async with running(before_respond=BeforeRespond(applies=lambda _: True, commit=commit)) as client:
        replies = await watched.calls(
            client,
            about({"id": "n-1", **FULL}),
            *(about({"id": f"n-{n}", **FULL}) for n in (2, 3, 4, 5)),
        )

    assert [reply.status for reply in replies] == [200] * 5
    assert commits == [["n-1"], ["n-2", "n-3", "n-4", "n-5"]]


FAILURES = pytest.mark.parametrize(
    ("failure", "status"),
    [(StoreUnavailable("The store is away."), 503), (ZeroDivisionError(), 500)],
    ids=["store away", "bug"],
)


@FAILURES
async def test_what_may_be_committed_is_not_tried_again(
    running: Any, watched: Watched, failure: Exception, status: int
) -> None:
    commits: list[list[str]] = []

    def commit(pending: PendingResponse[Any, Any]) -> Any:
        commits.append(list(pending.contact_ids))
        pending.account.send_commit()  # type: ignore[attr-defined]
        if "n-3" in pending.contact_ids:
            raise failure
        return pending.results

    async with running(before_respond=BeforeRespond(applies=lambda _: True, commit=commit)) as client:
        replies = await watched.calls(client, *(about({"id": f"n-{n}", **FULL}) for n in (1, 2, 3, 4)))

    assert commits == [["n-1"], ["n-2", "n-3", "n-4"]]
    assert [reply.status for reply in replies] == [200, status, status, status]


@FAILURES
async def test_a_call_that_fails_before_its_commit_takes_no_other_along(
    running: Any, watched: Watched, failure: Exception, status: int
) -> None:
    committed: list[list[str]] = []

    def commit(pending: PendingResponse[Any, Any]) -> Any:
        if "n-3" in pending.contact_ids:
            raise failure
        pending.account.send_commit()  # type: ignore[attr-defined]
        committed.append(list(pending.contact_ids))
        return pending.results

    async with running(before_respond=BeforeRespond(applies=lambda _: True, commit=commit)) as client:
        replies = await watched.calls(client, *(about({"id": f"n-{n}", **FULL}) for n in (1, 2, 3, 4)))

    assert [reply.status for reply in replies] == [200, 200, status, 200]
    assert committed == [["n-1"], ["n-2"], ["n-4"]]


async def test_a_call_that_cannot_be_written_lets_no_other_be_logged_twice(
    running: Any, store: Any, watched: Watched
) -> None:
    watched.unwritable = "c-2"

    async with running() as client:
        replies = await watched.calls(client, about("c-1"), about({"id": "n-1", **FULL}), about("c-2"))
        counted = client.app.state.metrics.registry.get_sample_value("foretell_predictions_total", {"status": "ok"})

    assert [reply.status for reply in replies] == [200, 200, 500]
    assert [row.contact_id for row in store.logged] == ["c-1", "n-1"]
    assert counted == 2
