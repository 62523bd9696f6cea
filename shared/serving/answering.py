"""The flow of a call, the same for all capabilities: envelope, outcome, champion, contacts, answer, log."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

import orjson

from shared.contracts.call import Call
from shared.contracts.decision import UNTRAINED
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import Outcome
from shared.contracts.prediction import MAX_CONTACTS, Prediction, PredictionRequest, Status
from shared.contracts.rows import Microseconds, microseconds
from shared.errors import LimitReached, NoModelTrained, StoreUnavailable, UpstreamTimeout
from shared.http.middleware import parse_json
from shared.serving.capability_spec import AnySpec, ServedModel
from shared.serving.champions import Champion, ChampionHolder, ServingStore
from shared.serving.column_answers import column_answers
from shared.serving.contact_answers import ContactAnswers, erasures_of, with_detail
from shared.serving.metrics import ServiceMetrics
from shared.serving.outcomes import OutcomeResolver
from shared.serving.request_contacts import AlikeContacts, RequestContact, Slot, envelope, slots
from shared.serving.threads import (
    SMALL_CONTACTS,
    GatheringThreads,
    LoggedCall,
    LoggedTogether,
    PredictionLog,
    ThreadPools,
)
from shared.store import PredictionRow, RequestReads

UNLOGGED: frozenset[Status] = frozenset({"unknown_contact", "invalid"})
"""Of nobody who is known."""
INLINE_BYTES = 16_384
"""A smaller body is parsed on the event loop: a thread hop costs more."""


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
    ids: frozenset[str] | None
    """Whom a call that may be answered together with others names; None: it is answered alone."""
    shares: bool
    """Whether its answer about a contact may be that of other calls too: it brings nothing, and commits nothing."""

    def at(self, latest: "ResolvedCall") -> "ResolvedCall":
        """Ask at the instant of a later call, so that this sees all that was recorded before it came.

        Where no cutoff was named, `now` is any instant between question and answer.
        """
        if self.request.cutoff is not None:
            return self._replace(asked_at=latest.asked_at)
        return self._replace(asked_at=latest.asked_at, cutoff=latest.cutoff, cutoff_at=latest.cutoff_at)


GATHERED_CONTACTS = 32
"""So many contacts at most are answered together: more would let the first of them wait."""


def may_join(taken: Sequence[ResolvedCall], one: ResolvedCall) -> bool:
    """Whether a call can be answered together with others: it asks the same, and of the same contacts no less."""
    first = taken[0]
    if one.ids is None or first.ids is None or one.champion is not first.champion:
        return False
    if (one.call.account, one.outcome, one.holdouts) != (first.call.account, first.outcome, first.holdouts):
        return False
    if sum([len(call.request.contacts) for call in taken]) + len(one.request.contacts) > GATHERED_CONTACTS:
        return False
    mine, theirs = one.request.__dict__, first.request.__dict__
    if any(mine[name] != theirs[name] for name in mine if name != "contacts"):
        return False
    return all(one.ids.isdisjoint(call.ids or ()) or _may_share(one, call) for call in taken)


def _may_share(one: ResolvedCall, other: ResolvedCall) -> bool:
    """Whether two calls about the same contact can have one answer; the log keeps both by their own request ids."""
    return one.shares and other.shares and one.call.request_id != other.call.request_id


def _joinable_ids(request: PredictionRequest) -> frozenset[str] | None:
    """Return the ids of a call that may be answered together with others; events inline need a look at each id."""
    contacts = request.contacts
    if len(contacts) > SMALL_CONTACTS:
        return None
    ids = frozenset(
        one["id"]
        for one in contacts
        if one.__class__ is dict and "events" not in one and one.get("id").__class__ is str
    )
    return ids if len(ids) == len(contacts) else None


def _names_alone(contact: object) -> bool:
    """Whether a contact of a call is an id, and nothing that counts for this call only."""
    return contact.__class__ is dict and contact.keys() == {"id"}


class WrittenAnswers(Protocol):
    """The answers of one call."""

    @property
    def bodies(self) -> Sequence[bytes]:
        """Each as it is sent, in the order of the call."""

    @property
    def statuses(self) -> Mapping[Status, int]:
        """How many have each status."""

    def rows(self, call: LoggedCall) -> list[PredictionRow]:
        """Make the rows of the log."""


@dataclass(frozen=True, slots=True)
class WrittenPredictions:
    """The answers of one call, as one object each."""

    contacts: Sequence[RequestContact]
    """The valid ones."""
    own: Sequence[Prediction]
    """Their answers."""
    predictions: Sequence[Prediction]
    """All answers."""
    bodies: Sequence[bytes]

    @property
    def statuses(self) -> Mapping[Status, int]:
        """Count them."""
        return Counter([one.status for one in self.predictions])

    def rows(self, call: LoggedCall) -> list[PredictionRow]:
        """Make the rows of those that are logged."""
        written = zip(self.predictions, self.bodies, strict=True)
        return [call.row(one, body) for one, body in written if one.status not in UNLOGGED]


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The body of an answer and what is worth a log field."""

    body: bytes
    statuses: Mapping[Status, int]
    contacts: int
    outcome: str
    version: str


