import asyncio
import gc
import json
import os
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ModelNotReady, NoModelTrained, StoreUnavailable
from shared.serving.champions import ChampionHolder


async def polled(holder: ChampionHolder) -> ChampionHolder:
    await holder.poll()
    await holder.settled()
    return holder


async def version_of(holder: ChampionHolder, account: str = "demo", outcome: str = "customer") -> str:
    return (await holder.of(account, outcome)).version


async def test_a_promoted_version_takes_over(make: Any, store: Any, row: Any) -> None:
    holder = await polled(make())
    before = await version_of(holder)
    store.rows = [row("8", "d8", previous_version="7", previous_digest="d7")]

    await polled(holder)

    assert (before, await version_of(holder)) == ("7", "8")


async def test_the_old_one_answers_while_the_new_one_is_loaded(make: Any, store: Any, row: Any, registry: Any) -> None:
    holder = await polled(make())
    store.rows = [row("8", "d8")]
    registry.gate = asyncio.Event()

    await holder.poll()
    meanwhile = await version_of(holder)
    registry.gate.set()
    await holder.settled()

    assert (meanwhile, await version_of(holder)) == ("7", "8")


@pytest.mark.parametrize("digest", ["d8", "weird"])
async def test_a_version_that_does_not_load_stays_refused_and_is_logged_once(
    make: Any, store: Any, row: Any, registry: Any, metrics: Any, caplog: Any, digest: str
) -> None:
    holder = await polled(make())
    registry.broken = {"d8"}
    store.rows = [row("8", digest, previous_version="7", previous_digest="d7")]

    for _ in range(3):
        await polled(holder)

    assert await version_of(holder) == "7"
    assert registry.fetched == ["d7", digest]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == ["champion.refused"]
    assert metrics.champion_failures.labels("refused")._value.get() == 1


async def test_after_a_restart_the_version_before_answers_for_a_refused_one(
    make: Any, store: Any, row: Any, registry: Any
) -> None:
    registry.broken = {"d8"}
    store.rows = [row("8", "d8", previous_version="7", previous_digest="d7")]

    holder = await polled(make())

    assert await version_of(holder) == "7"


async def test_a_registry_that_is_away_is_called_again_ever_more_rarely(make: Any, registry: Any, clock: Any) -> None:
    registry.away = {"d7"}
    holder = make()
    tried = []

    for clock.seconds in (0.0, 4.0, 5.0, 9.0, 15.0):
        await polled(holder)
        tried.append(len(registry.fetched))
    registry.away = set()
    clock.seconds = 100.0
    await polled(holder)

    assert tried == [1, 1, 2, 2, 3]
    assert await version_of(holder) == "7"


async def test_while_loading_it_says_so(make: Any, registry: Any) -> None:
    registry.gate = asyncio.Event()
    holder = make()
    await holder.poll()

    with pytest.raises(ModelNotReady):
        await holder.of("demo", "customer", wait_seconds=0.0)

    registry.gate.set()
    await holder.close()


@pytest.mark.parametrize(("trouble", "told"), [("away", "registry does not give out"), ("broken", "cannot be loaded")])
async def test_why_a_version_does_not_answer_is_reported(make: Any, registry: Any, trouble: str, told: str) -> None:
    setattr(registry, trouble, {"d7"})
    holder = await polled(make())

    with pytest.raises(ModelNotReady, match=told):
        await holder.of("demo", "customer")


async def test_without_a_row_there_is_no_model(make: Any) -> None:
    holder = await polled(make())

    with pytest.raises(NoModelTrained):
        await holder.of("demo", "opportunity")


async def test_a_row_written_since_the_last_poll_is_found(make: Any, store: Any, row: Any) -> None:
    holder = await polled(make())
    store.rows.append(row("1", "d1", outcome="opportunity"))

    assert await version_of(holder, outcome="opportunity") == "1"


async def test_memory_is_bounded_and_what_was_dropped_is_loaded_again(make: Any, store: Any, row: Any) -> None:
    store.rows = [row("1", f"d{name}", outcome=name) for name in ("a", "b", "c")]
    holder = await polled(make(max_models=2))

    versions = [await version_of(holder, outcome=name) for name in ("a", "b", "c", "a")]

    assert versions == ["1"] * 4
    assert len(holder._loaded) == 2


async def test_the_least_used_makes_room(make: Any, store: Any, row: Any, registry: Any) -> None:
    store.rows = [row("1", f"d{name}", outcome=name) for name in ("a", "b", "c")]
    holder = await polled(make(max_models=2))

    for name in ("a", "b", "a", "c", "a", "b"):
        await version_of(holder, outcome=name)

    assert registry.fetched == ["da", "db", "dc", "db"]


