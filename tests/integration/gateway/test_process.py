import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from shared.contracts.call import new_key
from shared.settings import GatewaySettings
from shared.store import open_database
from tests.e2e.installation import forked

SECRET = "a key of the tests that is long enough"


class Process:
    """A gateway on its own home and a port of its own."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        words = ("gateway", "--port", str(self.port))
        self.child = forked(*words, environment=environment(home), log=home / "gateway.log")

    async def ready(self, client: aiohttp.ClientSession) -> None:
        await ready(client, self.port, self.child.is_alive)

    def kill(self) -> None:
        self.child.kill()
        self.child.join(60)


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "FORETELL_HOME": str(home),
        "FORETELL_SIGNING_KEY": SECRET,
        "FORETELL_IDENTITY_KEY": SECRET,
        "FORETELL_UPSTREAM": "http://127.0.0.1:1",
    }


async def ready(client: aiohttp.ClientSession, port: int, is_alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert is_alive()
        try:
            async with client.get(f"http://127.0.0.1:{port}/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)
    raise AssertionError("the gateway did not become ready")


@pytest.fixture
async def home(migrated: Path, tmp_path: Path) -> Path:
    for file in migrated.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
async def process(home: Path) -> AsyncIterator[Process]:
    started = Process(home)
    yield started
    started.kill()


def made_key(home: Path) -> str:
    database = open_database(GatewaySettings(home=home, signing_key=SECRET, identity_key=SECRET))
    key = new_key()
    database.of("acme").keys.create("t", ("admin",), public_id=key.public_id, digest=key.digest, created_at=0)
    database.close()
    return key.text


async def test_after_kill_9_every_acknowledged_event_is_there(home: Path, process: Process) -> None:
    headers = {"Authorization": f"Bearer {made_key(home)}"}
    acknowledged: list[str] = []

    async def send(client: aiohttp.ClientSession, sender: int) -> None:
        for number in range(10_000):
            ids = [f"{sender}-{number}-{place}" for place in range(20)]
            events = [
                {"contact_id": f"c-{place}", "id": name, "type": "page_viewed", "occurred_at": "2026-05-03T10:15:00Z"}
                for place, name in enumerate(ids)
            ]
            url = f"http://127.0.0.1:{process.port}/events"
            async with client.post(url, json={"events": events}, headers=headers) as answer:
                assert answer.status == 200
            acknowledged.extend(ids)
            if len(acknowledged) > 600:
                process.child.kill()

    async with aiohttp.ClientSession() as client:
        await process.ready(client)
        ended = await asyncio.gather(*(send(client, sender) for sender in range(3)), return_exceptions=True)

    assert all(isinstance(one, aiohttp.ClientError) for one in ended)
    process.child.join(60)
    with sqlite3.connect(home / "store.sqlite") as connection:
        kept = {name for (name,) in connection.execute("select event_id from events")}
    connection.close()
    assert len(acknowledged) > 600
    assert set(acknowledged) <= kept


async def test_after_kill_9_a_request_sent_again_has_its_effect_once(home: Path, process: Process) -> None:
    key = made_key(home)
    answered: dict[int, bytes] = {}

    async def put(client: aiohttp.ClientSession, port: int, number: int) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"k-{number}"}
        url = f"http://127.0.0.1:{port}/contacts/c-{number}"
        async with client.put(url, json={"timezone": "Europe/Paris"}, headers=headers) as answer:
            return answer.status, await answer.read()

    async def put_all(client: aiohttp.ClientSession, sender: int) -> None:
        for number in range(sender, 10_000, 4):
            status, body = await put(client, process.port, number)
            assert status == 201
            answered[number] = body
            if len(answered) > 60:
                process.child.kill()

    async with aiohttp.ClientSession() as client:
        await process.ready(client)
        await asyncio.gather(*(put_all(client, sender) for sender in range(4)), return_exceptions=True)
        process.child.join(60)
        with sqlite3.connect(home / "store.sqlite") as connection:
            connection.execute("update idempotency_keys set begun_at = begun_at - 61000000 where status is null")
        connection.close()
        again = Process(home)
        try:
            await again.ready(client)
            sent = [await put(client, again.port, number) for number in range(max(answered) + 5)]
        finally:
            again.kill()

    assert len(answered) > 60
    assert all(status == 201 and b'"created"' in body for status, body in sent)
    assert all(sent[number][1] == body for number, body in answered.items())


async def test_it_starts_by_itself_stops_when_signalled_and_logs_json_without_ids_or_keys(
    home: Path, unused_tcp_port: int
) -> None:
    """The others are forked from a process that has loaded the libraries, as `foretell up` does it."""
    headers, base = {"Authorization": f"Bearer {made_key(home)}"}, f"http://127.0.0.1:{unused_tcp_port}"
    words = [sys.executable, "-m", "gateway", "--port", str(unused_tcp_port)]
    with (
        (home / "gateway.log").open("wb") as log,
        subprocess.Popen(words, env=environment(home), stdout=log, stderr=log) as child,
    ):
        try:
            async with aiohttp.ClientSession() as client:
                await ready(client, unused_tcp_port, lambda: child.poll() is None)
                async with client.get(f"{base}/contacts/very-secret-id", headers=headers) as answer:
                    assert answer.status == 404
                async with client.post(f"{base}/score", headers=headers) as answer:
                    assert answer.status == 503
        finally:
            child.terminate()

    written = (home / "gateway.log").read_text()
    lines = [line for line in written.splitlines() if line]
    assert child.returncode in (0, -signal.SIGTERM)
    assert all(line.startswith("{") for line in lines)
    assert any('"request.answered"' in line and '"account":"acme"' in line for line in lines)
    assert "very-secret-id" not in written
    assert headers["Authorization"].removeprefix("Bearer ") not in written
