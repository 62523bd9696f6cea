"""Connections over real sockets: how many, of whom, and how long they may do nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.http.connections import ConnectionLimits
from tests.integration.bounded_server import HEAD, QUICK, Running, served


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with served(QUICK) as one:
        yield one


@pytest.fixture
async def patient() -> AsyncIterator[Running]:
    """Nobody is cut off for being slow: a busy machine makes everybody so."""
    async with served(replace(QUICK, head_seconds=60.0, rest_seconds=60.0, write_seconds=60.0)) as one:
        yield one


async def test_a_body_that_nobody_reads_does_not_keep_a_connection(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n")
    answer = await wire.answer()
    began = asyncio.get_running_loop().time()
    with contextlib.suppress(ConnectionError):
        # What the server had not yet taken makes its system reset the connection: the reader has an error then, no end.
        while not wire.reader.at_eof() and wire.reader.exception() is None:
            assert asyncio.get_running_loop().time() - began < 60
            wire.writer.write(b"x" * 1_000)
            await asyncio.sleep(0.02)

    assert answer == (200, b"fine")
    await wire.aclose()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(running: Running) -> None:
    wire = await running.connect()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    wire.writer.write(HEAD.replace(b"/x", b"/large") + b"\r\n")

    async with asyncio.timeout(60):
        while not running.refused("slow-reader") or running.open():
            await asyncio.sleep(0.01)

    assert running.refused("slow-reader") == 1
    await wire.aclose()


async def test_where_there_is_no_room_the_longest_idle_connection_makes_some(patient: Running) -> None:
    wires = [await patient.connect() for _ in range(21)]

    assert await wires[0].rest() == b""
    wires[-1].writer.write(HEAD + b"\r\n")
    assert await wires[-1].answer() == (200, b"fine")
    assert patient.open() <= 20
    assert patient.refused("evicted") == 1
    for wire in wires:
        await wire.aclose()


async def test_where_all_are_busy_a_new_one_has_to_come_later(patient: Running) -> None:
    wires = [await patient.connect() for _ in range(20)]
    for wire in wires:
        wire.writer.write(HEAD.replace(b"/x", b"/wait") + b"\r\n")
    async with asyncio.timeout(60):
        while len(patient.seen) < 20:
            await asyncio.sleep(0.01)

    status, answer = await patient.say(HEAD + b"\r\n")
    patient.gate.set()
    answers = [await wire.answer() for wire in wires]

    assert (status, answer["code"], answer["retry_after_seconds"]) == (503, "too-many-connections", 1)
    assert answers == [(200, b"fine")] * 20
    for wire in wires:
        await wire.aclose()


async def test_an_address_takes_no_more_than_its_share() -> None:
    async with served(ConnectionLimits(connections=20, per_address=3, linger_seconds=0.2)) as running:
        wires = [await running.connect() for _ in range(3)]
        for wire in wires:
            wire.writer.write(HEAD.replace(b"/x", b"/wait") + b"\r\n")
        while len(running.seen) < 3:
            await asyncio.sleep(0.01)

        refused = await running.say(HEAD + b"\r\n")
        await wires[0].aclose()
        while running.open() > 2:
            await asyncio.sleep(0.01)
        taken = await running.say(HEAD + b"\r\n")
        for wire in wires:
            await wire.aclose()

    assert (refused[0], taken) == (503, (200, b"fine"))


async def test_after_all_that_nothing_is_left_open(running: Running) -> None:
    for sent in (HEAD + b"\r\n", HEAD + b"y" * 100_000, b"nonsense\r\n\r\n"):
        await running.say(sent)

    while running.open():
        await asyncio.sleep(0.01)
    assert running.open() == 0
