"""Receive a webhook: find its source, verify it in a thread, store it, confirm its URL where the provider asks it.

Requests wait in a queue for each source, so that many webhooks of one source slow nothing else. Each is verified by
itself; what was verified while another one was stored is then stored together, with one commit.
"""

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final, TypeVar

import aiohttp
import yarl
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from gateway.metrics import GatewayMetrics
from gateway.webhooks.failure_limits import FailureLimits
from gateway.webhooks.intake import DeadLetterRetry, IntakeResult, VerifiedBatch, intake_of, take_together
from gateway.webhooks.normalize import Normalizer
from gateway.webhooks.provider import Confirmation, Provider, SignedRequest, WebhookRefused
from gateway.webhooks.source_cache import CachedSource, SourceCache
from shared.contracts.rows import Microseconds, microseconds
from shared.contracts.seal import Seal
from shared.errors import BadRequest, ForetellError, NotFound, UpstreamUnavailable
from shared.store import AccountStore, Database

MAX_ITEMS: Final = 10_000
_ABSENT: Final = "There is no such source: copy its address again, or list them with `foretell sources list`."
log = logging.getLogger(__name__)
CONFIRM_SECONDS: Final = 10.0
"""Amazon waits for 15 seconds in all."""
_ENOUGH_BYTES: Final = 4_096
MAX_THREADS: Final = 8
MAX_THREADS_PER_SOURCE: Final = 1
"""A second thread would only fight for the interpreter with each row that the first one writes."""
MAX_ITEMS_TOGETHER: Final = 2_000
"""Of requests that are stored with one commit: other writers wait for it."""
MAX_WAITING: Final = 200
"""If more wait, the provider has to send again later: waiting bodies take memory."""
MAX_WAITING_PER_SOURCE: Final = 50
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """Verifies a request and stores what is new in it; called from threads."""

    database: Database
    source_cache: SourceCache
    providers: Mapping[str, Provider]
    identity_key: bytes
    seal: Seal

    def known(self, provider: str, source_id: str, at: Microseconds) -> CachedSource:
        """Find a source by its whole address.

        Raises:
            NotFound: there is none, or it is another provider's; both get the same message.
            StoreUnavailable: the store cannot be read.
        """
        known = self.source_cache.source(source_id, at)
        if known is None or known.row.provider != provider or provider not in self.providers:
            raise NotFound(_ABSENT)
        return known

    def verified(self, known: CachedSource, request: SignedRequest) -> VerifiedBatch:
        """Verify a request and read it; nothing is stored yet.

        Raises:
            WebhookRefused: it does not come from the provider, or is stale.
            BadRequest: it is verified and cannot be read.
        """
        provider, at = self.providers[known.row.provider], microseconds(request.received_at)
        provider.verify(request, known.credentials(at))
        items = provider.items(request)
        if len(items) > MAX_ITEMS:
            raise BadRequest(f"A request carries at most {MAX_ITEMS:,} items; send it in several.")
        intake = intake_of(self.database.of(known.row.account), known.row, self.identity_key)
        normalizer = Normalizer(provider, intake.recipient_hasher, request.received_at, at)
        return VerifiedBatch(intake, [normalizer.item(item) for item in items], at)

    def dead_letter_retry(self, store: AccountStore) -> DeadLetterRetry:
        """Return what retries the dead letters of an account."""
        return DeadLetterRetry(store, self.providers, self.identity_key)


async def confirm_url(client: aiohttp.ClientSession, confirmation: Confirmation, source: str) -> None:
    """Get the URL that a provider wants confirmed, before its request is answered: if it fails, it is sent again.

    Args:
        client: makes the request.
        confirmation: what the provider wants; the provider's module has checked the host.
        source: name, for the log.

    Raises:
        UpstreamUnavailable: it does not answer, or with anything but 200.
    """
    limit = aiohttp.ClientTimeout(total=CONFIRM_SECONDS)
    url = yarl.URL(confirmation.url, encoded=True)
    try:
        async with client.get(url, allow_redirects=False, timeout=limit) as answer:
            await answer.content.read(_ENOUGH_BYTES)
            failure = None if answer.status == 200 else f"HTTP {answer.status}"
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        failure = type(error).__name__
    if failure is not None:
        log.warning("webhooks.not_confirmed", extra={"source": source, "error": failure})
        raise UpstreamUnavailable("The address that is to be confirmed does not answer as it should; send it again.")
    log.info("webhooks.confirmed", extra={"source": source})


class TooBusy(ForetellError):
    """More webhooks wait than this process accepts; the provider sends it again."""

    status = 503
    code = "too-busy"
    title = "Too busy"
    retry_after_seconds = 5


@dataclass(slots=True)
class _SourceQueue:
    """The requests of one source that run or wait; removed with the last of them."""

    places: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(MAX_THREADS_PER_SOURCE))
    inside: int = 0
    verified: deque[VerifiedBatch] = field(default_factory=deque)
    """Not stored yet, in the order in which they came."""

    def store(self, batch: VerifiedBatch) -> IntakeResult:
        """Store a batch, if nobody did so meanwhile, with what was verified since; called from a thread.

        Raises:
            NotFound: the source or its account was removed.
            StoreUnavailable: nothing of the batch was stored.
        """
        if batch.taken is None and batch in self.verified:
            take_together(self._next())
        return batch.taken or batch.take()

    def _next(self) -> list[VerifiedBatch]:
        """Take those that are stored together out of the queue; the first one whatever its size."""
        chosen = [self.verified.popleft()]
        items = len(chosen[0].items)
        while self.verified and (items := items + len(self.verified[0].items)) <= MAX_ITEMS_TOGETHER:
            chosen.append(self.verified.popleft())
        return chosen


