"""Two replicas of every process, each pair behind a balancer of its own, as a cluster runs them."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from shared.capabilities import TABLE
from tests.e2e.balancer import Balancer
from tests.e2e.installation import forked, free_ports

REPLICAS = 2
START_SECONDS = 300.0
IDENTITY_KEY = "i" * 64
SERVICES = tuple(line.name for line in TABLE)
EVERYTHING = (*SERVICES, "worker", "gateway")


@dataclass
class Replica:
    """One process that can be replaced."""

    name: str
    port: int
    home: Path
    first_port: int
    """Of the balancers: the gateway's, then those of the services in table order."""
    process: ForkServerProcess | None = None

    def words(self) -> list[str]:
        module = {"gateway": ["gateway"], "worker": ["foretell", "worker"]}
        return [*module.get(self.name, ["services", self.name]), "--port", str(self.port)]

    def start(self) -> None:
        environment = {
            **os.environ,
            "FORETELL_SIGNING_KEY": "s" * 64,
            "FORETELL_IDENTITY_KEY": IDENTITY_KEY,
            "FORETELL_HOME": str(self.home),
            "FORETELL_PORT": str(self.first_port),
            "FORETELL_DRAIN_SECONDS": "1",
            "FORETELL_LIMITS_CALLS": "0",
            "FORETELL_WEBHOOK_ALLOW_PRIVATE": "true",
            "FORETELL_RESCORE_DEBOUNCE_SECONDS": "1",
        }
        self.process = forked(*self.words(), environment=environment, log=self.log)

    @property
    def log(self) -> Path:
        return self.home / f"{self.name}-{self.port}.log"

    async def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        await asyncio.to_thread(self.process.join, 120)
        assert self.process.exitcode in (0, -signal.SIGTERM), self.log.read_text()[
            -2_000:
        ]  # uvicorn ends as it was told to

    async def ready(self, balancer: Balancer) -> None:
        async with asyncio.timeout(START_SECONDS):
            while self.port not in balancer.ready:
                assert self.process is not None
                assert self.process.is_alive(), self.log.read_text()[-2_000:]
                await asyncio.sleep(0.05)


@dataclass
class Cluster:
    """Everything that runs, and who balances it."""

    home: Path
    url: str
    pools: dict[str, list[Replica]]
    balancers: dict[str, Balancer]
    ready_after: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from the start of a replacement until it was ready, by name."""

    async def replace(self, replicas: Sequence[Replica], *, empty_cache: bool = False) -> None:
        """Stop some replicas and start them again, as rolling updates of several processes at once do."""
        await asyncio.gather(*(replica.stop() for replica in replicas))
        if empty_cache:
            shutil.rmtree(self.home / "cache")
        await asyncio.gather(*(self._start_again(replica) for replica in replicas))

    async def _start_again(self, replica: Replica) -> None:
        replica.start()
        began = time.monotonic()
        await replica.ready(self.balancers[replica.name])
        self.ready_after.setdefault(replica.name, []).append(round(time.monotonic() - began, 1))


@contextlib.asynccontextmanager
async def running(home: Path, names: Sequence[str] = EVERYTHING) -> AsyncIterator[Cluster]:
    """Run two replicas of each process named until the context ends; nothing of them is left."""
    first = free_ports(len(SERVICES) + 2 + REPLICAS * len(EVERYTHING))
    behind = first + len(SERVICES) + 2
    fronts = {
        "gateway": first,
        **{name: first + 1 + place for place, name in enumerate(SERVICES)},
        "worker": behind - 1,
    }
    ports = {
        name: range(behind + REPLICAS * place, behind + REPLICAS * (place + 1)) for place, name in enumerate(names)
    }
    pools = {name: [Replica(name, port, home, first) for port in ports[name]] for name in names}
    balancers = {name: Balancer(ports[name], fronts[name]) for name in names}
    async with contextlib.AsyncExitStack() as stack:
        for balancer in balancers.values():
            await stack.enter_async_context(balancer.open())
        replicas = [replica for pool in pools.values() for replica in pool]
        try:
            for replica in replicas:
                replica.start()
            for replica in replicas:
                await replica.ready(balancers[replica.name])
            yield Cluster(home, f"http://127.0.0.1:{first}", pools, balancers)
        finally:
            for replica in replicas:
                if replica.process is not None:
                    replica.process.kill()
                    replica.process.join(120)
