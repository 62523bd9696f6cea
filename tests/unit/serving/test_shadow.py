"""A challenger that answers beside the champion, unseen: what it gets, what is kept, and that it harms nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from services.scoring.capability import CAPABILITY
from services.scoring.model import ScoredOutcome
from shared.serving.capability_spec import BeforeRespond
from shared.serving.service import Service
from shared.serving.shadow import Shadowing, ShadowModels, is_in_share
from shared.store import ShadowRow

DAY = 86_400_000_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
ASKED = {"contacts": [{"id": "c-1"}, {"id": "c-2"}, {"id": "nobody"}]}


def shadow(version: str = "8", share: float = 1.0, **fields: Any) -> ShadowRow:
    values = {"account": "demo", "capability": "scoring", "outcome": "customer", "digest": f"d{version}", "since": 1}
    return ShadowRow(version=version, share=share, **{**values, **fields})


class Challenger:
    """Half of the chance that another model gives, in another band."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.hears = Event()
        self.request: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def answer(self, pasts: Any, cutoffs: Any, request: Any) -> list[Any]:
        found = self._model.answer(pasts, cutoffs, request)
        self.request = request
        self.hears.set()
        return [replace(one, probability=one.probability / 2, band="low") for one in found]


class Raising(Challenger):
    def answer(self, pasts: Any, cutoffs: Any, request: Any) -> list[Any]:
        self.hears.set()
        raise FloatingPointError("overflow")


@pytest.fixture
def challenger(model: Any) -> Challenger:
    return Challenger(model)


@pytest.fixture
def shadowed(store: Any, model: Any, settings: Any, tmp_path: Path, asgi: Any) -> Callable[..., Any]:
    """A factory of running services whose version 7 answers and whose version 8 shadows it."""

    async def here(row: Any, version: str, digest: str) -> Path:
        return tmp_path / digest

    @asynccontextmanager
    async def opened(other: Any, *, row: ShadowRow | None = None, **more: Any) -> AsyncIterator[Any]:
        store.shadowing = [shadow() if row is None else row]
        spec = replace(CAPABILITY, load=lambda folder: model if folder.name == "d7" else other, **more)
        service = Service(spec, settings, store, now=lambda: NOW, fetch=here, unix_seconds=lambda: 0.0)
        app = service.app()
        async with app.router.lifespan_context(app):
            await service.shadows.poll()
            yield asgi(app), service

    return opened


async def kept(store: Any) -> Any:
    return await asyncio.to_thread(store.kept.get, timeout=30)


def counted(counter: Any) -> float:
    return float(counter._value.get())


