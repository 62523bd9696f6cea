"""One child brings all that is missing; each artifact succeeds or fails by itself."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.capabilities import capability
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.registry.artifact import ArtifactRequest, Fetched, digest_of
from shared.serving.artifacts import RegistryChild
from shared.serving.champions import ChampionHolder


class Children:
    """Fakes of the child process: which digests they were asked for, and over which they fail."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.refused: set[str] = set()
        self.away: set[str] = set()
        self.dies_at: set[str] = set()
        self.hangs_at: set[str] = set()
        self.gate: asyncio.Event | None = None
        self.ended = 0

    async def __call__(self, wanted: Sequence[ArtifactRequest]) -> AsyncGenerator[Fetched]:
        self.asked.append([one.digest for one in wanted])
        try:
            for one in wanted:
                if self.gate is not None:
                    await self.gate.wait()
                if one.digest in self.dies_at:
                    return
                if one.digest in self.hangs_at:
                    await asyncio.Event().wait()
                if one.digest in self.refused:
                    yield Fetched(result="refused")
                elif one.digest in self.away:
                    yield Fetched(result="unavailable", cause=f"no {one.digest}")
                else:
                    yield Fetched(result="fetched")
        finally:
            self.ended += 1


@pytest.fixture
def children() -> Children:
    return Children()


@pytest.fixture
def child(settings: Any, children: Children) -> RegistryChild:
    return RegistryChild(settings, children)


async def asked(child: RegistryChild, row: Any, *digests: str) -> list[Any]:
    return await asyncio.gather(*(child(row(), "7", digest) for digest in digests), return_exceptions=True)


async def test_all_that_is_missing_at_once_is_brought_by_one_child(
    child: RegistryChild, children: Children, settings: Any, row: Any
) -> None:
    found = await asked(child, row, "d1", "d2", "d3")

    assert found == [settings.cache_folder / digest for digest in ("d1", "d2", "d3")]
    assert [sorted(digests) for digests in children.asked] == [["d1", "d2", "d3"]]


async def test_nothing_is_left_of_a_child_once_its_last_artifact_is_there(
    child: RegistryChild, children: Children, row: Any
) -> None:
    await child(row(), "7", "d1")

    assert children.ended == 1


async def test_one_that_is_refused_and_one_that_is_away_harm_no_other(
    child: RegistryChild, children: Children, settings: Any, row: Any
) -> None:
    children.refused, children.away = {"d1"}, {"d2"}

    refused, away, found = await asked(child, row, "d1", "d2", "d3")

    assert isinstance(refused, ArtifactRefused)
    assert isinstance(away, RegistryUnavailable)
    assert away.members["cause"] == "no d2"
    assert found == settings.cache_folder / "d3"
    assert len(children.asked) == 1


async def test_a_child_that_dies_over_one_artifact_is_followed_by_one_for_the_others(
    child: RegistryChild, children: Children, settings: Any, row: Any
) -> None:
    children.dies_at = {"d2"}

    first, dead, last = await asked(child, row, "d1", "d2", "d3")

    assert isinstance(dead, RegistryUnavailable)
    assert dead.members["cause"] == "the child ended without an answer"
    assert (first, last) == (settings.cache_folder / "d1", settings.cache_folder / "d3")


async def test_an_artifact_that_takes_for_ever_keeps_no_other_one_waiting_for_ever(
    children: Children, settings: Any, row: Any
) -> None:
    children.hangs_at = {"d1"}

    hung, found = await asked(RegistryChild(settings, children, fetch_seconds=0.01), row, "d1", "d2")

    assert isinstance(hung, RegistryUnavailable)
    assert hung.members["cause"] == "no answer within 0 s"
    assert found == settings.cache_folder / "d2"


async def test_what_the_cache_holds_does_not_wait_for_a_child(
    child: RegistryChild, children: Children, settings: Any, row: Any
) -> None:
    folder = settings.cache_folder / "new"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    digest = digest_of(folder)
    folder.rename(settings.cache_folder / digest)
    children.gate = asyncio.Event()
    missing = asyncio.create_task(asked(child, row, "d1"))

    found = await child(row(), "7", digest)

    assert found == settings.cache_folder / digest
    children.gate.set()
    await missing


async def test_what_is_requested_while_a_child_runs_shares_the_next_one(
    child: RegistryChild, children: Children, row: Any
) -> None:
    children.gate = asyncio.Event()
    first = asyncio.create_task(asked(child, row, "d1"))
    while not children.asked:
        await asyncio.sleep(0)
    others = asyncio.create_task(asked(child, row, "d2", "d3"))
    while len(child._orders) < 3:
        await asyncio.sleep(0)

    children.gate.set()
    await asyncio.gather(first, others)

    assert [sorted(digests) for digests in children.asked] == [["d1"], ["d2", "d3"]]


async def test_a_child_for_which_nobody_waits_any_more_is_ended(
    child: RegistryChild, children: Children, row: Any
) -> None:
    children.gate = asyncio.Event()
    waiting = asyncio.create_task(asked(child, row, "d1", "d2"))
    while not children.asked:
        await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    while not children.ended:
        await asyncio.sleep(0)

    assert len(children.asked) == 1


async def test_a_start_with_an_empty_cache_costs_one_child_for_all_champions(
    child: RegistryChild, children: Children, store: Any, row: Any, registry: Any, metrics: Any, tmp_path: Path
) -> None:
    store.rows = [row(str(number), f"d{number}", account=f"a{number}") for number in range(5)]
    children.refused, children.away = {"d1"}, {"d3"}
    holder = ChampionHolder(
        capability("scoring"), store, registry.load, fetch=child, cache=tmp_path, metrics=metrics,
        poll_seconds=5.0, max_models=10,
    )  # fmt: skip

    await holder.poll()
    await holder.settled()

    assert [sorted(digests) for digests in children.asked] == [["d0", "d1", "d2", "d3", "d4"]]
    assert [(await holder.of(f"a{number}", "customer")).version for number in (0, 2, 4)] == ["0", "2", "4"]
    assert holder.tried
    assert holder.causes() == ["registry-away", "champion-refused"]
