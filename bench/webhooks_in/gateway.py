"""A real gateway process that is killed at random moments, and the installation behind it."""

import asyncio
import os
import random
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import aiohttp

from foretell.child import launched
from gateway.webhooks.providers import PROVIDERS
from gateway.webhooks.sources import new_source
from shared.contracts.seal import Seal
from shared.settings import GatewaySettings
from shared.store import migrate, open_database

KEY = "a key of the measurement, long enough"
LONG_AGO = 1_700_000_000_000_000


@dataclass
class Installation:
    """A home folder and the gateway on it."""

    home: Path
    port: int = 0
    child: ForkServerProcess | None = None
    lifeline: tuple[int, int] = field(default_factory=os.pipe)
    """A pipe that closes with this process: then the gateway ends."""
    kills: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def prepare(self, secret: str) -> str:
        """Make store, account and source; gives the source's path."""
        settings = GatewaySettings(home=self.home, signing_key=KEY, identity_key=KEY)  # type: ignore[arg-type]
        migrate(settings)
        database = open_database(settings)
        database.create_account("default", created_at=LONG_AGO)
        source = new_source(
            "default",
            "mail",
            PROVIDERS,
            "sendgrid",
            secrets=[secret],
            topics=[],
            creates_contacts=True,
            seal=Seal(KEY.encode()),
            at=LONG_AGO,
        )
        database.of("default").sources.add(source)
        database.close()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        return f"/webhooks/sendgrid/{source.source_id}"

    async def start(self) -> None:
        """Start the process and wait until it serves."""
        environment = {
            **os.environ,
            "FORETELL_HOME": str(self.home),
            "FORETELL_SIGNING_KEY": KEY,
            "FORETELL_IDENTITY_KEY": KEY,
            "FORETELL_UPSTREAM": "http://127.0.0.1:1",
            "FORETELL_LOG_LEVEL": "ERROR",
        }
        words, log = ("gateway", "--port", str(self.port)), self.home / "gateway.log"
        self.child = launched(words, environment=environment, log=log, lifeline=self.lifeline[0])
        async with aiohttp.ClientSession() as client:
            while not self.ready.is_set():
                assert self.child.is_alive(), f"the gateway did not start: {log.read_text()}"
                with suppress(aiohttp.ClientError):
                    async with client.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            self.ready.set()
                            return
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """Kill the process as a power failure would."""
        assert self.child is not None
        self.ready.clear()
        self.child.kill()
        self.child.join()
        self.kills += 1

    def stop(self) -> None:
        """End the process."""
        if self.child is not None and self.child.is_alive():
            self.child.terminate()
            self.child.join(15)
        for end in self.lifeline:
            os.close(end)

    async def killed_again_and_again(self, draw: random.Random, kills: int, longest_seconds: float) -> None:
        """Kill and restart, each time after a random while."""
        for _ in range(kills):
            await asyncio.sleep(draw.uniform(0.05, longest_seconds))
            self.kill()
            await self.start()
