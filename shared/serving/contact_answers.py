"""Answers about contacts, of a call or a batch: who gets a prediction and why not, and what is known of the data."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from shared.contracts.defaults import STALE_DAYS
from shared.contracts.holdout import Holdout, holding, withheld
from shared.contracts.prediction import InputQuality, Prediction, PredictionRequest, Status, Trend
from shared.contracts.rows import DAY, Microseconds, denies_profiling
from shared.errors import StoreUnavailable
from shared.features.inputs import inputs_of
from shared.serving.capability_spec import AnySpec, PendingResponse, ServedModel
from shared.serving.champions import Champion
from shared.serving.input_counts import LEAST_COUNTED, input_counts
from shared.serving.request_contacts import AlikeContacts, AttributeNames, MergedPasts, RequestContact, merge_inline
from shared.store import AccountStore, PastsWanted, RequestReads
from shared.timeline import (
    ContactFacts,
    ContactPasts,
    PastRows,
    contacts_of,
    missing_in,
    named_values,
    perhaps_of_types,
    seen_type,
)
from shared.values.words import is_missing

STALE_AFTER = STALE_DAYS * DAY
UNREADABLE, OTHER_CURRENCY = "unreadable_attributes", "other_currency"
TREND_DAYS = 30
_IDS, _NO_FIELDS = frozenset({"event_id"}), frozenset[str]()
UNKNOWN_ERASURES = -2
"""No count of any account: whatever is written is looked at."""


@dataclass(slots=True)
class ContactAnswers:
    """Answers about contacts of one account by one version at one cutoff."""

    spec: AnySpec
    account: AccountStore
    champion: Champion
    request: PredictionRequest
    """What is wanted of each contact."""
    outcome: str
    """Empty where the capability has none."""
    cutoff: Microseconds
    asked_at: Microseconds
    """Nothing recorded later is seen."""
    plan: BaseModel | None = None
    """Of a plan about all contacts of a batch: what each is worth to it is wanted in the place of an answer."""
    holdouts: Sequence[Holdout] = ()
    """Who of the contacts gets no answer; nearly always empty."""
    whole: bool = False
    """Whether answers without what the store adds to them are none."""
    counts_inputs: bool = False
    """Whether what the model saw is counted; the worker asks for it."""
    counted: Mapping[str, Any] | None = field(init=False, default=None)
    """What the model saw, in counts."""

    def read(self, contacts: Sequence[RequestContact]) -> RequestReads:
        """Read in one snapshot what is stored of contacts.

        Raises:
            StoreUnavailable: the pasts could not be read.
        """
        model = self.champion.model
        if isinstance(contacts, AlikeContacts):
            ids, bring_events = contacts.ids, False
        else:
            ids, bring_events = [one.id for one in contacts], any(one.events for one in contacts)
        once = list(dict.fromkeys(ids))
        wanted = PastsWanted(
            once,
            cutoff=self.cutoff,
            asked_at=self.asked_at,
            always=(*model.reached_by, *model.begun_by),
            lookback_days=model.lookback_days,
            event_fields=self.spec.event_fields(model) | (_IDS if bring_events or len(once) < len(ids) else _NO_FIELDS),
            currency=currency_of(model),
        )
        around = self.cutoff - TREND_DAYS * DAY
        return self.account.predictions.request_reads(self.spec.capability.name, self.outcome, wanted, around=around)

    def of(self, contacts: Sequence[RequestContact], reads: RequestReads | None) -> list[Prediction]:
        """Decide for each contact whether it gets a prediction, and predict, order kept.

        Args:
            contacts: valid ones.
            reads: of these; None: the store is away.

        Raises:
            StoreUnavailable: the store is away, and no contact brought data.
        """
        if not contacts:
            return []
        model, away = self.champion.model, reads is None
        rows = PastRows({}, []) if reads is None else reads.rows
        others = in_other_currency(contacts, currency_of(model)) | rows.other_currency
        contacts = in_currency(contacts, currency_of(model))
        contacts, strangers, stored = _matched(contacts, rows, model)
        pasts = merge_inline(contacts, stored, cutoff=self.cutoff, lookback_days=model.lookback_days)
        without_data = self.spec.answers_without_data
        results = contact_results(contacts, pasts, model, away=away, without_data=without_data)
        if not away:
            name_what_is_missing(results, model)
        elif all(one.status == "insufficient_data" for one in results):
            raise StoreUnavailable(
                "The store is away; send attributes or events and consent with the contacts, or ask again."
            )
        self._predict(pasts, results, reads)
        for place, names in enumerate(strangers):
            if names and results[place].status in ("ok", "insufficient_data", "not_eligible"):
                results[place] = with_inputs(results[place], results[place].inputs.with_unknown(names))
        if reads is not None:
            put_trends(results, reads.past_scores)
            self._add_stored(results)
        for one in results if others else ():
            if one.contact_id in others and one.status in ("ok", "insufficient_data", "not_eligible"):
                one.data_quality = [*one.data_quality, OTHER_CURRENCY]
        withhold(results, self.holdouts)
        return results

    def _add_stored(self, results: list[Prediction]) -> None:
        """Let the capability add what the store knows of the same contacts."""
        rows = [row for row, one in enumerate(results) if one.status == "ok"]
        if self.spec.add_stored is None or self.plan is not None or not rows:
            return
        answered = [results[row] for row in rows]
        ids = [one.contact_id or "" for one in answered]
        try:
            again = self.spec.add_stored(self.account, ids, answered, self.cutoff)
        except StoreUnavailable:
            if self.whole:
                raise
            return
        for row, one in zip(rows, again, strict=True):
            results[row] = one

    def _predict(self, pasts: MergedPasts, results: list[Prediction], reads: RequestReads | None) -> None:
        """Put the model's answers in the place of those that are `ok`."""
        rows = [row for row, one in enumerate(results) if one.status == "ok"]
        if not rows:
            return
        model = self.champion.model
        if self.spec.as_of_now is not None:
            model = self.spec.as_of_now(self.account, model)
        answerable = ContactPasts([pasts.keys[row] for row in rows], pasts.facts, pasts.events)
        cutoffs = np.full(len(rows), self.cutoff, dtype=np.int64)
        if self.plan is not None and self.spec.batch_plan is not None:
            answers = self.spec.batch_plan.value(model, answerable, cutoffs, self.plan)
        else:
            answers = model.answer(answerable, cutoffs, self.request)
        if self.counts_inputs and len(rows) >= LEAST_COUNTED:
            self.counted = input_counts(model, answerable, cutoffs)
        if self.spec.before_respond is not None and self.spec.before_respond.applies(self.request):
            commit = self.spec.before_respond.commit
            answers = self._committed(commit, [pasts.names[row] for row in rows], answers, reads)
        noted = noted_of(None if reads is None else reads.newest_event_at, cutoff=self.cutoff)
        found = missing_in(answerable, self.cutoff, needs_zone=model.feature_set.needs_local_time)
        for row, one, marks in zip(rows, answers, found, strict=True):
            results[row] = in_place_of(results[row], one, (*noted, *marks))

    def _committed(
        self,
        commit: Callable[[PendingResponse[Any, Any]], Sequence[Prediction]],
        ids: Sequence[str],
        answers: Sequence[Prediction],
        reads: RequestReads | None,
    ) -> Sequence[Prediction]:
        """Commit what belongs to answers; about who is held out there is nothing to commit."""
        free = [place for place, one in enumerate(ids) if holding(self.holdouts, one) is None]
        pending: PendingResponse[Any, Any] = PendingResponse(
            self.account,
            self.request,
            [ids[place] for place in free],
            [answers[place] for place in free],
            self.champion.version,
            self.asked_at,
            erasures_of(reads),
        )
        found = list(answers)
        for place, one in zip(free, commit(pending), strict=True):
            found[place] = one
        return found


