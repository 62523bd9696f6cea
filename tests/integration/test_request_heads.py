"""Heads and bodies over real sockets: what is too large, too slow or no HTTP is refused, and harms nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.integration.bounded_server import HEAD, QUICK, Running, served

CHUNKED = b"POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with served(QUICK) as one:
        yield one


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (HEAD + b"x: " + b"y" * 100_000, 431, "headers-too-large"),
        (HEAD + b"y" * 100_000, 431, "headers-too-large"),
        (HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(5_000)), 431, "headers-too-large"),
        (HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(101)) + b"\r\n", 431, "headers-too-large"),
        (b"GET /" + b"y" * 9_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "url-too-long"),
        (b"GET /" + b"y" * 100_000, 414, "url-too-long"),
        (b"GET /x?" + b"y" * 9_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "url-too-long"),
        (b"\x16\x03\x01 hello\r\n\r\n", 400, "malformed-request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed-request"),
    ],
    ids=["value", "value-no-end", "name-no-end", "fields-no-end", "fields", "url", "url-no-end", "query", "tls", "h2"],
)
async def test_a_head_that_is_too_large_or_none_is_refused_with_a_problem(
    running: Running, sent: bytes, status: int, code: str
) -> None:
    answered = await running.say(sent)

    assert (answered[0], answered[1]["code"], answered[1]["status"]) == (status, code, status)
    assert running.seen == []
    assert running.refused(code) == 1


async def test_a_head_as_large_as_browsers_and_proxies_send_is_taken(running: Running) -> None:
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 250) for number in range(90))

    assert await running.say(b"GET /" + b"y" * 8_000 + b" HTTP/1.1\r\n" + fields + b"\r\n") == (200, b"fine")


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (HEAD, b"x: y\r\n" * 100),
        (HEAD, b"y" * 1_000),
        (HEAD + b"x:", b" " * 1_000),
        (b"", b"\r\n" * 500),
        (CHUNKED + b"1;", b"e" * 1_000),
        (CHUNKED + b"0\r\n", b"t: u\r\n" * 100),
        (CHUNKED + b"0\r\nt: ", b"u" * 1_000),
        (CHUNKED, b"0" * 1_000),
    ],
    ids=["fields", "name", "spaces", "empty lines", "chunk extension", "trailers", "trailer", "chunk size"],
)
async def test_what_has_no_end_is_refused_after_some_kilobytes(running: Running, begun: bytes, piece: bytes) -> None:
    wire = await running.connect()
    answer = asyncio.create_task(wire.answer())
    sent = len(begun)
    wire.writer.write(begun)
    while not answer.done() and sent < 200_000:
        await wire.writer.drain()
        await asyncio.sleep(0.001)
        wire.writer.write(piece)
        sent += len(piece)

    status, told = await answer
    assert (status, told["code"]) in [(431, "headers-too-large"), (400, "malformed-request")]
    assert sent < 100_000
    await wire.aclose()


@pytest.mark.parametrize("begun", [HEAD, b"GET", b"GET /x HTTP/1.1\r\nhos", b"\r\n"])
async def test_half_a_head_is_refused_and_closed(running: Running, begun: bytes) -> None:
    wire = await running.connect()
    wire.writer.write(begun)

    status, answer = await wire.answer()

    assert (status, answer["code"]) == (408, "headers-too-slow")
    assert await wire.rest() == b""
    await wire.aclose()


async def test_a_head_a_byte_at_a_time_has_no_more_time_than_any_other(running: Running) -> None:
    wire = await running.connect()
    began = asyncio.get_running_loop().time()
    with contextlib.suppress(ConnectionError):
        for byte in HEAD * 1_000:
            wire.writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
            if wire.reader.at_eof() or wire.reader._buffer:  # type: ignore[attr-defined]
                break

    assert asyncio.get_running_loop().time() - began < 60  # to its end it would take ten minutes
    assert (await wire.answer())[0] == 408
    await wire.aclose()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(running: Running) -> None:
    wire = await running.connect()

    assert await wire.rest() == b""
    assert running.refused("idle") == 1
    await wire.aclose()


async def test_an_idle_connection_lives_on_between_requests_for_a_while(running: Running) -> None:
    wire = await running.connect()
    answers = []
    for _ in range(3):
        wire.writer.write(HEAD + b"\r\n")
        answers.append(await wire.answer())
        await asyncio.sleep(0.2)  # longer than a head may take

    assert answers == [(200, b"fine")] * 3
    await wire.aclose()


async def test_the_second_head_of_a_connection_has_its_own_time(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write(HEAD + b"\r\n")
    first = await wire.answer()
    wire.writer.write(HEAD)

    assert (first[0], (await wire.answer())[0]) == (200, 408)
    await wire.aclose()


async def test_pipelined_requests_are_answered_in_order_and_a_bad_one_comes_last(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write((HEAD + b"\r\n") * 3 + HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n")

    answers = [await wire.answer() for _ in range(3)]

    assert answers == [(200, b"fine")] * 3
    assert await wire.rest() == b""
    await wire.aclose()


async def test_trailers_never_become_headers_of_the_request(running: Running) -> None:
    answer = await running.say(CHUNKED + b"3;e=1\r\nabc\r\n0\r\nforetell-call: forged\r\n\r\n")

    assert answer == (200, b"3")
    assert b"foretell-call" not in running.seen[0][1]


async def test_who_waits_for_100_is_let_go_on(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write(b"POST /read HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
    told = await wire.reader.readuntil(b"\r\n\r\n")
    wire.writer.write(b"abc")

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert await wire.answer() == (200, b"3")
    await wire.aclose()
