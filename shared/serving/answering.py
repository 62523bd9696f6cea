"""The flow that all capabilities share: envelope, contacts, pasts, statuses, model, answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
import orjson

from shared.contracts.credentials import Call
from shared.contracts.holdout import Holdout, holding
from shared.contracts.prediction import MAX_CONTACTS, Prediction, PredictionRequest, Status
from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.errors import LimitReached, NoModelTrained, StoreUnavailable, UpstreamTimeout
from shared.http.middleware import parse_json
from shared.serving.capability_spec import AnySpec, BeforeRespond, PendingResponse, ServedModel
from shared.serving.champions import Champion, ChampionHolder, ServingStore
from shared.serving.eligibility import (
    contact_results,
    inputs_of,
    name_what_is_missing,
    noted_of,
    trend_of,
    with_detail,
    with_inputs,
)
from shared.serving.holdouts import withhold
from shared.serving.input_counts import LEAST_COUNTED, input_counts
from shared.serving.metrics import ServiceMetrics
from shared.serving.outcomes import OutcomeResolver
from shared.serving.prediction_log import UNKNOWN, Logged, LoggedCall, PredictionLog
from shared.serving.request_contacts import (
    AttributeNames,
    MergedPasts,
    RequestContact,
    envelope,
    merge_inline,
    slots,
)
from shared.store import AccountStore, PastsWanted, RequestReads
from shared.timeline import ContactPasts, PastRows, missing_in

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


class ResolvedCall(NamedTuple):
    """One call, resolved once: everything an answer depends on."""

    call: Call
    body: bytes
    request: PredictionRequest
    outcome: str
    """Empty where the capability has none."""
    champion: Champion
    asked_at: Microseconds
    cutoff: Microseconds
    cutoff_at: datetime
    holdouts: Sequence[Holdout]
    """Who of the contacts gets no answer; nearly always empty."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The body of an answer and what is worth a log field."""

    body: bytes
    statuses: Mapping[Status, int]
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
        self._fields_of_none: Mapping[str, object] = spec.fields(None)

    async def answer(self, body: bytes, call: Call) -> CallAnswer:
        """Answer one call; a small one whose outcome is known hops into a thread once.

        Raises:
            ForetellError: the call as a whole cannot be answered.
        """
        now = self._now()
        read = await self._envelope(body, now)
        contacts = len(read.contacts)
        if call.quota_contacts is not None and contacts > call.quota_contacts:
            raise LimitReached(
                f"This key may still ask about {call.quota_contacts} contacts; this call has {contacts}.",
                policies=["contacts"],
                remaining_contacts=call.quota_contacts,
            )
        outcome = await self._outcome(call.account, read)
        champion = await self._champion(call.account, outcome)
        cutoff = read.cutoff_or(now)
        asked_at = microseconds(now)
        held = self._champions.holdouts.of(call.account, self._spec.capability.name, outcome, at=asked_at)
        resolved = ResolvedCall(call, body, read, outcome, champion, asked_at, microseconds(cutoff), cutoff, held)
        waits = self._spec.before_respond
        writes = call.committed or (waits is not None and waits.applies(read))
        return await self._pools.run(self._compute, resolved, contacts=contacts, writes=writes)

    async def _envelope(self, body: bytes, now: datetime) -> PredictionRequest:
        if len(body) <= INLINE_BYTES:
            return envelope(body, self._spec.request, now=now)
        return await self._pools.run(lambda: envelope(body, self._spec.request, now=now), contacts=MAX_CONTACTS)

    async def _outcome(self, account: str, read: PredictionRequest) -> str:
        if not self._spec.capability.per_outcome:
            return ""
        if read.outcome_requested is not None:
            return read.outcome_requested
        if (recent := self._outcomes.recent_default(account)) is not None:
            return recent
        return await self._pools.run(self._outcomes.default, account, contacts=1)

    async def _champion(self, account: str, outcome: str) -> Champion:
        try:
            return await self._champions.of(account, outcome)
        except NoModelTrained as error:
            missing = await self._pools.run(self._outcomes.missing, account, outcome, contacts=MAX_CONTACTS)
            raise NoModelTrained(f"{error.detail} {missing.sentence}", **error.members, **missing.counts) from None

    def _compute(self, resolved: ResolvedCall) -> CallAnswer:
        if self._unix_seconds() > resolved.call.deadline_at:
            raise UpstreamTimeout("The deadline passed before the call was answered; ask again or for fewer contacts.")
        account = self._store.of(resolved.call.account)
        every = slots(resolved.request.contacts, lambda: parse_json(resolved.body)["contacts"])
        valid = [slot for slot in every if isinstance(slot, RequestContact)]
        reads = self._read(account, resolved, valid)
        found = _ContactAnswers(self._spec, account, resolved, reads)
        answers = iter(found.of(valid))
        predictions = [with_detail(slot if isinstance(slot, Prediction) else next(answers)) for slot in every]
        return self._rendered(resolved, predictions, _erasures(reads), found.counted)

    def _read(
        self, account: AccountStore, resolved: ResolvedCall, contacts: Sequence[RequestContact]
    ) -> RequestReads | None:
        """Read in one snapshot what is stored of the contacts; None: nothing is, or the store is away."""
        if not contacts:
            return None
        model = resolved.champion.model
        ids = list(dict.fromkeys([contact.id for contact in contacts]))
        wanted = PastsWanted(
            ids,
            cutoff=resolved.cutoff,
            asked_at=resolved.asked_at,
            always=(*model.reached_by, *model.begun_by),
            lookback_days=model.lookback_days,
            event_ids=needs_event_ids(contacts),
        )
        around = resolved.cutoff - TREND_DAYS * DAY
        try:
            return account.predictions.request_reads(
                self._spec.capability.name, resolved.outcome, wanted, around=around
            )
        except StoreUnavailable:
            return None

    def _rendered(
        self,
        resolved: ResolvedCall,
        predictions: Sequence[Prediction],
        erasures: int,
        counted: Mapping[str, Any] | None,
    ) -> CallAnswer:
        """Write each prediction once: the same bytes are sent and logged."""
        fields, none = self._spec.fields, self._fields_of_none
        bodies = [one.wire(fields(one) if one.status == "ok" else none) for one in predictions]
        about = {
            "model": self._model_info(resolved),
            "cutoff": resolved.cutoff_at,
            "request_id": resolved.call.request_id,
            **({} if counted is None else {"inputs": counted}),
        }
        rest = orjson.dumps(about, option=orjson.OPT_UTC_Z)
        statuses = Counter([one.status for one in predictions])
        for status, count in statuses.items():
            self._metrics.predictions.labels(status).inc(count)
        self._log(resolved, predictions, bodies, erasures)
        body = b'{"predictions":[%b],%b' % (b",".join(bodies), rest[1:])
        return CallAnswer(body, statuses, len(predictions), resolved.outcome, resolved.champion.version)

    def _model_info(self, resolved: ResolvedCall) -> dict[str, object]:
        model = resolved.champion.model
        return {
            "capability": self._spec.capability.name,
            "outcome": resolved.outcome or None,
            "version": resolved.champion.version,
            "kind": model.kind,
            "horizon_days": model.horizon_days,
            "trained_at": model.trained_at,
            "grade": model.grade,
        }

    def _log(
        self, resolved: ResolvedCall, predictions: Sequence[Prediction], bodies: Sequence[bytes], erasures: int
    ) -> None:
        """Queue what was answered, or commit it when the call relies on it; an inline-only answer counts like any."""
        spec, segment_of = self._spec, self._spec.segment_of
        if spec.is_stored is not None and not spec.is_stored(resolved.request, resolved.champion.model):
            return
        call = LoggedCall(
            capability=spec.capability.name,
            outcome=resolved.outcome,
            version=resolved.champion.version,
            cutoff=resolved.cutoff,
            asked_at=resolved.asked_at,
            request_id=resolved.call.request_id,
            erasures=erasures,
        )
        rows = [
            Logged(call, one, body, None if segment_of is None or one.status != "ok" else segment_of(one))
            for one, body in zip(predictions, bodies, strict=True)
            if one.status in LOGGED
        ]
        keep = self._predictions.write if resolved.call.committed else self._predictions.add
        keep(resolved.call.account, rows)