@dataclass(frozen=True, slots=True)
class WebhookQueue:
    """Runs requests in threads, a few of each source at a time."""

    receiver: WebhookReceiver
    client: aiohttp.ClientSession
    """Gets URLs that are to be confirmed."""
    metrics: GatewayMetrics
    threads: CapacityLimiter
    failures: FailureLimits
    most_waiting: int = MAX_WAITING
    _lines: dict[str, _SourceQueue] = field(default_factory=dict)

    def require_capacity(self, source_id: str, address: str) -> None:
        """Refuse a caller that failed too often if many such requests wait; called before the body is read.

        Raises:
            LimitReached: wait.
        """
        if self._is_suspect(source_id, address):
            self.failures.require_capacity()

    async def take(
        self, provider: str, source_id: str, request: SignedRequest, facts: dict[str, Any], *, address: str = ""
    ) -> IntakeResult:
        """Verify and store a request; committed when this returns.

        Args:
            provider: from the path.
            source_id: from the path.
            request: as it came.
            facts: fields of the log line; account and source are added.
            address: who calls.

        Raises:
            NotFound: there is no such source.
            WebhookRefused: the verification fails.
            LimitReached: one of the two happened too often.
            TooBusy: it was not verified.
            UpstreamUnavailable: a URL that is to be confirmed does not answer; the provider may send again.
        """
        verify = partial(self._verified, provider, source_id, request, facts)
        try:
            taken = await self._stored(source_id, address, verify)
        except WebhookRefused:
            self.metrics.webhooks.labels(provider, "refused").inc()
            raise
        for became, number in taken.counts.items():
            self.metrics.webhooks.labels(provider, became).inc(number)
        for confirmation in taken.confirmations:
            await confirm_url(self.client, confirmation, facts["source"])
        return taken

    async def require(self, provider: str, source_id: str, at: int, *, address: str = "") -> None:
        """Check that there is such a source.

        Raises:
            NotFound: there is none.
            LimitReached: the caller named too many sources that do not exist.
        """
        await self._served(source_id, address, partial(self.receiver.known, provider, source_id, at))

    async def _served(self, source_id: str, address: str, work: Callable[[], Found]) -> Found:
        """Run in a thread when this source has a free place, and count failures."""
        async with self._counted(source_id, address), self._turn(source_id, address) as line:
            if line is None:
                return await to_thread.run_sync(work, limiter=self.failures.thread)
            async with line.places:
                return await to_thread.run_sync(work, limiter=self.threads)

    async def _stored(self, source_id: str, address: str, verify: Callable[[], VerifiedBatch]) -> IntakeResult:
        """Verify in a thread, then store with whatever was verified meanwhile; what is suspect is stored alone."""
        async with self._counted(source_id, address), self._turn(source_id, address) as line:
            if line is None:
                return await to_thread.run_sync(lambda: verify().take(), limiter=self.failures.thread)
            async with line.places:
                batch = await to_thread.run_sync(verify, limiter=self.threads)
            line.verified.append(batch)
            async with line.places:
                return await to_thread.run_sync(line.store, batch, limiter=self.threads)

    @asynccontextmanager
    async def _counted(self, source_id: str, address: str) -> AsyncIterator[None]:
        try:
            yield
        except (WebhookRefused, NotFound) as error:
            self.failures.count(error, source_id, address)
            raise

    def _is_suspect(self, source_id: str, address: str) -> bool:
        remembered = self.receiver.source_cache.has_usable_key(source_id)
        return self.failures.is_suspect(source_id, address, remembered=remembered)

    @asynccontextmanager
    async def _turn(self, source_id: str, address: str = "") -> AsyncIterator[_SourceQueue | None]:
        """Join the queue of a source, so that one source uses few of the threads; None: a suspect joins none.

        Raises:
            TooBusy: too many requests wait, of this source or of all.
        """
        if self._is_suspect(source_id, address):
            self.failures.require_capacity()
            yield None
            return
        line = self._lines.get(source_id) or _SourceQueue()
        waiting = sum(one.inside for one in self._lines.values()) - int(self.threads.borrowed_tokens)
        if waiting >= self.most_waiting or line.places.statistics().tasks_waiting >= MAX_WAITING_PER_SOURCE:
            raise TooBusy("More webhooks wait here than can be held; send it again soon.")
        self._lines[source_id] = line
        line.inside += 1
        try:
            yield line
        finally:
            line.inside -= 1
            if not line.inside:
                self._lines.pop(source_id, None)

    def _verified(self, provider: str, source_id: str, request: SignedRequest, facts: dict[str, Any]) -> VerifiedBatch:
        known = self.receiver.known(provider, source_id, microseconds(request.received_at))
        facts.update(account=known.row.account, source=known.row.name)
        return self.receiver.verified(known, request)


def queue_of(request: Request) -> WebhookQueue:
    """Return the queue of the process that answers a request."""
    queue: WebhookQueue = request.app.state.webhook_queue
    return queue


async def _receiver_of(request: Request) -> WebhookReceiver:
    return queue_of(request).receiver


ProcessReceiver = Annotated[WebhookReceiver, Depends(_receiver_of)]
"""The receiver of the process: for routes that administer what it receives."""
