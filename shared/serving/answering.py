"""The flow that all capabilities share: envelope, contacts, pasts, statuses, model, answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from shared.contracts.contact import InlineContact
from shared.contracts.credentials import Call
from shared.contracts.prediction import MAX_CONTACTS, PredictionRequest
from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.errors import LimitReached, NoModelTrained, StoreUnavailable, UpstreamTimeout
from shared.features import UNDERSTOOD, Inputs
from shared.serving.capability_spec import AnySpec, ModelResult, PendingResponse, ServedModel
from shared.serving.champions import Champion, ChampionHolder, ServingStore
from shared.serving.eligibility import (
    NOBODY,
    EligibilityResult,
    Freshness,
    answered,
    contact_results,
    inputs_judged,
    quality,
    trend_of,
    unanswered,
)
from shared.serving.metrics import ServiceMetrics
from shared.serving.outcomes import OutcomeResolver
from shared.serving.prediction_log import UNKNOWN, KnownErasures, Logged, PredictionLog
from shared.serving.request_contacts import (
    AttributeNames,
    InvalidContact,
    MergedPasts,
    Slot,
    UnknownContact,
    envelope,
    merge_inline,
    slots,
)
from shared.store import AccountStore, PredictionRow
from shared.timeline import PastRows, build

SMALL_CONTACTS = 20
"""Calls of at most so many contacts go to the small pool."""
LARGE_THREADS = 2
WRITING_THREADS = 4

Result = TypeVar("Result")


class ThreadPools:
    """Threads for small calls, for large ones, and for those that wait until what they write is in the store."""

    def __init__(self, small_threads: int) -> None:
        """Start no thread before there is work.

        Args:
            small_threads: computing is bound to one interpreter lock, so that more threads only fight over it; a
                few pay when each call waits for a store across the network.
        """
        self._small = ThreadPoolExecutor(small_threads, thread_name_prefix="small")
        self._large = ThreadPoolExecutor(LARGE_THREADS, thread_name_prefix="large")
        self._writing = ThreadPoolExecutor(WRITING_THREADS, thread_name_prefix="writing")

    async def run(self, work: Callable[..., Result], *arguments: Any, contacts: int, writes: bool = False) -> Result:
        """Run the work in the pool for calls of this size, or in the one for calls that write."""
        pool = self._small if contacts <= SMALL_CONTACTS else self._large
        pool = self._writing if writes else pool
        here = copy_context()  # the deadline goes along
        return await asyncio.get_running_loop().run_in_executor(pool, lambda: here.run(work, *arguments))

    def close(self) -> None:
        """Wait until all begun work is done."""
        self._small.shutdown(wait=True)
        self._large.shutdown(wait=True)
        self._writing.shutdown(wait=True)


INLINE_BYTES = 16_384
"""A smaller body is parsed on the event loop: a thread hop costs more."""
TREND_DAYS = 30
LOGGED = frozenset({"ok", "no_consent", "outcome_reached", "insufficient_data", "not_eligible", "control", "no_slot"})


@dataclass(frozen=True, slots=True)
class ResolvedCall:
    """One call, resolved once: everything an answer depends on."""

    call: Call
    request: PredictionRequest
    outcome: str
    """Empty where the capability has none."""
    asked_at: datetime
    cutoff: datetime
    erasures: int = UNKNOWN
    """Of the account, counted before anything is read of a contact."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The body of an answer and what is worth a log field."""

    body: bytes
    statuses: Mapping[str, int]
    contacts: int
    outcome: str
    version: str