async def test_both_answers_about_whoever_got_one_are_kept(store: Any, challenger: Challenger, shadowed: Any) -> None:
    async with shadowed(challenger) as (client, service):
        reply = await client.post("/score", ASKED)
        rows, since = await kept(store)

    assert [one["status"] for one in reply.json["predictions"]] == ["ok", "ok", "unknown_contact"]
    assert since == store.erased
    assert [(one.contact_id, one.probability, one.champion_probability) for one in rows] == [
        ("c-1", 0.125, 0.25),
        ("c-2", 1 / 6, 1 / 3),
    ]
    first = rows[0]
    assert (first.version, first.champion_version, first.status) == ("8", "7", "ok")
    assert (first.band, first.champion_band) == ("low", "medium")
    assert (first.day, first.cutoff, first.asked_at) == (NOW_US // DAY, NOW_US, NOW_US)
    assert counted(service.metrics.shadow_predictions) == 2


async def test_a_client_and_the_log_see_the_champion_alone(store: Any, challenger: Challenger, shadowed: Any) -> None:
    async with shadowed(challenger) as (client, _):
        reply = await client.post("/score", ASKED)
        await kept(store)

    assert (reply.json["model"]["version"], reply.json["predictions"][0]["probability"]) == ("7", 0.25)
    assert {row.version for row in store.logged} == {"7"}


async def test_the_answer_leaves_before_the_shadow_has_answered(store: Any, model: Any, shadowed: Any) -> None:
    class Held(Challenger):
        gate = Event()

        def answer(self, pasts: Any, cutoffs: Any, request: Any) -> list[Any]:
            assert self.gate.wait(30)
            return super().answer(pasts, cutoffs, request)

    held = Held(model)
    async with shadowed(held) as (client, _):
        reply = await client.post("/score", ASKED)
        held.gate.set()
        await kept(store)

    assert reply.status == 200


async def test_inline_data_reaches_the_shadow_too(store: Any, challenger: Challenger, shadowed: Any) -> None:
    event = {"type": "page_viewed", "occurred_at": "2026-05-01T00:00:00Z"}
    async with shadowed(challenger) as (client, _):
        await client.post("/score", {"contacts": [{"id": "nobody", "events": [event]}]})
        rows, _ = await kept(store)

    assert [(one.probability, one.champion_probability) for one in rows] == [(1 / 6, 1 / 3)]


async def test_a_shadow_that_raises_is_counted_and_harms_nothing(
    store: Any, model: Any, shadowed: Any, caplog: Any
) -> None:
    raising = Raising(model)
    async with shadowed(raising) as (client, service):
        for _ in range(2):
            reply = await client.post("/score", ASKED)
            assert await asyncio.to_thread(raising.hears.wait, 30)
            raising.hears.clear()
        ready = await client.get("/readyz")
        await asyncio.to_thread(service.shadowing.close)

    assert (reply.status, ready.json["status"], ready.json["causes"]) == (200, "ready", [])
    assert counted(service.metrics.shadow_failures.labels("raised")) == 2
    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == ["shadow.failed"]


async def test_what_cannot_be_kept_is_counted(store: Any, challenger: Challenger, shadowed: Any) -> None:
    store.log_away = True
    async with shadowed(challenger) as (client, service):
        reply = await client.post("/score", ASKED)
        assert await asyncio.to_thread(challenger.hears.wait, 30)
        await asyncio.to_thread(service.shadowing.close)

    assert reply.status == 200
    assert counted(service.metrics.shadow_failures.labels("raised")) == 1


async def test_a_champion_shadows_nothing_of_its_own(store: Any, challenger: Challenger, shadowed: Any) -> None:
    async with shadowed(challenger, row=shadow("7", digest="d7")) as (client, service):
        await client.post("/score", ASKED)
        await asyncio.to_thread(service.shadowing.close)

    assert store.kept.empty()


async def test_an_unusual_question_is_not_compared(store: Any, challenger: Challenger, shadowed: Any) -> None:
    async with shadowed(challenger, is_stored=lambda request, model: False) as (client, service):
        await client.post("/score", ASKED)
        await asyncio.to_thread(service.shadowing.close)

    assert (store.kept.empty(), counted(service.metrics.shadow_dropped)) == (True, 0)


async def test_a_shadow_answers_the_question_of_the_call_without_reasons(
    store: Any, challenger: Challenger, shadowed: Any
) -> None:
    async with shadowed(challenger) as (client, _):
        await client.post("/score", {**ASKED, "outcome": "customer", "reasons": 5})
        await kept(store)

    assert challenger.request is not None
    assert (challenger.request.outcome_requested, challenger.request.reasons_requested) == ("customer", 0)


async def test_a_shadow_commits_nothing(store: Any, challenger: Challenger, shadowed: Any) -> None:
    committed = []

    def commit(pending: Any) -> Any:
        committed.append(pending.version)
        return pending.results

    async with shadowed(challenger, before_respond=BeforeRespond(applies=lambda _: True, commit=commit)) as (client, _):
        await client.post("/score", ASKED)
        await kept(store)

    assert committed == ["7"]


async def test_a_segment_stands_in_the_place_of_a_band(store: Any, model: Any, shadowed: Any) -> None:
    class Grouped(ScoredOutcome):
        segment_id = "s4"

    class Grouping(Challenger):
        def answer(self, pasts: Any, cutoffs: Any, request: Any) -> list[Any]:
            return [Grouped(parts=None, band="low") for _ in super().answer(pasts, cutoffs, request)]

    async with shadowed(Grouping(model)) as (client, _):
        await client.post("/score", ASKED)
        rows, _ = await kept(store)

    assert (rows[0].band, rows[0].champion_band) == ("s4", "medium")


async def test_under_pressure_what_does_not_fit_is_dropped_and_counted(
    store: Any, challenger: Challenger, shadowed: Any
) -> None:
    async with shadowed(challenger) as (client, service):
        tight = Shadowing(service.spec, service.shadows, store, service.metrics, most_waiting=2)
        service.answering._offer = tight.offer
        for _ in range(3):
            await client.post("/score", ASKED)
        dropped = counted(service.metrics.shadow_dropped)
        tight.close()

    assert dropped == 4
    assert counted(service.metrics.shadow_dropped) == 6


def test_a_share_holds_the_same_contacts_always_and_those_of_a_smaller_one() -> None:
    ids = [f"c-{number}" for number in range(10_000)]
    tenth = {one for one in ids if is_in_share(one, 0.1)}
    half = {one for one in ids if is_in_share(one, 0.5)}

    assert tenth == {one for one in ids if is_in_share(one, 0.1)}
    assert tenth < half
    assert (0.09 < len(tenth) / 10_000 < 0.11, 0.48 < len(half) / 10_000 < 0.52) == (True, True)


async def test_only_its_share_of_the_contacts_reaches_a_shadow(
    store: Any, challenger: Challenger, shadowed: Any
) -> None:
    some = [{"id": f"c-{number}", "attributes": {"country": "FR"}} for number in range(200)]
    async with shadowed(challenger, row=shadow(share=0.2)) as (client, _):
        await client.post("/score", {"contacts": some})
        rows, _ = await kept(store)

    assert [one.contact_id for one in rows] == [one["id"] for one in some if is_in_share(one["id"], 0.2)]


@pytest.fixture
def models(store: Any, registry: Any, metrics: Any, clock: Any) -> ShadowModels:
    spec = replace(CAPABILITY, load=registry.load)
    return ShadowModels(spec, store, registry.fetch, metrics, poll_seconds=5.0, most=2, seconds=clock)


def loaded(models: ShadowModels, outcome: str = "customer") -> str | None:
    found = models.loaded.get(("demo", outcome))
    return None if found is None else found.champion.version


async def test_a_shadow_comes_changes_and_goes_with_its_row(store: Any, models: ShadowModels) -> None:
    seen = []
    for store.shadowing in ([], [shadow("8")], [shadow("9")], []):
        await models.poll()
        seen.append(loaded(models))

    assert seen == [None, "8", "9", None]


async def test_another_share_loads_nothing_again(store: Any, models: ShadowModels, registry: Any) -> None:
    for store.shadowing in ([shadow(share=0.1)], [shadow(share=0.9)]):
        await models.poll()

    found = models.loaded.get(("demo", "customer"))
    assert found is not None
    assert (found.row.share, registry.fetched) == (0.9, ["d8"])


async def test_one_that_does_not_load_is_refused_once(
    store: Any, models: ShadowModels, registry: Any, metrics: Any
) -> None:
    registry.broken, store.shadowing = {"d8"}, [shadow()]

    for _ in range(3):
        await models.poll()

    assert (loaded(models), registry.fetched) == (None, ["d8"])
    assert counted(metrics.shadow_failures.labels("refused")) == 1


async def test_a_registry_that_is_away_is_called_again_ever_more_rarely(
    store: Any, models: ShadowModels, registry: Any, clock: Any, metrics: Any
) -> None:
    registry.away, store.shadowing = {"d8"}, [shadow()]
    tried = []
    for clock.seconds in (0.0, 4.0, 5.0, 9.0, 15.0):
        await models.poll()
        tried.append(len(registry.fetched))
    registry.away, clock.seconds = set(), 100.0
    await models.poll()

    assert (tried, loaded(models)) == ([1, 1, 2, 2, 3], "8")
    assert counted(metrics.shadow_failures.labels("unavailable")) == 3


async def test_memory_is_bounded_and_other_capabilities_are_left_alone(store: Any, models: ShadowModels) -> None:
    store.shadowing = [shadow(outcome=name) for name in ("a", "b", "c")] + [shadow("9", capability="churn")]

    await models.poll()

    assert [loaded(models, name) for name in ("a", "b", "c")] == ["8", "8", None]
    assert models.digests == {"d8", "d9"}


async def test_a_poll_that_fails_is_counted_and_the_next_one_comes(
    store: Any, models: ShadowModels, metrics: Any
) -> None:
    store.away = True
    models._poll_seconds = 0.0
    polling = asyncio.create_task(models.run())
    async with asyncio.timeout(60):
        while not counted(metrics.shadow_failures.labels("poll")):
            await asyncio.sleep(0)
        store.away, store.shadowing = False, [shadow()]
        while loaded(models) is None:
            await asyncio.sleep(0)
    polling.cancel()

    assert loaded(models) == "8"