async def test_the_memory_of_a_champion_that_made_room_is_given_back(
    make: Any, store: Any, row: Any, registry: Any
) -> None:
    class Model:
        """A thing that can be watched."""

    loaded: list[weakref.ref[Model]] = []

    def load(_: Path) -> Model:
        model = Model()
        loaded.append(weakref.ref(model))
        return model

    registry.load = load
    store.rows = [row("1", f"d{number}", outcome=f"o{number}") for number in range(200)]
    holder = await polled(make(max_models=2))

    for number in range(200):
        await version_of(holder, outcome=f"o{number}")
    gc.collect()  # what stood in a circle when it made room goes with the next collection

    assert len(loaded) == 200
    assert [number for number, model in enumerate(loaded) if model() is not None] == [198, 199]


async def test_a_poll_leaves_those_that_made_room_where_they_are(
    make: Any, store: Any, row: Any, registry: Any
) -> None:
    store.rows = [row("1", f"d{number}", outcome=f"o{number}") for number in range(200)]
    holder = await polled(make(max_models=2))

    await polled(holder)
    await polled(holder)

    assert registry.fetched == ["d0", "d1"]


async def test_an_account_that_is_gone_has_no_model(make: Any, store: Any) -> None:
    holder = await polled(make())
    store.rows = []

    await polled(holder)

    with pytest.raises(NoModelTrained):
        await holder.of("demo", "customer")


async def test_the_champion_in_memory_answers_while_the_store_is_away(make: Any, store: Any) -> None:
    holder = await polled(make())
    store.away = True

    with pytest.raises(StoreUnavailable):
        await holder.poll()

    assert await version_of(holder) == "7"


async def test_a_start_without_the_store_uses_what_was_remembered(make: Any, store: Any) -> None:
    await polled(make())
    store.away = True
    holder = make()

    polling = asyncio.create_task(holder.run())
    version = await version_of_when_known(holder)
    polling.cancel()

    assert version == "7"


async def test_polling_and_many_requests_at_the_start_find_the_same_rows(make: Any) -> None:
    for _ in range(20):
        holder = make()
        polling = asyncio.create_task(holder.run())

        versions = await asyncio.gather(*(version_of(holder) for _ in range(5)))
        polling.cancel()

        assert versions == ["7"] * 5


async def test_a_cache_that_cannot_be_written_stops_no_answer(make: Any, tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "champions.scoring.json").mkdir()

    holder = await polled(make())

    assert await version_of(holder) == "7"
    assert next(record.getMessage() for record in caplog.records) == "champions.not_remembered"


async def test_what_could_not_be_remembered_is_written_once_it_can_be_and_logged_once(
    make: Any, tmp_path: Path, caplog: Any
) -> None:
    file, holder = tmp_path / "champions.scoring.json", make()
    for _ in range(2):
        file.mkdir(exist_ok=True)
        await holder.poll()
    shutil.rmtree(file, ignore_errors=True)

    await holder.poll()
    await holder.settled()

    assert [one["version"] for one in json.loads(file.read_bytes())] == ["7"]
    said = [record.getMessage() for record in caplog.records]
    assert said.count("champions.not_remembered") == 1


async def version_of_when_known(holder: ChampionHolder) -> str:
    while True:
        try:
            return await version_of(holder)
        except StoreUnavailable:
            await asyncio.sleep(0)


async def test_a_start_without_store_and_memory_says_that_the_store_is_away(make: Any, store: Any) -> None:
    store.away = True

    with pytest.raises(StoreUnavailable):
        await make().of("demo", "customer")


async def test_artifacts_nobody_points_to_are_swept(make: Any, store: Any, row: Any, tmp_path: Path) -> None:
    for name in ("d6", "d7", "old", "churn"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1.0, 1.0))
    store.rows = [
        row(previous_version="6", previous_digest="d6"),
        row("1", "churn", capability="churn", outcome=""),
    ]

    await polled(make())

    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["churn", "d6", "d7"]


async def test_a_poll_that_fails_unexpectedly_is_logged_and_survived(
    make: Any, store: Any, metrics: Any, caplog: Any
) -> None:
    store.rows = None
    holder = make()

    polling = asyncio.create_task(holder.run())
    while not metrics.champion_poll_failures._value.get():
        await asyncio.sleep(0)
    survived = not polling.done()
    polling.cancel()

    assert survived
    assert "champions.poll_failed" in [record.getMessage() for record in caplog.records]
