"""The dispatcher: leases due deliveries of every account, sends many at once, and records the attempts."""

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

from shared.contracts.rows import HOUR, SECOND, Microseconds
from shared.contracts.seal import Seal
from shared.errors import NotFound, SettingsRefused, StoreUnavailable
from shared.store import AttemptResult, Database, DueDelivery, SecretRow, SubscriptionRow
from shared.webhooks_out.concurrency import ConcurrencyLimit
from shared.webhooks_out.message import UnsupportedMessage
from shared.webhooks_out.payload import Receiver, attempt_result, message_of, receiver_of, signed_call
from shared.webhooks_out.retries import retry_after_wait
from shared.webhooks_out.sender import ReceiverAnswer, Sender

log = logging.getLogger(__name__)

MAX_CONCURRENT: Final = 128
"""Running attempts, over all subscriptions."""
ROUND_SECONDS: Final = 5.0
"""A busy round ends after this time, so that the worker reports that it is alive; attempts go on in the next round."""
LAST_SECONDS: Final = 5.0
"""How long running attempts may take after the worker was stopped."""
PAUSE_AFTER: Final = 96 * HOUR
"""A receiver that fails for this long without a success is paused; longer than the retries of one message."""

UNEXPECTED: Final = "unexpected-error"
"""The error of an attempt that failed because of a bug or a damaged row."""

_SubscriptionKey = tuple[str, str]
"""Account and subscription."""


@dataclass(frozen=True, slots=True)
class _FinishedAttempt:
    who: _SubscriptionKey
    result: AttemptResult
    retry_after: str | None