class Commits:
    """Whether something about answers may be in the store by now: from then on nothing is done again."""

    __slots__ = ("may_be_kept",)

    def __init__(self) -> None:
        self.may_be_kept = False

    def note(self) -> None:
        """Take that a COMMIT is about to be sent."""
        self.may_be_kept = True


Offer = Callable[[ResolvedCall, Sequence[RequestContact], Sequence[Prediction], int], None]
"""Takes what was answered for the version that shadows the champion: call, valid contacts, their answers, and the
account's count of erasures."""


class LoadedShadows(Protocol):
    """The versions that shadow champions."""

    @property
    def loaded(self) -> Mapping[tuple[str, str], object]:
        """By account and outcome."""


def _too_late() -> UpstreamTimeout:
    return UpstreamTimeout("The deadline passed before the call was answered; ask again or for fewer contacts.")


def _slots(call: ResolvedCall) -> Sequence[Slot]:
    return slots(call.request.contacts, lambda: parse_json(call.body)["contacts"])


class Answering:
    """Answers the calls of one capability; heavy work happens in threads."""

    def __init__(
        self,
        spec: AnySpec,
        store: ServingStore,
        champions: ChampionHolder,
        *,
        predictions: PredictionLog[LoggedTogether],
        metrics: ServiceMetrics,
        pools: ThreadPools,
        small_threads: int,
        now: Callable[[], datetime],
        shadows: LoadedShadows,
        offer: Offer,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._spec = spec
        self._store = store
        self._champions = champions
        self._predictions = predictions
        self._metrics = metrics
        self._pools = pools
        self._small = GatheringThreads(self._answers, may_join, threads=small_threads, name="answering")
        self._committing = GatheringThreads(self._answers, may_join, threads=small_threads, name="committing")
        self._now = now
        self._unix_seconds = unix_seconds
        self._shadows, self._offer = shadows, offer
        self._outcomes = OutcomeResolver(spec.capability, store, champions)

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
        before = self._spec.before_respond
        commits = before is not None and before.applies(read)
        held = self._champions.holdouts.of(call.account, self._spec.capability.name, outcome, at=asked_at)
        ids = _joinable_ids(read)
        shares = ids is not None and not commits and all(map(_names_alone, read.contacts))
        resolved = ResolvedCall(
            call, body, read, outcome, champion, asked_at, microseconds(cutoff), cutoff, held, ids, shares
        )
        if contacts <= SMALL_CONTACTS and not call.committed:
            return await (self._committing if commits else self._small).run(resolved)
        writes = call.committed or commits
        (answer,) = await self._pools.run(self._answers, [resolved], contacts=contacts, writes=writes)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def waiting(self) -> int:
        """How many small calls wait for a thread."""
        return self._small.waiting + self._committing.waiting

    def close(self) -> None:
        """Wait until all calls that came are answered."""
        self._small.close()
        self._committing.close()

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
        untrained = self._spec.untrained
        if untrained is not None and self._champions.surely_none(account, outcome):
            return await self._untrained(untrained, account, outcome)
        try:
            return await self._champions.of(account, outcome)
        except NoModelTrained as error:
            if untrained is not None:
                return await self._untrained(untrained, account, outcome)
            missing = await self._pools.run(self._outcomes.missing, account, outcome, contacts=MAX_CONTACTS)
            raise NoModelTrained(f"{error.detail} {missing.sentence}", **error.members, **missing.counts) from None

    async def _untrained(self, make: Callable[[Outcome], ServedModel], account: str, outcome: str) -> Champion:
        """Return what answers about an outcome of which no version was promoted."""
        meant = await self._pools.run(self._outcomes.untrained, account, outcome, contacts=1)
        return Champion(UNTRAINED, "", make(meant))

    def _answers(self, calls: Sequence[ResolvedCall]) -> Sequence[CallAnswer | Exception]:
        """Answer calls together, but for those whose time is over.

        Raises:
            Exception: several could not be answered together, and nothing is kept: each is to be answered alone.
        """
        now = self._unix_seconds()
        in_time = [one for one in calls if one.call.deadline_at >= now]
        answers = iter(self._in_time(in_time) if in_time else ())
        return [next(answers) if one.call.deadline_at >= now else _too_late() for one in calls]

    def _in_time(self, calls: Sequence[ResolvedCall]) -> Sequence[CallAnswer | Exception]:
        latest = max(calls, key=attrgetter("asked_at"))
        requested = [one.at(latest) for one in calls]
        first, commits = requested[0], Commits()
        answers = ContactAnswers(
            self._spec,
            self._store.of(first.call.account, before_commit=commits.note),
            first.champion,
            first.request,
            first.outcome,
            first.cutoff,
            first.asked_at,
            holdouts=first.holdouts,
            counts_inputs=first.call.committed,
        )
        try:
            return self._together(requested, answers)
        except Exception as error:
            if len(calls) == 1 or commits.may_be_kept:  # what may be kept is not done again
                return [error] * len(calls)
            raise

    def _together(self, calls: Sequence[ResolvedCall], answers: ContactAnswers) -> list[CallAnswer]:
        every = [_slots(one) for one in calls]
        alike = every[0] if len(every) == 1 and isinstance(every[0], AlikeContacts) else None
        valid = alike or [slot for of_call in every for slot in of_call if isinstance(slot, RequestContact)]
        # Of several calls each names a contact once, and all that name it ask the same.
        distinct = valid if len(calls) == 1 else list({contact.id: contact for contact in valid}.values())
        reads: RequestReads | None = None
        if distinct:
            try:
                reads = answers.read(distinct)
            except StoreUnavailable:  # what a call brings itself is answered all the same
                if len(calls) > 1:
                    raise
        columns = None
        if alike is not None and reads is not None and not self._is_shadowed(calls[0]):
            columns = column_answers(answers, alike, reads)
        written: Sequence[WrittenAnswers]
        written = [columns] if columns is not None else self._one_by_one(every, distinct, answers.of(distinct, reads))
        found = [self._written(one, of_call, answers.counted) for one, of_call in zip(calls, written, strict=True)]
        # All could be written: from here on nothing is done again.
        erasures = erasures_of(reads)
        for answer, one, of_call in zip(found, calls, written, strict=True):
            for status, count in answer.statuses.items():
                self._metrics.predictions.labels(status).inc(count)
            self._log(one, of_call, erasures)
            if isinstance(of_call, WrittenPredictions) and self._is_shadowed(one):
                self._offer(one, of_call.contacts, of_call.own, erasures)
        return found

    def _is_shadowed(self, one: ResolvedCall) -> bool:
        return (one.call.account, one.outcome) in self._shadows.loaded

    def _one_by_one(
        self, every: Sequence[Sequence[Slot]], distinct: Sequence[RequestContact], answers: Sequence[Prediction]
    ) -> list[WrittenPredictions]:
        """Write the answers of calls, with an object for each.

        Args:
            every: what each call names, in order.
            distinct: the valid contacts, once each where there are several calls.
            answers: of these.
        """
        valid = [[slot for slot in of_call if isinstance(slot, RequestContact)] for of_call in every]
        if sum(map(len, valid)) > len(distinct):
            of_contact = {contact.id: one for contact, one in zip(distinct, answers, strict=True)}
            answers = [of_contact[contact.id] for contact in chain.from_iterable(valid)]
        answered, written = iter(answers), []
        for of_call, contacts in zip(every, valid, strict=True):
            own = list(islice(answered, len(contacts)))
            left = iter(own)
            predictions = [with_detail(slot if isinstance(slot, Prediction) else next(left)) for slot in of_call]
            bodies = [prediction.wire(self._spec.absent_fields) for prediction in predictions]
            written.append(WrittenPredictions(contacts, own, predictions, bodies))
        return written

    def _written(
        self, resolved: ResolvedCall, answers: WrittenAnswers, counted: Mapping[str, Any] | None
    ) -> CallAnswer:
        """Put an answer together; the same bytes are sent and logged."""
        about = {
            "model": self._model_info(resolved),
            "cutoff": resolved.cutoff_at,
            "request_id": resolved.call.request_id,
            **({} if counted is None else {"inputs": counted}),
        }
        rest = orjson.dumps(about, option=orjson.OPT_UTC_Z)
        body = b'{"predictions":[%b],%b' % (b",".join(answers.bodies), rest[1:])
        contacts, version = len(answers.bodies), resolved.champion.version
        return CallAnswer(body, answers.statuses, contacts, resolved.outcome, version)

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

    def _log(self, resolved: ResolvedCall, answers: WrittenAnswers, erasures: int) -> None:
        """Queue what was answered, or commit it when the call relies on it; an inline-only answer counts like any."""
        spec = self._spec
        if spec.is_stored is not None and not spec.is_stored(resolved.request, resolved.champion.model):
            return
        call = LoggedCall(
            capability=spec.capability.name,
            outcome=resolved.outcome,
            version=resolved.champion.version,
            cutoff=resolved.cutoff,
            asked_at=resolved.asked_at,
            request_id=resolved.call.request_id,
        )
        keep = self._predictions.write if resolved.call.committed else self._predictions.add
        keep(LoggedTogether(resolved.call.account, erasures), answers.rows(call))
