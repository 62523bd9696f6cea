"""Where the sender connects to, and whom it believes."""

import asyncio
import contextlib
import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.webhooks_out.message import HttpCall
from shared.webhooks_out.sender import ReceiverAnswer, Sender
from shared.webhooks_out.ssrf_guard import AddressRefused, check_addresses, checked_url


@dataclass
class FakeDns(AbstractResolver):
    """Gives every name the next list of addresses."""

    answers: list[list[str]]

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [
            {"hostname": host, "host": one, "port": port, "family": 2, "proto": 0, "flags": 0}
            for one in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def sent(url: str, **more: Any) -> ReceiverAnswer:
    given = {"timeout_seconds": 2.0, "allow_private": True, **more}
    async with Sender(**given) as sender:
        return await sender.send(HttpCall("POST", url, b"{}"))


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for a name; what serves it, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


async def test_a_name_that_turns_inside_after_the_check_is_not_followed(receiver: Any) -> None:
    port = receiver.url.rsplit(":", 1)[1]
    url = f"https://rebound.example:{port}/"
    checked_url(url, allow_private=False)

    answer = await sent(url, allow_private=False, resolver=FakeDns([["127.0.0.1"]]))

    assert (answer.error, receiver.seen) == ("address-refused", [])


async def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_resolved_once(receiver: Any) -> None:
    dns = FakeDns([["127.0.0.1"]])
    port = receiver.url.rsplit(":", 1)[1]

    answer = await sent(f"http://named.example:{port}/x", resolver=dns)

    assert (answer.status, dns.answers) == (200, [])
    assert receiver.seen[0].headers["Host"] == f"named.example:{port}"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://localhost:{port}/", "https://0x7f.1:{port}/"],
)
async def test_nothing_inside_is_reached_without_the_setting(receiver: Any, url: str) -> None:
    answer = await sent(url.format(port=receiver.url.rsplit(":", 1)[1]), allow_private=False)

    assert (answer.error, receiver.seen) == ("address-refused", [])


@pytest.mark.parametrize(("name", "error"), [("right.example", None), ("wrong.example", "tls-failed")])
async def test_tls_verifies_the_name_and_not_the_address(tmp_path: Path, name: str, error: str | None) -> None:
    serving, trusting = certificate(tmp_path, "right.example")

    async def taken(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", taken)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
    port = runner.addresses[0][1]

    answer = await sent(f"https://{name}:{port}/", resolver=FakeDns([["127.0.0.1"]]), tls=trusting)
    untrusted = await sent(f"https://right.example:{port}/", resolver=FakeDns([["127.0.0.1"]]))
    await runner.cleanup()

    assert answer.error == error
    assert untrusted.error == "tls-failed"


async def raw(answer: bytes | None, **more: Any) -> ReceiverAnswer:
    """Ask a server that says these bytes and hangs up; None: it says nothing and waits."""
    hung_up = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            await reader.readexactly(2)
            writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        hung_up.set()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await sent(f"http://127.0.0.1:{port}/", **more)
        await hung_up.wait()
    return found


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        (b"", None, "connection-failed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", None, "bad-answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", None, "bad-answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", 200, None),
        (b"HTTP/1.1 999 What\r\n\r\n", 999, None),
        (b"HTTP/1.1 500 No\r\nRetry-After: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\x00", 500, None),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", 200, None),
    ],
)
async def test_whatever_a_receiver_says_is_an_answer(said: bytes, status: int | None, error: str | None) -> None:
    answer = await raw(said)

    assert (answer.status, answer.error) == (status, error)


async def test_a_receiver_that_says_nothing_is_left_after_the_timeout() -> None:
    answer = await raw(None, timeout_seconds=0.2)

    assert (answer.status, answer.error) == (None, "timeout")


async def test_a_name_without_an_address_is_reported_as_such() -> None:
    class NoDns(FakeDns):
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
            raise OSError("no such name")

    answer = await sent("http://nowhere.example/", resolver=NoDns([]))

    assert answer.error == "no-address"
    with pytest.raises(AddressRefused, match="has no address"):
        await check_addresses(checked_url("https://nowhere.invalid/", allow_private=False), allow_private=False)
