"""Who is held out, as a service knows it, and what it answers and logs then."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.holdout import Holdout
from shared.errors import StoreUnavailable
from shared.serving.capability_spec import BeforeRespond
from shared.serving.champions import KnownHoldouts

NOW_US = 1_780_272_000_000_000
BOTH = {"contacts": [{"id": "c-1"}, {"id": "c-2"}], "outcome": "customer"}


def holding_only(held: str, free: str) -> Holdout:
    """Find a salt that holds one of two contacts."""
    for number in range(100):
        holdout = Holdout("spring", f"{number:032x}", 0.5, "scoring", "customer", NOW_US - 5, None)
        if holdout.holds(held) and not holdout.holds(free):
            return holdout
    raise AssertionError("no such salt")


SPRING = holding_only("c-1", "c-2")


async def test_who_is_held_out_is_answered_as_control_and_logged_with_the_probability(running: Any, store: Any) -> None:
    store.held = {"demo": (SPRING,)}

    async with running() as client:
        reply = await client.post("/score", BOTH, committed=True)

    held, free = reply.json["predictions"]
    assert (held["status"], free["status"]) == ("control", "ok")
    assert {name for name, value in held.items() if value} == {"contact_id", "status", "detail", "trend"}
    assert [(row.status, row.probability, row.withheld_probability) for row in store.logged] == [
        ("control", None, 0.25),
        ("ok", 1 / 3, None),
    ]
    assert "0.25" not in store.logged[0].body


async def test_inline_contacts_are_held_out_as_stored_ones_are(running: Any, store: Any) -> None:
    store.held, store.facts, store.events = {"demo": (SPRING,)}, {}, []
    full = {"attributes": {"country": "FR"}, "consent": {"profiling": "granted"}}

    async with running() as client:
        reply = await client.post("/score", {**BOTH, "contacts": [{"id": "c-1", **full}, {"id": "c-2", **full}]})

    assert [one["status"] for one in reply.json["predictions"]] == ["control", "ok"]


@pytest.mark.parametrize(
    "other",
    [
        {"capability": "churn", "outcome": ""},
        {"outcome": "opportunity"},
        {"until": NOW_US},
    ],
)
async def test_other_questions_and_holdouts_that_are_over_hold_nobody_out(
    running: Any, store: Any, other: dict[str, Any]
) -> None:
    store.held = {"demo": (SPRING._replace(**other),), "acme": (SPRING,)}

    async with running() as client:
        reply = await client.post("/score", BOTH)

    assert [one["status"] for one in reply.json["predictions"]] == ["ok", "ok"]


async def test_nothing_is_committed_about_who_is_held_out(running: Any, store: Any) -> None:
    store.held = {"demo": (SPRING,)}
    committed = []

    def commit(pending: Any) -> Any:
        committed.extend(pending.contact_ids)
        return [replace(one, score=7) for one in pending.results]

    async with running(before_respond=BeforeRespond(applies=lambda _: True, commit=commit)) as client:
        reply = await client.post("/score", BOTH)

    assert committed == ["c-2"]
    assert [(one["status"], one["score"]) for one in reply.json["predictions"]] == [("control", None), ("ok", 7)]


async def test_a_service_that_starts_while_the_store_is_away_remembers_who_is_held_out(
    make: Any, store: Any, row: Any
) -> None:
    store.rows, store.held = [row("7", "d7")], {"demo": (SPRING,)}
    before = make()
    await before.poll()
    await before.settled()
    store.away = True

    again = make()
    running = asyncio.create_task(again.run())
    async with asyncio.timeout(60):
        while not again.tried:
            await asyncio.sleep(0)
    running.cancel()

    assert again.holdouts.of("demo", "scoring", "customer", at=NOW_US) == (SPRING,)


class Away:
    def __init__(self) -> None:
        self.found: dict[str, tuple[Holdout, ...]] | None = {"demo": (SPRING,)}

    def __call__(self) -> dict[str, tuple[Holdout, ...]]:
        if self.found is None:
            raise StoreUnavailable("The store is away.")
        return self.found


def test_what_is_known_stays_while_the_store_is_away(tmp_path: Path) -> None:
    read = Away()
    known = KnownHoldouts(read, tmp_path, "scoring")
    known.poll()
    read.found = None

    with pytest.raises(StoreUnavailable):
        known.poll()

    assert known.of("demo", "scoring", "customer", at=NOW_US) == (SPRING,)
    assert known.of("acme", "scoring", "customer", at=NOW_US) == ()


def test_a_release_is_remembered_too_and_salts_are_for_nobody_else(tmp_path: Path) -> None:
    read = Away()
    KnownHoldouts(read, tmp_path, "scoring").poll()
    file = tmp_path / "holdouts.scoring.json"
    mode = file.stat().st_mode & 0o777
    read.found = {}
    first = KnownHoldouts(read, tmp_path, "scoring")
    first.recall()
    before = first.of("demo", "scoring", "customer", at=NOW_US)
    first.poll()
    again = KnownHoldouts(read, tmp_path, "scoring")
    again.recall()

    assert (mode, before, again.of("demo", "scoring", "customer", at=NOW_US)) == (0o600, (SPRING,), ())


def test_what_the_store_holds_is_not_replaced_by_what_was_remembered(tmp_path: Path) -> None:
    read = Away()
    KnownHoldouts(read, tmp_path, "scoring").poll()
    known = KnownHoldouts(dict, tmp_path / "other", "scoring")
    known.poll()

    known.recall()

    assert known.of("demo", "scoring", "customer", at=NOW_US) == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"demo": [1]}', '{"demo": [["spring", "00", "x", "", "", 0, null, null]]}']
)
def test_a_damaged_file_does_not_say_who_is_held_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "holdouts.scoring.json").write_text(text)
    known = KnownHoldouts(Away(), tmp_path, "scoring")

    assert not known.recall()
    assert known.of("demo", "scoring", "customer", at=NOW_US) == ()


def test_before_there_is_a_file_nobody_is_held_out(tmp_path: Path) -> None:
    known = KnownHoldouts(Away(), tmp_path, "scoring")

    assert known.recall()
    assert known.of("demo", "scoring", "customer", at=NOW_US) == ()


async def test_no_model_answers_while_it_is_not_known_who_is_held_out(
    make: Any, store: Any, row: Any, metrics: Any, tmp_path: Path
) -> None:
    store.rows, store.held = [row("7", "d7")], {"demo": (SPRING,)}
    before = make()
    await before.poll()
    await before.settled()
    (tmp_path / "holdouts.scoring.json").write_bytes(b"")
    store.away = True

    again = make()
    running = asyncio.create_task(again.run())
    while not metrics.champion_poll_failures._value.get():
        await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(StoreUnavailable):
        await again.of("demo", "customer")


def test_a_cache_that_cannot_be_written_keeps_nobody_from_answering(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    known = KnownHoldouts(Away(), tmp_path / "file", "scoring")

    known.poll()

    assert known.of("demo", "scoring", "customer", at=NOW_US) == (SPRING,)
    assert [record.getMessage() for record in caplog.records] == ["holdouts.not_remembered"]


def test_what_could_not_be_remembered_is_as_soon_as_there_is_room(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("")
    known = KnownHoldouts(Away(), cache, "scoring")
    known.poll()
    cache.unlink()

    known.poll()
    again = KnownHoldouts(Away(), cache, "scoring")
    again.recall()

    assert again.of("demo", "scoring", "customer", at=NOW_US) == (SPRING,)