@dataclass(slots=True)
class DispatcherMetrics:
    """The dispatcher's metrics."""

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
class Dispatcher:
    """Delivers from one thread; several workers share the deliveries through leases."""

    database: Database
    seal: Seal
    sender: Callable[[], Sender]
    """Makes one, inside the dispatcher's event loop."""
    lease: Microseconds
    """Longer than an attempt can take: after it, the attempts of a killed worker are due again."""
    poll_seconds: float
    stop: threading.Event
    metrics: DispatcherMetrics
    now: Callable[[], Microseconds]
    draw: Callable[[], float] = random.random
    _runner: asyncio.Runner | None = None
    _open: Sender | None = None
    _limits: dict[_SubscriptionKey, ConcurrencyLimit] = field(default_factory=dict)
    _running: dict[asyncio.Task[_FinishedAttempt], _SubscriptionKey] = field(default_factory=dict)
    _unwritten: dict[str, list[AttemptResult]] = field(default_factory=dict)

    def turn(self) -> None:
        """Deliver until nothing is due, or for some seconds."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        self._runner.run(self._round())

    def end(self) -> None:
        """Wait a little for running attempts, record them, close everything."""
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
            await self._start_attempts(self._open)
            if not self._running:
                await asyncio.sleep(self.poll_seconds)
                return
            await self._collect(self.poll_seconds)

    async def _last_round(self) -> None:
        deadline = time.monotonic() + LAST_SECONDS
        while self._running and time.monotonic() < deadline:
            await self._collect(deadline - time.monotonic())
        for task in self._running:  # their leases end, and they are sent again
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()
        await self._write()
        if self._open is not None:
            await self._open.__aexit__(None, None, None)

    async def _start_attempts(self, sender: Sender) -> None:
        """Lease what is due and within the limits, and start its attempts."""
        now = self.now()
        due = await asyncio.to_thread(self.database.due_subscriptions, now)
        capacity = self._capacity([(account, one) for account, ones in due.items() for one in ones])
        for account in due:
            wanted = {one: capacity[account, one] for one in due[account] if capacity.get((account, one))}
            if wanted:
                await self._take(sender, account, wanted, now)

    def _capacity(self, due: list[_SubscriptionKey]) -> dict[_SubscriptionKey, int]:
        """Divide the free attempts among subscriptions with due deliveries, in random order."""
        left = MAX_CONCURRENT - len(self._running)
        running, now = Tally(self._running.values()), time.monotonic()
        open_to = {who: self._limit(who).capacity(running[who], now) for who in due}
        waiting = [who for who, capacity in open_to.items() if capacity]
        random.shuffle(waiting)
        capacity: dict[_SubscriptionKey, int] = {}
        for number, who in enumerate(waiting):
            if left <= 0:
                break
            capacity[who] = min(open_to[who], max(1, left // (len(waiting) - number)))
            left -= capacity[who]
        return capacity

    async def _take(self, sender: Sender, account: str, capacity: dict[str, int], now: Microseconds) -> None:
        store = self.database.of(account)

        def taken() -> tuple[list[DueDelivery], dict[str, Receiver | None]]:
            deliveries = store.deliveries.lease(capacity, at=now, until=self.now() + self.lease)
            secrets = store.subscriptions.secrets(now)
            rows = [row for row in store.subscriptions.all() if row.subscription_id in capacity]
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
            self._running[asyncio.create_task(attempt)] = (account, one.subscription_id)

    def _opened(self, row: SubscriptionRow, secrets: dict[str, list[SecretRow]]) -> Receiver | None:
        try:
            return receiver_of(row, secrets.get(row.subscription_id, []), self.seal)
        except (SettingsRefused, ValueError):
            # Sealed with another identity key, or its settings no longer fit: each attempt shows it to the owner, no
            # other subscription waits for it.
            return None
        except Exception as error:
            self._failed(error)
            return None

    async def _attempt(
        self, sender: Sender, account: str, due: DueDelivery, receiver: Receiver | None
    ) -> _FinishedAttempt:
        at = self.now()
        final = False
        if receiver is None:
            answer = ReceiverAnswer(None, 0, SettingsRefused.code, None, None)
        else:
            try:
                answer = await sender.send(signed_call(receiver, due.delivery_id, message_of(due), at))
            except UnsupportedMessage as error:
                final = True
                answer = ReceiverAnswer(None, 0, error.code, error.detail, None)
            except (
                Exception
            ) as error:  # counts as a failed attempt: otherwise it would be leased again and again, unseen
                self._failed(error)
                answer = ReceiverAnswer(None, 0, UNEXPECTED, None, None)
        result = attempt_result(
            due, answer, at=at, now=self.now(), draw=self.draw(), final=final,
            writes_records=receiver is not None and receiver.writes_records,
        )  # fmt: skip
        return _FinishedAttempt((account, due.subscription_id), result, answer.retry_after)

    async def _collect(self, within_seconds: float) -> None:
        """Wait for running attempts, and collect those that ended."""
        ended, _ = await asyncio.wait(
            self._running, timeout=max(0.0, within_seconds), return_when=asyncio.FIRST_COMPLETED
        )
        for task in ended:
            del self._running[task]
        for task in ended:
            if task.exception() is None:
                self._note(task.result())
        for task in ended:
            task.result()  # a bug fails this turn, once the other results are collected

    def _note(self, attempt: _FinishedAttempt) -> None:
        result, limit = attempt.result, self._limit(attempt.who)
        if result.state == "delivered":
            limit.succeeded()
        elif result.blames:
            requested = retry_after_wait(attempt.retry_after, self.now())
            limit.failed(
                result.status, time.monotonic(), retry_after_seconds=None if requested is None else requested / SECOND
            )
        self.metrics.attempts.labels("retried" if result.state == "pending" else result.state).inc()
        self._unwritten.setdefault(attempt.who[0], []).append(result)

    async def _write(self) -> None:
        """Record ended attempts; what cannot be written now is kept for the next time."""
        for account, results in list(self._unwritten.items()):
            now = self.now()
            record = self.database.of(account).deliveries.record_attempts
            try:
                changed = await asyncio.to_thread(record, results, at=now, pause_before=now - PAUSE_AFTER)
            except NotFound:  # the account was deleted meanwhile
                changed = {}
            except StoreUnavailable:
                raise
            except Exception as error:  # their leases end, and they are sent again; other accounts do not wait
                self._failed(error)
                changed = {}
            del self._unwritten[account]
            self._log_stopped(account, changed.items())

    def _log_stopped(self, account: str, changed: Iterable[tuple[str, str]]) -> None:
        for subscription_id, state in changed:
            log.warning(
                "subscription.stopped", extra={"account": account, "subscription": subscription_id, "state": state}
            )

    def _failed(self, error: Exception) -> None:
        self.metrics.failures.inc()
        log.error("delivery.failed_unexpectedly", extra={"error": type(error).__name__})

    def _limit(self, who: _SubscriptionKey) -> ConcurrencyLimit:
        return self._limits.setdefault(who, ConcurrencyLimit())
