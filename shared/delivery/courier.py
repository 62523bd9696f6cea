"""The courier: takes what is due of every account to its receivers, many at once, and writes down what came of it."""

import asyncio
import logging
import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from shared.contracts.credentials import Seal
from shared.contracts.rows import HOUR, SECOND, Microseconds
from shared.delivery.call import NotTellable
from shared.delivery.pace import Pace
from shared.delivery.schedule import asked_wait
from shared.delivery.sender import ReceiverAnswer, Sender
from shared.delivery.telling import Receiver, judged, receiver_of, signed_call, told_of
from shared.errors import NotFound, SettingsRefused, StoreUnavailable
from shared.store import AttemptResult, Database, DueDelivery, SecretRow, SubscriptionRow

log = logging.getLogger(__name__)

AT_ONCE: Final = 128
"""Attempts under way, over all subscriptions."""
ROUND_SECONDS: Final = 5.0
"""A busy round ends after so long, so that the worker shows that it lives; what is under way goes on in the next."""
LAST_SECONDS: Final = 5.0
"""What is under way when the worker is told to stop may take so much longer."""
PAUSE_AFTER: Final = 96 * HOUR
"""A receiver that fails for so long without one success is paused: longer than the schedule of one message."""

UNEXPECTED: Final = "unexpected-error"
"""What is noted of an attempt that failed over a bug, or over what is stored of it."""

_Who = tuple[str, str]
"""Account and subscription."""


@dataclass(frozen=True, slots=True)
class _Flight:
    who: _Who
    result: AttemptResult
    retry_after: str | None


@dataclass(slots=True)
class CourierMetrics:
    """What the courier counts."""

    registry: CollectorRegistry
    attempts: Counter = field(init=False)
    failures: Counter = field(init=False)

    def __post_init__(self) -> None:
        """Register."""
        self.attempts = Counter(
            "foretell_webhook_attempts_total",
            "Attempts to deliver a webhook, by what they left the delivery as.",
            ["state"],
            registry=self.registry,
        )
        self.failures = Counter(
            "foretell_webhook_unexpected_failures_total",
            "Deliveries, or those of an account, that failed over a bug or a damaged row while the others went on.",
            registry=self.registry,
        )