class _ContactAnswers:
    """The answers of one call to its valid contacts, order kept."""

    def __init__(
        self, spec: AnySpec, account: AccountStore, resolved: ResolvedCall, reads: RequestReads | None
    ) -> None:
        self._spec, self._account, self._resolved, self._reads = spec, account, resolved, reads
        self._model: ServedModel = resolved.champion.model
        self._cutoff = resolved.cutoff
        self.counted: Mapping[str, Any] | None = None
        """For the worker alone: what the model saw, in counts."""

    def of(self, contacts: Sequence[RequestContact]) -> list[Prediction]:
        """Decide for each contact whether it gets a prediction, and predict.

        Raises:
            StoreUnavailable: the store is away, and no contact brought data.
        """
        if not contacts:
            return []
        reads, away = self._reads, self._reads is None
        contacts, strangers, stored = matched(contacts, PastRows({}, []) if reads is None else reads.rows, self._model)
        pasts = merge_inline(contacts, stored, cutoff=self._cutoff, lookback_days=self._model.lookback_days)
        without_data = self._spec.answers_without_data
        results = contact_results(contacts, pasts, self._model, away=away, without_data=without_data)
        if not away:
            name_what_is_missing(results, self._model)
        elif all(one.status == "insufficient_data" for one in results):
            raise StoreUnavailable(
                "The store is away; send attributes or events and consent with the contacts, or ask again."
            )
        self._predict(pasts, results, noted_of(None if reads is None else reads.newest_event_at, cutoff=self._cutoff))
        for place, names in enumerate(strangers):
            if names and results[place].status in ("ok", "insufficient_data"):
                results[place] = with_inputs(results[place], results[place].inputs.with_unknown(names))
        if reads is not None:
            put_trends(results, reads.past_scores)
            self._add_stored(results)
        withhold(results, self._resolved.holdouts)
        return results

    def _predict(self, pasts: MergedPasts, results: list[Prediction], noted: Sequence[str]) -> None:
        """Put the model's answers in the place of those that are `ok`."""
        rows = [row for row, one in enumerate(results) if one.status == "ok"]
        if not rows:
            return
        answerable = ContactPasts([pasts.keys[row] for row in rows], pasts.facts, pasts.events)
        cutoffs = np.full(len(rows), self._cutoff, dtype=np.int64)
        request, before = self._resolved.request, self._spec.before_respond
        answers: Sequence[Prediction] = self._spec.answer(self._model, answerable, cutoffs, request)
        if self._resolved.call.committed and len(rows) >= LEAST_COUNTED:
            self.counted = input_counts(self._model, answerable, cutoffs)
        if before is not None:
            answers = self._committed(before, [pasts.names[row] for row in rows], answers)
        found = missing_in(answerable, self._cutoff, needs_zone=self._model.feature_set.needs_local_time)
        for row, one, marks in zip(rows, answers, found, strict=True):
            known = results[row]
            cut = ("truncated_history",) if one.truncated else ()
            one.contact_id = known.contact_id
            one.data_quality = list(dict.fromkeys([*known.data_quality, *noted, *marks, *cut, *one.data_quality]))
            results[row] = with_inputs(one, one.inputs)

    def _committed(
        self, before: BeforeRespond[Any, Any], ids: Sequence[str], answers: Sequence[Prediction]
    ) -> Sequence[Prediction]:
        """Commit what belongs to answers; about who is held out there is nothing to commit."""
        held = self._resolved.holdouts
        if not held:
            return before.commit(self._pending(ids, answers))
        free = [place for place, one in enumerate(ids) if holding(held, one) is None]
        found = list(answers)
        kept = before.commit(self._pending([ids[place] for place in free], [found[place] for place in free]))
        for place, one in zip(free, kept, strict=True):
            found[place] = one
        return found

    def _pending(self, ids: Sequence[str], answers: Sequence[Prediction]) -> PendingResponse[Any, Any]:
        resolved, erasures = self._resolved, _erasures(self._reads)
        return PendingResponse(
            self._account, resolved.request, ids, answers, resolved.champion.version, resolved.asked_at, erasures
        )

    def _add_stored(self, results: list[Prediction]) -> None:
        """Let the capability add what the store knows of the contacts; without it the answers stay as they are."""
        rows = [row for row, one in enumerate(results) if one.status == "ok"]
        if self._spec.add_stored is None or not rows:
            return
        answered = [results[row] for row in rows]
        ids = [one.contact_id or "" for one in answered]
        try:
            again = self._spec.add_stored(self._account, ids, answered, self._cutoff)
        except StoreUnavailable:
            return
        for row, one in zip(rows, again, strict=True):
            results[row] = one


