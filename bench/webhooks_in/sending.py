"""SendGrid at work: signed batches at a steady rate, sent again until they are answered 2xx, some of them twice."""

import asyncio
import base64
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.webhooks_in.gateway import Installation

KINDS = ("processed", "delivered", "open", "click")
NOW = int(time.time())


@dataclass
class Sender:
    """Sends events and counts what is answered."""

    url: str
    installation: Installation
    contacts: int
    repeated: float = 0.05
    """Share of batches that are sent once more after they were answered."""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    answered: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    failures: int = 0

    def secret(self) -> str:
        """Show the verification key."""
        encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self.key.public_key().public_bytes(*encoding)).decode()

    def items(self, first: int, count: int) -> list[dict[str, Any]]:
        """Make a batch."""
        return [
            {
                "email": f"person{number * 7919 % self.contacts}@example.com",
                "timestamp": NOW - 86_400 + number % 80_000,
                "event": KINDS[number % 4],
                "url": f"https://shop.example.com/{number % 50}",
                "sg_event_id": f"event-{number}",
                "sg_message_id": f"message-{number // 4}.filter0001",
                "useragent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
                "ip": "192.0.2.7",
            }
            for number in range(first, first + count)
        ]

    async def send_all(self, events: int, size: int, rate: float, *, workers: int = 6) -> None:
        """Send events in batches.

        Args:
            events: how many.
            size: of a batch.
            rate: events a second; 0: as fast as they are answered.
            workers: requests at once.
        """
        begun = time.monotonic()
        batches: Iterator[int] = iter(range(0, events, size))

        async def work(client: aiohttp.ClientSession) -> None:
            for first in batches:
                if rate:
                    await asyncio.sleep(max(0.0, begun + first / rate - time.monotonic()))
                items = self.items(first, min(size, events - first))
                await self._until_answered(client, items)
                if self.draw.random() < self.repeated:
                    await self._until_answered(client, items[::-1])

        async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work(client))

    async def _until_answered(self, client: aiohttp.ClientSession, items: list[dict[str, Any]]) -> None:
        body = json.dumps(items).encode()
        while True:
            await self.installation.ready.wait()
            began = time.perf_counter()
            try:
                async with client.post(self.url, data=body, headers=self._headers(body)) as answer:
                    told = await answer.json(content_type=None)
                    status = answer.status
            except (aiohttp.ClientError, ValueError):
                status = 0
            if 200 <= status < 300:
                self.seconds.append(time.perf_counter() - began)
                self.counts.update({name: count for name, count in told.items() if isinstance(count, int)})
                self.answered.update(str(item["sg_event_id"]) for item in items)
                return
            assert status in (0, 503), status
            self.failures += 1
            await asyncio.sleep(0.02)

    def _headers(self, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        signature = self.key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            "Content-Type": "application/json",
        }


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    answered: int
    stored: int
    lost: int
    twice: int
    failures: int
    kills: int
    seconds: float
    latencies: list[float]
    counts: Counter[str]


async def run(home: Path, *, events: int, size: int, rate: float, kills: int, longest_seconds: float) -> Outcome:
    """Send events to a gateway that is killed, then look into the store.

    Args:
        home: an empty folder.
        events: how many.
        size: of a batch.
        rate: events a second; 0: as fast as they are answered.
        kills: how often the gateway is killed.
        longest_seconds: it lives at most so long.
    """
    installation = Installation(home)
    sender = Sender("", installation, contacts=max(events // 40, 1))
    sender.url = installation.prepare(sender.secret())
    sender.url = f"http://127.0.0.1:{installation.port}{sender.url}"
    await installation.start()
    begun = time.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(installation.killed_again_and_again(random.Random(11), kills, longest_seconds))
            group.create_task(sender.send_all(events, size, rate))
    finally:
        installation.stop()
    seconds = time.monotonic() - begun
    stored = Counter(stored_events(home))
    return Outcome(
        answered=len(sender.answered),
        stored=stored.total(),
        lost=len(sender.answered - stored.keys()),
        twice=sum(1 for times in stored.values() if times > 1),
        failures=sender.failures,
        kills=installation.kills,
        seconds=seconds,
        latencies=sorted(sender.seconds),
        counts=sender.counts,
    )


def stored_events(home: Path) -> Iterator[str]:
    """Read the provider's ids of all stored events; before them stands the name of the source."""
    import sqlite3

    connection = sqlite3.connect(home / "store.sqlite")
    try:
        for (event_id,) in connection.execute("SELECT event_id FROM events"):
            yield event_id.partition(":")[2]
    finally:
        connection.close()