@dataclass(slots=True)
class Courier:
    """Delivers from one thread; several workers share the work through leases."""

    database: Database
    seal: Seal
    sender: Callable[[], Sender]
    """Makes one, inside the courier's event loop."""
    lease: Microseconds
    """Longer than an attempt can take: what a killed worker had under way is due again after it."""
    poll_seconds: float
    stop: threading.Event
    metrics: CourierMetrics
    now: Callable[[], Microseconds]
    draw: Callable[[], float] = random.random
    _runner: asyncio.Runner | None = None
    _open: Sender | None = None
    _paces: dict[_Who, Pace] = field(default_factory=dict)
    _flying: dict[asyncio.Task[_Flight], _Who] = field(default_factory=dict)
    _unwritten: dict[str, list[AttemptResult]] = field(default_factory=dict)

    def turn(self) -> None:
        """Deliver until nothing is due, or for some seconds."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        self._runner.run(self._round())

    def end(self) -> None:
        """Wait a little for what is under way, write it down, close everything."""
        if self._runner is not None:
            self._runner.run(self._last_round())
            self._runner.close()
            self._runner = None

    async def _round(self) -> None:
        if self._open is None:
            self._open = await self.sender().__aenter__()
        deadline = time.monotonic() + ROUND_SECONDS
        while not self.stop.is_set() and time.monotonic() < deadline:
            await self._write()
            await self._launch(self._open)
            if not self._flying:
                await asyncio.sleep(self.poll_seconds)
                return
            await self._land(self.poll_seconds)

    async def _last_round(self) -> None:
        deadline = time.monotonic() + LAST_SECONDS
        while self._flying and time.monotonic() < deadline:
            await self._land(deadline - time.monotonic())
        for task in self._flying:  # their leases end, and they are made again
            task.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
        self._flying.clear()
        await self._write()
        if self._open is not None:
            await self._open.__aexit__(None, None, None)

    async def _launch(self, sender: Sender) -> None:
        """Take along what is due and has room."""
        now = self.now()
        due = await asyncio.to_thread(self.database.due_subscriptions, now)
        room = self._room([(account, one) for account, ones in due.items() for one in ones])
        for account in due:
            wanted = {one: room[account, one] for one in due[account] if room.get((account, one))}
            if wanted:
                await self._take(sender, account, wanted, now)

    def _room(self, due: list[_Who]) -> dict[_Who, int]:
        """Share what may be under way among those who have something due; who comes first is drawn."""
        left = AT_ONCE - len(self._flying)
        flying, now = Tally(self._flying.values()), time.monotonic()
        open_to = {who: self._pace(who).room(flying[who], now) for who in due}
        waiting = [who for who, room in open_to.items() if room]
        random.shuffle(waiting)
        room: dict[_Who, int] = {}
        for number, who in enumerate(waiting):
            if left <= 0:
                break
            room[who] = min(open_to[who], max(1, left // (len(waiting) - number)))
            left -= room[who]
        return room

    async def _take(self, sender: Sender, account: str, room: dict[str, int], now: Microseconds) -> None:
        store = self.database.of(account)

        def taken() -> tuple[list[DueDelivery], dict[str, Receiver | None]]:
            deliveries = store.deliveries.lease(room, at=now, until=self.now() + self.lease)
            secrets = store.subscriptions.secrets(now)
            rows = [row for row in store.subscriptions.all() if row.subscription_id in room]
            return deliveries, {row.subscription_id: self._opened(row, secrets) for row in rows}

        try:
            deliveries, receivers = await asyncio.to_thread(taken)
        except NotFound:  # the account was deleted meanwhile
            return
        except StoreUnavailable:
            raise
        except Exception as error:  # the deliveries of other accounts go on
            self._failed(error)
            return
        for one in deliveries:
            attempt = self._attempt(sender, account, one, receivers.get(one.subscription_id))
            self._flying[asyncio.create_task(attempt)] = (account, one.subscription_id)

    def _opened(self, row: SubscriptionRow, secrets: dict[str, list[SecretRow]]) -> Receiver | None:
        try:
            return receiver_of(row, secrets.get(row.subscription_id, []), self.seal)
        except (SettingsRefused, ValueError):
            # Sealed with another identity key, or what it says fits no more: told at each attempt, for the owner to
            # see, and no other subscription waits for it.
            return None
        except Exception as error:
            self._failed(error)
            return None

    async def _attempt(self, sender: Sender, account: str, due: DueDelivery, receiver: Receiver | None) -> _Flight:
        at = self.now()
        final = False
        if receiver is None:
            answer = ReceiverAnswer(None, 0, SettingsRefused.code, None, None)
        else:
            try:
                answer = await sender.send(signed_call(receiver, due.delivery_id, told_of(due), at))
            except NotTellable as error:
                final = True
                answer = ReceiverAnswer(None, 0, error.code, error.detail, None)
            except Exception as error:  # a failed attempt like others: else it would come back at every lease, unseen
                self._failed(error)
                answer = ReceiverAnswer(None, 0, UNEXPECTED, None, None)
        result = judged(
            due, answer, at=at, now=self.now(), draw=self.draw(), final=final,
            writes_records=receiver is not None and receiver.writes_records,
        )  # fmt: skip
        return _Flight((account, due.subscription_id), result, answer.retry_after)

    async def _land(self, within_seconds: float) -> None:
        """Wait for what is under way, and take in what has landed."""
        landed, _ = await asyncio.wait(
            self._flying, timeout=max(0.0, within_seconds), return_when=asyncio.FIRST_COMPLETED
        )
        for task in landed:
            del self._flying[task]
        for task in landed:
            if task.exception() is None:
                self._note(task.result())
        for task in landed:
            task.result()  # a bug is this turn's failure, once the others are taken in

    def _note(self, flight: _Flight) -> None:
        result, pace = flight.result, self._pace(flight.who)
        if result.state == "delivered":
            pace.succeeded()
        elif result.blames:
            asked = asked_wait(flight.retry_after, self.now())
            pace.failed(result.status, time.monotonic(), asked_seconds=None if asked is None else asked / SECOND)
        self.metrics.attempts.labels("retried" if result.state == "pending" else result.state).inc()
        self._unwritten.setdefault(flight.who[0], []).append(result)

    async def _write(self) -> None:
        """Write down what has landed; what cannot be written now is kept for the next time."""
        for account, results in list(self._unwritten.items()):
            now = self.now()
            record = self.database.of(account).deliveries.record_attempts
            try:
                changed = await asyncio.to_thread(record, results, at=now, pause_before=now - PAUSE_AFTER)
            except NotFound:  # the account was deleted meanwhile
                changed = {}
            except StoreUnavailable:
                raise
            except Exception as error:  # their leases end, and they are made again; other accounts do not wait
                self._failed(error)
                changed = {}
            del self._unwritten[account]
            self._tell(account, changed.items())

    def _tell(self, account: str, changed: Iterable[tuple[str, str]]) -> None:
        for subscription_id, state in changed:
            log.warning(
                "subscription.stopped", extra={"account": account, "subscription": subscription_id, "state": state}
            )

    def _failed(self, error: Exception) -> None:
        self.metrics.failures.inc()
        log.error("delivery.failed_unexpectedly", extra={"error": type(error).__name__})

    def _pace(self, who: _Who) -> Pace:
        return self._paces.setdefault(who, Pace())