def currency_of(model: ServedModel) -> str | None:
    """Return the currency of a model that adds values up; events in another one are no part of what it sees."""
    currency: str | None = getattr(model, "currency", None)  # a runtime protocol takes as long as a margin
    return currency


def in_other_currency(contacts: Sequence[RequestContact], currency: str | None) -> frozenset[str]:
    """Return the contacts of a call that bring events in another currency than a model's; None: none do."""
    if currency is None:
        return frozenset()
    allowed = (None, currency)
    return frozenset(one.id for one in contacts if any(event.currency not in allowed for event in one.events))


def in_currency(contacts: Sequence[RequestContact], currency: str | None) -> Sequence[RequestContact]:
    """Leave out events of a call whose values are in another currency; None: all of them stay."""
    if currency is None or not any(contact.events for contact in contacts):
        return contacts
    return [
        contact._replace(events=[event for event in contact.events if event.currency in (None, currency)])
        for contact in contacts
    ]


def withhold(results: list[Prediction], holdouts: Sequence[Holdout]) -> None:
    """Put `control` in the place of the answers about who is held out; other statuses say nothing of a model."""
    if not holdouts:
        return
    for place, one in enumerate(results):
        if one.status == "ok" and (holdout := holding(holdouts, one.contact_id)) is not None:
            results[place] = withheld(one, holdout)