def _erasures(reads: RequestReads | None) -> int:
    """Return the count of erasures with which the contacts were read."""
    return UNKNOWN if reads is None else reads.erasures


def needs_event_ids(contacts: Sequence[RequestContact]) -> bool:
    """Whether stored events are united with others: with those of a call, or where a contact is named twice."""
    return any(contact.events for contact in contacts) or len({one.id for one in contacts}) < len(contacts)


def put_trends(results: Sequence[Prediction], before: Mapping[str, int]) -> None:
    """Compare the scores of those who are answered with their past ones."""
    for one in results if before else ():
        if one.status == "ok" and one.contact_id is not None:
            one.trend = trend_of(one.score, before.get(one.contact_id))


def matched(
    contacts: Sequence[RequestContact], stored: PastRows, model: ServedModel
) -> tuple[Sequence[RequestContact], Sequence[frozenset[str]], PastRows]:
    """Match attributes with those that the model knows; one that knows none takes all as they are.

    Returns:
        The contacts, of each the inline names that the training never saw, and what is stored.
    """
    if not model.attribute_names:
        return contacts, (), stored
    names = AttributeNames.of(model.attribute_names)
    stored = replace(stored, facts=names.matched_facts(stored.facts))
    contacts, unknown = names.matched(contacts)
    # Without the inputs of its training a model knows only what it looks at, and not what else there was.
    return contacts, unknown if inputs_of(model) is not None else (), stored
