"""The client of the services against sockets that answer as told: late, in pieces, cut short, or with nonsense."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from gateway import upstream
from gateway.upstream import AnswerLost, NotConnected, ServiceClient
from shared.http.exchange import HttpAnswer

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
"""The loop of the other tests, and that of the processes: their transports differ."""

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Service:
    """Hands the connections and requests that come to a script, and counts them."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        """Written one a request; None: the connection is closed instead."""
        self.requests: list[bytes] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = sum(int(line[16:]) for line in lines if line.startswith(b"content-length: "))
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def client_of(service: Service, path: str = "") -> AsyncIterator[ServiceClient]:
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    client = ServiceClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}")
    try:
        yield client
    finally:
        client.close()
        for writer in service.writers:
            writer.close()
        server.close()
        await server.wait_closed()


async def requested(client: ServiceClient, body: bytes = b"{}") -> HttpAnswer:
    async with asyncio.timeout(60):
        return await client.request("POST", b"/score", [(b"content-type", b"application/json")], body)


async def test_a_request_has_its_host_and_length_and_nothing_more() -> None:
    service = Service(OK)

    async with client_of(service, "/below") as client:
        await requested(client)

    [sent] = service.requests
    head, host, content_type, length, _, body = sent.split(b"\r\n")
    assert head == b"POST /below/score HTTP/1.1"
    assert host.startswith(b"host: 127.0.0.1:")
    assert (content_type, length, body) == (b"content-type: application/json", b"content-length: 2", b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK, id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", id="chunked"
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, id="interim answer first"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: first\r\nX-A: second\r\n\r\nhi", id="more headers"),
    ],
)
async def test_answers_of_every_framing_are_read_and_the_connection_used_again(answer: bytes) -> None:
    service = Service(answer, answer)

    async with client_of(service) as client:
        answers = [await requested(client) for _ in range(2)]

    assert [(one.status, one.body) for one in answers] == [(200, b"hi")] * 2
    assert service.connections == 1


async def test_of_a_header_that_comes_twice_the_first_counts_in_lower_case() -> None:
    async with client_of(Service(b"HTTP/1.1 204 No Content\r\nX-A: first\r\nX-A: second\r\n\r\n")) as client:
        answer = await requested(client)

    assert answer == (204, [(b"x-a", b"first")], b"")


async def test_an_answer_in_single_bytes_is_read() -> None:
    service = Service()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for byte in OK:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    service.serve = trickle  # type: ignore[method-assign]
    async with client_of(service) as client:
        assert (await requested(client)).body == b"hi"


async def test_a_body_without_an_end_of_its_own_ends_with_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()

    service = Service()
    service.serve = serve  # type: ignore[method-assign]
    async with client_of(service) as client:
        assert (await requested(client)).body == b"all of it"


@pytest.mark.parametrize(
    ("answer", "begun"),
    [
        pytest.param(b"", False, id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", True, id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi", True, id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhi", True, id="half a chunk"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", True, id="only an interim answer"),
        pytest.param(b"220 smtp.example.com ESMTP\r\n", True, id="another protocol"),
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", True, id="upgrade"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi", True, id="two lengths"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n", True, id="endless head"
        ),
    ],
)
async def test_an_answer_that_is_not_whole_is_lost(answer: bytes, *, begun: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(answer)
        writer.close()

    service = Service()
    service.serve = serve  # type: ignore[method-assign]
    async with client_of(service) as client:
        with pytest.raises(AnswerLost) as lost:
            await requested(client)

    assert lost.value.begun == begun


async def test_a_connection_that_is_reset_loses_its_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    service = Service()
    service.serve = serve  # type: ignore[method-assign]
    async with client_of(service) as client:
        with pytest.raises(AnswerLost):
            await requested(client)


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotConnected) as failed:
        await requested(ServiceClient(f"http://127.0.0.1:{port}"))

    assert not failed.value.timed_out


async def test_a_machine_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "CONNECT_SECONDS", 0.05)
    with socket.socket() as listener, contextlib.ExitStack() as others:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # Linux answers nobody once the queue is full
        for _ in range(2):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(listener.getsockname())

        with pytest.raises(NotConnected) as failed:
            await requested(ServiceClient(f"http://127.0.0.1:{listener.getsockname()[1]}"))

    assert failed.value.timed_out


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), id="that says so"),
        pytest.param(OK.replace(b"1.1", b"1.0"), id="of HTTP/1.0"),
        pytest.param(OK + b"leftover", id="with something after it"),
        pytest.param(OK + OK, id="with a second one after it"),
    ],
)
async def test_a_connection_is_not_used_again_after_an_answer(answer: bytes) -> None:
    service = Service(answer, answer)

    async with client_of(service) as client:
        answers = [(await requested(client)).body for _ in range(2)]

    assert (answers, service.connections) == ([b"hi", b"hi"], 2)


async def test_what_comes_while_nobody_asks_is_no_answer_to_the_next_request() -> None:
    service = Service(OK, OK)

    async with client_of(service) as client:
        await requested(client)
        service.writers[0].write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")
        await until(lambda: not client._idle)
        answer = await requested(client)

    assert (answer.body, service.connections) == (b"hi", 2)


async def test_a_connection_that_the_service_closed_is_forgotten() -> None:
    service = Service(OK, OK)

    async with client_of(service) as client:
        await requested(client)
        service.writers[0].close()
        await until(lambda: not client._idle)
        answer = await requested(client)

    assert (answer.body, service.connections) == (b"hi", 2)


async def test_a_connection_that_waited_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(OK, OK)

    async with client_of(service) as client:
        await requested(client)
        monkeypatch.setattr(upstream, "IDLE_SECONDS", 0.0)
        await requested(client)

    assert service.connections == 2


async def test_a_fresh_connection_is_made_when_wanted() -> None:
    service = Service(OK, OK)

    async with client_of(service) as client:
        await requested(client)
        await client.request("GET", b"/healthz", fresh=True)

    assert service.connections == 2
    assert b"content-length" not in service.requests[1]


async def test_a_request_that_is_given_up_closes_its_connection() -> None:
    service = Service(b"", OK)

    async with client_of(service) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.request("POST", b"/score")
        async with asyncio.timeout(60):
            await service.left.wait()
        answer = await requested(client)

    assert (answer.body, service.connections) == (b"hi", 2)


async def test_more_requests_than_connections_are_allowed_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MAX_CONNECTIONS", 2)
    service = Service(*[OK] * 10)

    async with client_of(service) as client:
        answers = await asyncio.gather(*(requested(client) for _ in range(10)))

    assert [one.body for one in answers] == [b"hi"] * 10
    assert service.connections <= 2


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000
    service = Service(OK)

    async with client_of(service) as client:
        await requested(client, body)

    assert service.requests[0].endswith(body)


async def test_an_early_answer_is_taken_and_ends_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        service.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK.replace(b"200 OK", b"413 Too Large"))
        service.writers.append(writer)

    service = Service()
    service.serve = serve  # type: ignore[method-assign]
    async with client_of(service) as client:
        answer = await requested(client, b"x" * 50_000_000)
        waits = len(client._idle)

    assert (answer.status, waits) == (413, 0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)
