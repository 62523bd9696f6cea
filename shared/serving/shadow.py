"""Shadows: versions that answer some contacts beside the champion, unseen, after the champion's answer has left.

Nothing here may harm an answer: a version that does not load or raises is counted and left out, and what is more than
a small share of one core can do is dropped and counted.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple

from shared.contracts.prediction import Prediction, PredictionRequest
from shared.contracts.rows import DAY, Microseconds
from shared.http.telemetry import trail
from shared.serving.answering import ResolvedCall
from shared.serving.artifacts import RememberedRow
from shared.serving.capability_spec import AnySpec
from shared.serving.champions import Champion, Fetch, Key, ServingStore, VersionLoader, cause_of
from shared.serving.contact_answers import ContactAnswers
from shared.serving.metrics import ServiceMetrics
from shared.serving.request_contacts import RequestContact
from shared.store import ShadowPrediction, ShadowRow

log = logging.getLogger(__name__)

MOST_WAITING = 5_000
"""Contacts that may wait; more are dropped."""
BYTES_A_CONTACT = 4_096
"""So many bytes of a request count as one contact that waits: some bring large pasts along."""
GATHER_SECONDS = 0.1
"""How long a first call waits for others: until then the answers have left."""
REST = 3.0
"""A shadow rests so many times as long as it worked, so that it takes a quarter of one core at most."""
_WHOLE = 2**64


def is_in_share(contact_id: str, share: float) -> bool:
    """Return whether a contact belongs to the share that a shadow answers.

    It is always the same contacts, and a larger share holds those of a smaller one.

    >>> [is_in_share("c-1", share) for share in (0.0, 1.0)]
    [False, True]
    """
    place = blake2b(contact_id.encode(), digest_size=8, person=b"shadow").digest()
    return int.from_bytes(place, "big") < share * _WHOLE


class _CallFacts(NamedTuple):
    """What the champion was asked, without the request's bytes and contacts."""

    account: str
    outcome: str
    """Empty where the capability has none."""
    request: PredictionRequest
    """Without contacts, and without reasons."""
    version: str
    """The champion's."""
    cutoff: Microseconds
    asked_at: Microseconds
    erasures: int
    """The account's count of erasures with which the contacts were read."""


class _Task(NamedTuple):
    call: _CallFacts
    shadow: "_Shadow"
    contacts: Sequence[RequestContact]
    answers: Sequence[Prediction]
    """The champion's, in the order of the contacts."""
    weight: int


@dataclass(frozen=True, slots=True)
class _Shadow:
    """A shadowing version in memory."""

    row: ShadowRow
    champion: Champion
    """It, as a champion would be held."""

    def is_of(self, row: ShadowRow) -> bool:
        """Return whether this is what a row names."""
        return self.champion.is_of(row.version, row.digest)


