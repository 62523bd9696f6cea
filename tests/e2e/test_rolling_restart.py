"""Two replicas of gateway and service behind balancers are replaced under load, and no request fails."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.balancer import Balancer
from tests.e2e.golden_home import OUTCOME, golden_home

CLIENTS = 4
START_SECONDS = 120.0
SECRETS = {"FORETELL_SIGNING_KEY": "s" * 64, "FORETELL_IDENTITY_KEY": "i" * 64}


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


@dataclass
class Replica:
    """One process that can be replaced."""

    module: str
    port: int
    home: Path
    upstream: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        environment = {
            **os.environ,
            **SECRETS,
            "FORETELL_HOME": str(self.home),
            "FORETELL_UPSTREAM": self.upstream,
            "FORETELL_DRAIN_SECONDS": "1",
            "FORETELL_LIMITS_CALLS": "0",
        }
        with (self.home / f"{self.port}.log").open("ab") as log:
            command = [sys.executable, "-m", self.module, "--port", str(self.port)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    async def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, 30)

    async def ready(self, balancer: Balancer) -> None:
        async with asyncio.timeout(START_SECONDS):
            while self.port not in balancer.ready:
                assert self.process is not None
                assert self.process.poll() is None, (self.home / f"{self.port}.log").read_text()[-2_000:]
                await asyncio.sleep(0.05)


@dataclass
class Cluster:
    """Everything that answers, and who balances it."""

    home: Path
    gateways: list[Replica]
    services: list[Replica]
    front: Balancer
    behind: Balancer

    async def replace(self, replica: Replica, *, empty_cache: bool) -> None:
        """Stop one replica and start it again, as a rolling update does."""
        await replica.stop()
        if empty_cache and replica in self.services:
            shutil.rmtree(self.home / "cache")
        replica.start()
        await replica.ready(self.front if replica in self.gateways else self.behind)


@contextlib.asynccontextmanager
async def running(home: Path) -> AsyncIterator[Cluster]:
    ports = free_ports(4)
    front, behind = Balancer(ports[:2]), Balancer(ports[2:])
    async with front.open(), behind.open():
        upstream = f"http://127.0.0.1:{behind.port}"
        gateways = [Replica("gateway", port, home, upstream) for port in ports[:2]]
        services = [Replica("services.scoring.api", port, home, upstream) for port in ports[2:]]
        try:
            for replica in (*gateways, *services):
                replica.start()
            for replica in gateways:
                await replica.ready(front)
            for replica in services:
                await replica.ready(behind)
            yield Cluster(home, gateways, services, front, behind)
        finally:
            for replica in (*gateways, *services):
                if replica.process is not None:
                    replica.process.kill()
                    replica.process.wait(10)


async def load(cluster: Cluster, ended: asyncio.Event) -> Counter[str]:
    """Ask without a pause until told to stop; count the answers by status and code."""
    key = (cluster.home / "keys" / "default").read_text().strip()
    url = f"http://127.0.0.1:{cluster.front.port}/score"
    body = {"outcome": OUTCOME, "contacts": [{"id": "c", "attributes": {"country": "FR"}}]}
    counted: Counter[str] = Counter()

    async def ask(client: aiohttp.ClientSession) -> None:
        while not ended.is_set():
            try:
                async with client.post(url, json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
                    text = await answer.text()
                    counted["200" if answer.status == 200 else f"{answer.status} {text[:300]}"] += 1
            except aiohttp.ClientError as error:
                counted[type(error).__name__] += 1

    async with aiohttp.ClientSession() as client:
        await asyncio.gather(*(ask(client) for _ in range(CLIENTS)))
    return counted


async def test_replacing_a_gateway_and_a_service_fails_no_request(tmp_path: Path) -> None:
    async with running(golden_home(tmp_path / "var", registered=False)) as cluster:
        ended = asyncio.Event()
        loading = asyncio.create_task(load(cluster, ended))
        await asyncio.gather(
            cluster.replace(cluster.services[0], empty_cache=False),
            cluster.replace(cluster.gateways[0], empty_cache=False),
        )
        ended.set()
        counted = await loading

    assert set(counted) == {"200"}
    assert counted["200"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("empty_cache", [False, True], ids=["warm", "empty"])
async def test_a_rolling_restart_of_everything_fails_no_request(tmp_path: Path, *, empty_cache: bool) -> None:
    async with running(golden_home(tmp_path / "var", registered=True)) as cluster:
        ended = asyncio.Event()
        loading = asyncio.create_task(load(cluster, ended))
        for replica in (*cluster.services, *cluster.gateways):
            await cluster.replace(replica, empty_cache=empty_cache)
        ended.set()
        counted = await loading

    assert set(counted) == {"200"}
    assert counted["200"] > 50