def erasures_of(reads: RequestReads | None) -> int:
    """Return the account's count of erasures with which contacts were read."""
    return UNKNOWN_ERASURES if reads is None else reads.erasures


def in_place_of(known: Prediction, answer: Prediction, marks: Sequence[str]) -> Prediction:
    """Put a model's answer in the place of what was known of a contact before.

    Args:
        known: its id and data quality so far.
        answer: of the model.
        marks: further data quality.
    """
    answer.contact_id = known.contact_id
    if known.data_quality or answer.data_quality or answer.truncated:
        cut = ("truncated_history",) if answer.truncated else ()
        marks = tuple(dict.fromkeys([*known.data_quality, *marks, *cut, *answer.data_quality]))
    answer.data_quality = marks
    return with_inputs(answer, answer.inputs)


def contact_results(
    contacts: Sequence[RequestContact],
    pasts: MergedPasts,
    model: ServedModel,
    *,
    away: bool,
    without_data: bool = False,
) -> list[Prediction]:
    """Give each contact a status before the model is asked; those that are `ok` get an answer in its place.

    Args:
        contacts: valid ones, in the caller's order.
        pasts: united rows, with one key a contact.
        model: tells which events end the question.
        away: the store could not be read: only a contact that brings data and a granted consent is answered.
        without_data: whether a known contact without event and attribute is asked about all the same.
    """
    active = contacts_of(pasts.events)
    found = _reached(pasts, model)
    noted = ["store_unavailable"] if away else []
    looked_at = {feature.attribute for feature in model.feature_set.features if feature.attribute}
    results = []
    for contact, key in zip(contacts, pasts.keys, strict=True):
        facts = pasts.facts.get(key)
        if facts is not None and denies_profiling(facts.consent):
            status: Status = "no_consent"
        elif away and not _brings_all(contact):
            status = "insufficient_data"
        elif facts is None and key not in active:
            status = "unknown_contact"
        elif key in found.reached:
            status = "outcome_reached"
        elif not without_data and key not in active and not _has_any_of(facts, looked_at):
            status = "insufficient_data"
        elif found.begun is not None and key not in found.begun:
            status = "not_eligible"
        else:
            status = "ok"
        marks = [*noted, UNREADABLE] if facts is not None and facts.unreadable else noted
        results.append(Prediction(contact_id=contact.id, status=status, data_quality=marks))
    return results


@dataclass(frozen=True, slots=True)
class _Reached:
    """Where contacts stand with an outcome, by key."""

    reached: set[str]
    begun: set[str] | None
    """None: nothing has to begin."""


def _reached(pasts: MergedPasts, model: ServedModel) -> _Reached:
    """Find who reached the outcome before the cutoff, as training sees it: not by a machine's doing.

    Where the question can be reopened, the last word counts.
    """
    ended: dict[str, Microseconds] = {}
    begun: dict[str, Microseconds] = {}
    types = (*model.reached_by, *model.begun_by)
    if types:
        for event in chain(perhaps_of_types(pasts.events, types), pasts.older):
            seen = seen_type(event)
            if seen in model.reached_by:
                ended[event[0]] = max(event[3], ended.get(event[0], event[3]))
            elif seen in model.begun_by:
                begun[event[0]] = max(event[3], begun.get(event[0], event[3]))
    reached = {key for key, at in ended.items() if begun.get(key, at) <= at}
    if model.flag is not None:
        reached.update(key for key, facts in pasts.facts.items() if model.flag.holds(facts.attributes))
    return _Reached(reached, set(begun) if model.begun_by else None)