class ShadowModels:
    """The shadowing versions of one capability in memory, for all accounts and outcomes: polls the rows, and loads.

    Args:
        spec: of the capability.
        store: whose rows are polled.
        fetch: row, version and digest → folder in the cache.
        metrics: where failures are counted.
        poll_seconds: how often the rows are read.
        most: how many are kept in memory; further ones do not shadow.
        seconds: a clock.
    """

    def __init__(
        self,
        spec: AnySpec,
        store: ServingStore,
        fetch: Fetch,
        metrics: ServiceMetrics,
        *,
        poll_seconds: float,
        most: int,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec, self._store, self._metrics = spec, store, metrics
        self._poll_seconds, self._most = poll_seconds, most
        self._loader = VersionLoader(
            fetch, spec.load, metrics.shadow_failures, _note, pause_seconds=poll_seconds, seconds=seconds
        )
        self.loaded: Mapping[Key, _Shadow] = {}
        """By account and outcome; replaced, never changed."""
        self.digests = frozenset[str]()
        """Of the artifacts of all capabilities' shadows, as the last poll found them: the cache must keep them."""

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            try:
                await self.poll()
            except Exception as error:  # the poll must live, and its failure is nobody's but its own
                self._metrics.shadow_failures.labels("poll").inc()
                log.debug("shadows.poll_failed", extra=trail(error))
            await asyncio.sleep(self._poll_seconds)

    async def poll(self) -> None:
        """Read the rows once, let go what ended, load what began.

        Raises:
            StoreUnavailable: the rows could not be read.
        """
        rows = await asyncio.to_thread(self._store.shadows)
        self.digests = frozenset(row.digest for row in rows)
        mine = {(row.account, row.outcome): row for row in rows if row.capability == self._spec.capability.name}
        mine = dict(list(mine.items())[: self._most])
        self.loaded = {
            key: _Shadow(mine[key], held.champion)
            for key, held in self.loaded.items()
            if key in mine and held.is_of(mine[key])
        }
        for key, row in mine.items():
            if key in self.loaded:
                continue
            loaded = await self._loader.attempt(key, _remembered(row), row.version, row.digest)
            if loaded is not None:
                self.loaded = {**self.loaded, key: _Shadow(row, loaded)}
                facts = {"account": row.account, "outcome": row.outcome, "version": row.version}
                log.info("shadow.loaded", extra={**facts, "share": row.share})


def _note(facts: Mapping[str, object], error: Exception, *, refused: bool) -> None:
    log.warning("shadow.not_loaded", extra={**facts, **(trail(error) if refused else cause_of(error))})


def _remembered(row: ShadowRow) -> RememberedRow:
    return RememberedRow(row.account, row.capability, row.outcome, row.version, row.digest, None, None)


class Shadowing:
    """Lets the shadowing versions answer what the champions answered: a bounded queue and one thread.

    The thread has the priority of all others: a lower one would hold the interpreter's lock while others run.
    """

    def __init__(
        self,
        spec: AnySpec,
        models: ShadowModels,
        store: ServingStore,
        metrics: ServiceMetrics,
        *,
        most_waiting: int = MOST_WAITING,
        gather_seconds: float = GATHER_SECONDS,
        rest: float = REST,
    ) -> None:
        """Start nothing yet.

        Args:
            spec: of the capability.
            models: the versions.
            store: where pasts are read and what was answered is kept.
            metrics: where answers, dropped and failed ones are counted.
            most_waiting: how many contacts may wait.
            gather_seconds: how long a call waits for others.
            rest: how many times as long as it worked the thread rests.
        """
        self._spec = replace(spec, before_respond=None)  # what nobody sees commits nothing
        self._changed_fields = spec.capability.harmless_request({"contacts": [], "reasons": 0})
        """What is asked otherwise than of the champion."""
        self._models, self._store, self._metrics = models, store, metrics
        self._most_waiting, self._gather_seconds, self._rest = most_waiting, gather_seconds, rest
        self._waiting: deque[_Task] = deque()
        self._weight = 0
        """Of all that wait."""
        self._changed = threading.Condition()
        self._closing = False
        self._raised: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(
        self,
        resolved: ResolvedCall,
        contacts: Sequence[RequestContact],
        answers: Sequence[Prediction],
        erasures: int,
    ) -> None:
        """Let the shadow answer the same about its share of the contacts, later; never waits.

        Args:
            resolved: the call that was answered.
            contacts: its valid ones.
            answers: the champion's, in their order.
            erasures: the account's count of erasures with which the contacts were read.
        """
        call, champion, spec = resolved.call, resolved.champion, self._spec
        shadow = self._models.loaded.get((call.account, resolved.outcome))
        if shadow is None or shadow.champion.version == champion.version:
            return
        if spec.is_stored is not None and not spec.is_stored(resolved.request, champion.model):
            return
        chosen = [
            (contact, answer)
            for contact, answer in zip(contacts, answers, strict=True)
            if answer.status == "ok" and is_in_share(contact.id, shadow.row.share)
        ]
        if not chosen:
            return
        facts = _CallFacts(
            call.account, resolved.outcome, resolved.request.model_copy(update=self._changed_fields),
            champion.version, resolved.cutoff, resolved.asked_at, erasures,
        )  # fmt: skip
        weight = max(len(chosen), len(resolved.body) // BYTES_A_CONTACT)
        self._add(_Task(facts, shadow, [one for one, _ in chosen], [one for _, one in chosen], weight))

    def _add(self, task: _Task) -> None:
        with self._changed:
            if self._closing or (self._waiting and self._weight + task.weight > self._most_waiting):
                self._metrics.shadow_dropped.inc(len(task.contacts))
                return
            self._weight += task.weight
            self._waiting.append(task)
            if len(self._waiting) == 1:
                self._changed.notify()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """End; what waits is counted as dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        self._metrics.shadow_dropped.inc(sum(len(task.contacts) for task in self._waiting))

    def _run(self) -> None:
        while not self._closing:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
            self._pause(self._gather_seconds)
            while self._waiting and not self._closing:
                began = time.monotonic()
                self._work(self._waiting[0])
                with self._changed:
                    self._weight -= self._waiting.popleft().weight
                self._pause(self._rest * (time.monotonic() - began))

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)

    def _work(self, task: _Task) -> None:
        try:
            self._answer(task)
        except Exception as error:  # the thread must live: the champions' answers go on without their shadows
            self._metrics.shadow_failures.labels("raised").inc()
            row = task.shadow.row
            if row.digest not in self._raised:
                facts = {"account": row.account, "outcome": row.outcome, "version": row.version}
                log.warning("shadow.failed", extra={**facts, **trail(error)})
            self._raised.add(row.digest)

    def _answer(self, task: _Task) -> None:
        call, champion = task.call, task.shadow.champion
        account = self._store.of(call.account)
        answers = ContactAnswers(
            self._spec, account, champion, call.request, call.outcome, call.cutoff, call.asked_at, whole=True
        )
        found = answers.of(task.contacts, answers.read(task.contacts))
        rows = [self._row(task, one, its) for one, its in zip(task.answers, found, strict=True)]
        left_out = account.models.shadows.keep(rows, since=call.erasures)
        self._metrics.shadow_predictions.inc(len(rows) - left_out)

    def _row(self, task: _Task, champions: Prediction, its: Prediction) -> ShadowPrediction:
        call = task.call
        return ShadowPrediction(
            capability=self._spec.capability.name,
            outcome=call.outcome,
            version=task.shadow.champion.version,
            champion_version=call.version,
            contact_id=champions.contact_id or "",
            day=call.cutoff // DAY,
            cutoff=call.cutoff,
            asked_at=call.asked_at,
            status=its.status,
            probability=its.probability,
            champion_probability=champions.probability,
            band=_band(its),
            champion_band=_band(champions),
        )


def _band(one: Prediction) -> str | None:
    """Return in which band a contact is; where the capability has segments, in which of them."""
    return one.band if one.segment_id is None else one.segment_id
