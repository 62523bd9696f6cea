import asyncio
from pathlib import Path
from typing import Any

from shared.errors import RegistryUnavailable
from shared.serving.champions import ChampionHolder


async def polled(holder: ChampionHolder) -> ChampionHolder:
    await holder.poll()
    await holder.settled()
    return holder


async def test_it_is_ready_once_every_known_champion_was_tried_however_that_went(
    make: Any, store: Any, row: Any, registry: Any
) -> None:
    store.rows = [row(), row("8", "d8", account="other"), row("9", "d9", account="third")]
    registry.away, registry.broken, registry.gate = {"d8"}, {"d9"}, asyncio.Event()
    holder = make()

    before = holder.tried
    await holder.poll()
    meanwhile = holder.tried
    registry.gate.set()
    await holder.settled()

    assert (before, meanwhile, holder.tried) == (False, False, True)
    assert holder.causes() == ["registry-away", "champion-refused"]


async def test_without_a_champion_it_is_ready_after_the_first_poll(make: Any, store: Any) -> None:
    store.rows = []

    assert (await polled(make())).tried


async def test_a_champion_promoted_later_makes_nothing_unready(make: Any, store: Any, row: Any, registry: Any) -> None:
    holder = await polled(make())
    store.rows = [row(), row("1", "d1", account="new")]
    registry.gate = asyncio.Event()

    await holder.poll()

    assert holder.tried
    registry.gate.set()


async def test_what_was_wrong_is_forgotten_once_another_version_answers(
    make: Any, store: Any, row: Any, registry: Any
) -> None:
    registry.broken = {"d7"}
    holder = await polled(make())
    before = holder.causes()
    store.rows = [row("8", "d8")]

    await polled(holder)

    assert (before, holder.causes()) == (["champion-refused"], [])


async def test_the_log_says_why_the_registry_did_not_give_a_version(make: Any, registry: Any, caplog: Any) -> None:
    async def away(*_: Any) -> Path:
        raise RegistryUnavailable("away", cause="ConnectionError, from gaierror (Name or service not known)")

    registry.fetch = away  # type: ignore[method-assign]
    await polled(make())

    (record,) = [record for record in caplog.records if record.getMessage() == "champion.not_fetched"]
    assert record.cause == "ConnectionError, from gaierror (Name or service not known)"