class Answering:
    """Answers the calls of one capability; heavy work happens in threads."""

    def __init__(
        self,
        spec: AnySpec,
        store: ServingStore,
        champions: ChampionHolder,
        *,
        predictions: PredictionLog,
        metrics: ServiceMetrics,
        pools: ThreadPools,
        now: Callable[[], datetime],
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._spec = spec
        self._store = store
        self._champions = champions
        self._predictions = predictions
        self._metrics = metrics
        self._pools = pools
        self._now = now
        self._unix_seconds = unix_seconds
        self._outcomes = OutcomeResolver(spec.capability, store, champions)
        self._freshness = Freshness()
        self._erasures = KnownErasures()

    async def answer(self, body: bytes, call: Call) -> CallAnswer:
        """Answer one call.

        Raises:
            ForetellError: the call as a whole cannot be answered.
        """
        now = self._now()
        read = await self._envelope(body, now)
        if call.quota_contacts is not None and len(read.contacts) > call.quota_contacts:
            raise LimitReached(
                f"This key may still ask about {call.quota_contacts} contacts; this call has {len(read.contacts)}.",
                policies=["contacts"],
                remaining_contacts=call.quota_contacts,
            )
        outcome = await self._outcome(call.account, read)
        resolved = ResolvedCall(call, read, outcome, now, read.cutoff_or(now))
        champion = await self._champion(resolved)
        waits = self._spec.before_respond
        writes = call.committed or (waits is not None and waits.applies(read))
        return await self._pools.run(self._compute, resolved, champion, contacts=len(read.contacts), writes=writes)

    async def _envelope(self, body: bytes, now: datetime) -> PredictionRequest:
        if len(body) <= INLINE_BYTES:
            return envelope(body, self._spec.request, now=now)
        return await self._pools.run(lambda: envelope(body, self._spec.request, now=now), contacts=MAX_CONTACTS)

    async def _outcome(self, account: str, read: PredictionRequest) -> str:
        if not self._spec.capability.per_outcome:
            return ""
        if read.outcome_requested is not None:
            return read.outcome_requested
        return await self._pools.run(self._outcomes.default, account, contacts=1)

    async def _champion(self, resolved: ResolvedCall) -> Champion:
        try:
            return await self._champions.of(resolved.call.account, resolved.outcome)
        except NoModelTrained as error:
            missing = await self._pools.run(
                self._outcomes.missing, resolved.call.account, resolved.outcome, contacts=MAX_CONTACTS
            )
            raise NoModelTrained(f"{error.detail} {missing.sentence}", **error.members, **missing.counts) from None

    def _compute(self, resolved: ResolvedCall, champion: Champion) -> CallAnswer:
        if self._unix_seconds() > resolved.call.deadline_at:
            raise UpstreamTimeout("The deadline passed before the call was answered; ask again or for fewer contacts.")
        account = self._store.of(resolved.call.account)
        resolved = replace(resolved, erasures=self._erasures.of(resolved.call.account, account))
        every = slots(resolved.request.contacts)
        results = self._results(resolved, champion, [slot for slot in every if isinstance(slot, InlineContact)])
        return self._rendered(resolved, champion, every, results)

    def _results(
        self, resolved: ResolvedCall, champion: Champion, contacts: Sequence[InlineContact]
    ) -> list[EligibilityResult]:
        """Decide for each valid contact whether it gets a prediction, and predict, order kept."""
        account = self._store.of(resolved.call.account)
        cutoff = microseconds(resolved.cutoff)
        ids = list(dict.fromkeys(contact.id for contact in contacts))
        stored, away = PastRows({}, []), False
        try:
            if ids:
                asked_at = microseconds(resolved.asked_at)
                always = (*champion.model.reached_by, *champion.model.begun_by)
                back = champion.model.lookback_days
                stored = account.contacts.pasts(
                    ids, cutoff=cutoff, asked_at=asked_at, always=always, lookback_days=back
                )
        except StoreUnavailable:
            away = True
        contacts, unknown, stored = _named(contacts, stored, champion.model)
        pasts = merge_inline(contacts, stored, cutoff=cutoff, lookback_days=champion.model.lookback_days)
        without_data = self._spec.answers_without_data
        results = contact_results(contacts, pasts, champion.model, away=away, without_data=without_data)
        if not away:
            _name_what_is_missing(results, champion.model)
        if away and contacts and all(result.status == "insufficient_data" for result in results):
            raise StoreUnavailable(
                "The store is away; send attributes or events and consent with the contacts, or ask again."
            )
        noted = self._freshness.noted(resolved.call.account, account, cutoff=cutoff, away=away)
        self._score(resolved, champion, pasts, results, noted)
        for result, names in zip(results, unknown, strict=True):
            if names and result.status in ("ok", "insufficient_data"):
                inputs_judged(result, result.inputs.with_unknown(names))
        if not away:
            self._put_trends(resolved, account, contacts, results)
            self._add_stored(resolved, account, contacts, results)
        return results

    def _score(
        self,
        resolved: ResolvedCall,
        champion: Champion,
        pasts: MergedPasts,
        results: Sequence[EligibilityResult],
        noted: Sequence[str],
    ) -> None:
        rows = [row for row, result in enumerate(results) if result.status == "ok"]
        if not rows:
            return
        columns = build([pasts.keys[row] for row in rows], pasts.facts, [pasts.events])
        cutoff = microseconds(resolved.cutoff)
        cutoffs = np.full(len(rows), cutoff, dtype=np.int64)
        scored: Sequence[ModelResult] = self._spec.answer(champion.model, columns, cutoffs, resolved.request)
        if self._spec.before_respond is not None:
            pending = self._pending(resolved, champion, [pasts.names[row] for row in rows], scored)
            scored = self._spec.before_respond.commit(pending)
        noticed = quality(columns, champion.model, cutoff=cutoff)
        for row, prediction, found in zip(rows, scored, noticed, strict=True):
            result = results[row]
            result.status, result.detail = prediction.status, prediction.detail
            result.scored = prediction if prediction.status == "ok" else None
            truncated = ["truncated_history"] if prediction.truncated else []
            result.data_quality = list(
                dict.fromkeys([*result.data_quality, *noted, *found, *truncated, *prediction.data_quality])
            )
            inputs_judged(result, getattr(prediction, "inputs", UNDERSTOOD))

    def _pending(
        self, resolved: ResolvedCall, champion: Champion, ids: Sequence[str], scored: Sequence[ModelResult]
    ) -> PendingResponse[Any, Any]:
        account: Any = self._store.of(resolved.call.account)
        asked_at = microseconds(resolved.asked_at)
        return PendingResponse(account, resolved.request, ids, scored, champion.version, asked_at, resolved.erasures)

    def _put_trends(
        self,
        resolved: ResolvedCall,
        account: AccountStore,
        contacts: Sequence[InlineContact],
        results: Sequence[EligibilityResult],
    ) -> None:
        ids = [contact.id for contact, result in zip(contacts, results, strict=True) if result.scored is not None]
        if not ids:
            return
        around: Microseconds = microseconds(resolved.cutoff) - TREND_DAYS * DAY
        try:
            before = account.predictions.past_scores(self._spec.capability.name, resolved.outcome, ids, around=around)
        except StoreUnavailable:
            return
        for contact, result in zip(contacts, results, strict=True):
            if result.scored is not None:
                result.trend = trend_of(result.scored.score, before.get(contact.id))

    def _add_stored(
        self,
        resolved: ResolvedCall,
        account: AccountStore,
        contacts: Sequence[InlineContact],
        results: Sequence[EligibilityResult],
    ) -> None:
        """Let the capability add what the store knows of the contacts; without it the answers stay as they are."""
        answered_ones = [
            (contact.id, result) for contact, result in zip(contacts, results, strict=True) if result.scored is not None
        ]
        if self._spec.add_stored is None or not answered_ones:
            return
        ids, scored = [one for one, _ in answered_ones], [result.scored for _, result in answered_ones]
        try:
            known = self._spec.add_stored(account, ids, scored, microseconds(resolved.cutoff))
        except StoreUnavailable:
            return
        for (_, result), again in zip(answered_ones, known, strict=True):
            result.scored = again

    def _rendered(
        self, resolved: ResolvedCall, champion: Champion, every: Sequence[Slot], results: Sequence[EligibilityResult]
    ) -> CallAnswer:
        left = iter(results)
        predictions = []
        for slot in every:
            if isinstance(slot, InvalidContact):
                predictions.append(unanswered(self._spec, slot.contact_id, "invalid", slot.errors))
            elif isinstance(slot, UnknownContact):
                predictions.append(unanswered(self._spec, slot.contact_id, "unknown_contact", detail=NOBODY))
            else:
                predictions.append(answered(self._spec, slot.id, next(left)))
        response = self._spec.response.model_validate(
            {
                "predictions": predictions,
                "model": self._model_info(resolved, champion),
                "cutoff": resolved.cutoff,
                "request_id": resolved.call.request_id,
            }
        )
        statuses = Counter(str(prediction.status) for prediction in predictions)
        for status, count in statuses.items():
            self._metrics.predictions.labels(status).inc(count)
        self._log(resolved, champion, predictions)
        body = response.model_dump_json().encode()
        return CallAnswer(body, statuses, len(every), resolved.outcome, champion.version)

    def _model_info(self, resolved: ResolvedCall, champion: Champion) -> dict[str, Any]:
        model = champion.model
        return {
            "capability": self._spec.capability.name,
            "outcome": resolved.outcome or None,
            "version": champion.version,
            "kind": model.kind,
            "horizon_days": model.horizon_days,
            "trained_at": model.trained_at,
            "grade": model.grade,
        }

    def _log(self, resolved: ResolvedCall, champion: Champion, predictions: Sequence[Any]) -> None:
        """Queue what was answered, or commit it when the call relies on it; an inline-only answer counts like any."""
        if not self._spec.is_stored(resolved.request, champion.model):
            return
        cutoff, asked_at = microseconds(resolved.cutoff), microseconds(resolved.asked_at)
        rows = [
            Logged(
                PredictionRow(
                    contact_id=prediction.contact_id,
                    capability=self._spec.capability.name,
                    outcome=resolved.outcome,
                    version=champion.version,
                    cutoff=cutoff,
                    asked_at=asked_at,
                    request_id=resolved.call.request_id,
                    status=prediction.status,
                    probability=prediction.probability,
                    score=prediction.score,
                    band=prediction.band,
                    source=prediction.source,
                    body=prediction.model_dump_json(),
                    segment=self._spec.segment_of(prediction),
                ),
                resolved.erasures,
            )
            for prediction in predictions
            if prediction.status in LOGGED
        ]
        keep = self._predictions.write if resolved.call.committed else self._predictions.add
        keep(resolved.call.account, rows)


def _named(
    contacts: Sequence[InlineContact], stored: PastRows, model: ServedModel
) -> tuple[Sequence[InlineContact], Sequence[frozenset[str]], PastRows]:
    """Match attributes with those that the model knows; one that knows none takes all as they are.

    Returns:
        The contacts, of each the inline names that the training never saw, and what is stored.
    """
    nobody: list[frozenset[str]] = [frozenset()] * len(contacts)
    if not model.attribute_names:
        return contacts, nobody, stored
    names = AttributeNames.of(model.attribute_names)
    stored = replace(stored, facts=names.matched_facts(stored.facts))
    if not any(contact.attributes for contact in contacts):
        return contacts, nobody, stored
    contacts, unknown = names.matched(contacts)
    # Without the inputs of its training a model knows only what it looks at, and not what else there was.
    return contacts, unknown if _inputs(model) is not None else nobody, stored


def _name_what_is_missing(results: Sequence[EligibilityResult], model: ServedModel) -> None:
    """Name the attributes that the model looks at, for contacts without data."""
    inputs, nobody = _inputs(model), [one for one in results if one.status == "insufficient_data"]
    if inputs is None or not nobody:
        return
    nothing = inputs.nothing([feature.attribute for feature in model.feature_set.features])
    for result in nobody:
        inputs_judged(result, nothing)


def _inputs(model: ServedModel) -> Inputs | None:
    return getattr(model, "inputs", None)