def _has_any_of(facts: ContactFacts | None, looked_at: Collection[str]) -> bool:
    """Whether a contact has an attribute that the model looks at, filled in: all others say nothing to it."""
    for name, value in () if facts is None else named_values(facts.attributes):
        if name in looked_at and not is_missing(value):
            return True
    return False


def _brings_all(contact: RequestContact) -> bool:
    return bool(contact.attributes or contact.events) and (contact.consent or {}).get("profiling") == "granted"


def with_inputs(one: Prediction, inputs: InputQuality) -> Prediction:
    """Note what a model did not understand of a contact; too much of it leaves the contact without an answer."""
    one.inputs = inputs
    if inputs.codes:
        one.data_quality = list(dict.fromkeys([*one.data_quality, *inputs.codes]))
    if one.status == "ok" and not inputs.suffices:
        missing = ", ".join(inputs.names.get("missing_attributes", ())[:5])
        one.status = "insufficient_data"
        one.detail = (
            f"Most of what the model looks at is missing ({inputs.missing_weight:.0%} of its weight"
            f"{f', for example {missing}' if missing else ''}); send those attributes, under the names they had in "
            "training."
        )
    return one if one.shows_own_fields else _without_answer(one)


def name_what_is_missing(results: Sequence[Prediction], model: ServedModel) -> None:
    """Name the attributes that the model looks at, for contacts without data."""
    inputs, nobody = inputs_of(model), [one for one in results if one.status == "insufficient_data"]
    if inputs is None or not nobody:
        return
    nothing = inputs.nothing([feature.attribute for feature in model.feature_set.features])
    for one in nobody:
        with_inputs(one, nothing)


def _without_answer(one: Prediction) -> Prediction:
    """Keep the head alone: of a contact without an answer nothing is said but why."""
    return Prediction(
        contact_id=one.contact_id,
        status=one.status,
        detail=one.detail,
        data_quality=one.data_quality,
        inputs=one.inputs,
    )


def noted_of(newest_event_at: Microseconds | None, *, cutoff: Microseconds) -> list[str]:
    """Return `stale_events` where the account's newest event is older than 14 days at the cutoff.

    >>> noted_of(0, cutoff=15 * DAY), noted_of(DAY, cutoff=15 * DAY), noted_of(None, cutoff=15 * DAY)
    (['stale_events'], [], [])
    """
    return ["stale_events"] if newest_event_at is not None and newest_event_at < cutoff - STALE_AFTER else []


TREND_POINTS = 5

DETAILS: Final[Mapping[Status, str]] = {
    "unknown_contact": "Nothing is stored under this id; import the contact, or send attributes or events with it.",
    "invalid": "This contact does not fit the contract; `errors` says where.",
    "no_consent": "The contact denied profiling.",
    "insufficient_data": "There is neither an event nor an attribute to predict from.",
    "outcome_reached": "The contact has reached this outcome already.",
    "not_eligible": "The question is not asked about such a contact.",
    "control": "The contact is in the control group.",
    "no_slot": "Nothing fits what was asked for.",
    "none_eligible": "No message runs now that is for this contact.",
    "capped": "The contact got as much lately as caps and pauses allow.",
}
STORE_AWAY = "The store is away: only contacts sent with data and with `consent.profiling: granted` are answered now."


def trend_of(score: int | None, before: int | None) -> Trend:
    """Compare a score with the one of 30 days before.

    >>> trend_of(60, 55), trend_of(60, 56), trend_of(50, 55), trend_of(50, None)
    ('improving', 'steady', 'declining', 'unknown')
    """
    if score is None or before is None:
        return "unknown"
    if score - before >= TREND_POINTS:
        return "improving"
    return "declining" if score - before <= -TREND_POINTS else "steady"


def with_detail(one: Prediction) -> Prediction:
    """Add the usual sentence of its status to an answer that has none."""
    if one.status == "insufficient_data" and "store_unavailable" in one.data_quality:
        one.detail = STORE_AWAY
    elif one.status != "ok" and one.detail is None:
        one.detail = DETAILS[one.status]
    return one


def put_trends(results: Sequence[Prediction], before: Mapping[str, int]) -> None:
    """Compare the scores of those who are answered with their past ones."""
    for one in results if before else ():
        if one.status == "ok" and one.contact_id is not None:
            one.trend = trend_of(one.score, before.get(one.contact_id))


def _matched(
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
