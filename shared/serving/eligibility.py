"""Who gets a prediction and why not, what is known of the data behind it, and the contact's result as it is sent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from shared.contracts.contact import InlineContact
from shared.contracts.defaults import STALE_DAYS
from shared.contracts.prediction import Prediction, Status, Trend
from shared.contracts.rows import DAY, Microseconds
from shared.errors import StoreUnavailable
from shared.features import UNDERSTOOD, InputQuality
from shared.features.inputs import CODES
from shared.serving.capability_spec import AnySpec, ModelResult, ServedModel
from shared.serving.request_contacts import MergedPasts
from shared.store import AccountStore
from shared.timeline import ContactFacts, Pasts, denies_profiling, seen_type
from shared.values.words import is_missing

STALE_AFTER = STALE_DAYS * DAY
NEW_WITHIN = 7 * DAY
UNREADABLE = "unreadable_attributes"


@dataclass(slots=True)
class EligibilityResult:
    """What is known of one valid contact's answer so far."""

    status: Status
    scored: ModelResult | None = None
    detail: str | None = None
    """What the model says of a status of its own."""
    trend: Trend = "unknown"
    data_quality: list[str] = field(default_factory=list)
    inputs: InputQuality = UNDERSTOOD


def contact_results(
    contacts: Sequence[InlineContact], pasts: MergedPasts, model: ServedModel, *, away: bool, without_data: bool = False
) -> list[EligibilityResult]:
    """Give each contact a status before the model is asked.

    Args:
        contacts: valid ones, in the caller's order.
        pasts: united rows, with one key a contact.
        model: tells which events end the question.
        away: the store could not be read: only a contact that brings data and a granted consent is answered.
        without_data: whether a known contact without event and attribute is asked about all the same.
    """
    active = {event[0] for event in pasts.events}
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
        unreadable = [UNREADABLE] if facts is not None and facts.unreadable else []
        results.append(EligibilityResult(status, data_quality=[*noted, *unreadable]))
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
    if model.reached_by or model.begun_by:
        for event in chain(pasts.events, pasts.older):
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
    return facts is not None and any(one.name in looked_at and not is_missing(one.value) for one in facts.attributes)


def _brings_all(contact: InlineContact) -> bool:
    return bool(contact.attributes or contact.events) and (contact.consent or {}).get("profiling") == "granted"


def quality(pasts: Pasts, model: ServedModel, *, cutoff: Microseconds) -> list[list[str]]:
    """Name what is missing in each past.

    Returns:
        One list a contact: `no_timezone`, `no_events`, `no_attributes`, `new_contact`.
    """
    counts = np.diff(pasts.offsets)
    first = (
        np.where(counts > 0, pasts.at[np.minimum(pasts.offsets[:-1], max(len(pasts.at) - 1, 0))], cutoff)
        if len(pasts.at)
        else np.full(len(pasts), cutoff)
    )
    since = np.minimum(first, pasts.created_at)
    with_attributes = np.zeros(len(pasts), dtype=bool)
    for column in pasts.attributes.values():
        with_attributes[column.contact[column.valid_from < cutoff]] = True
    local = model.feature_set.needs_local_time
    found = []
    for row, zone in enumerate(pasts.zones):
        marks = {
            "no_timezone": local and zone is None,
            "no_events": counts[row] == 0,
            "no_attributes": not with_attributes[row],
            "new_contact": counts[row] > 0 and cutoff - since[row] < NEW_WITHIN,
        }
        found.append([mark for mark, holds in marks.items() if holds])
    return found


def inputs_judged(result: EligibilityResult, inputs: InputQuality) -> None:
    """Note what a model did not understand of a contact; too much of it leaves the contact without an answer."""
    result.inputs = inputs
    result.data_quality += [code for code in inputs.codes if code not in result.data_quality]
    if result.status == "ok" and not inputs.suffices:
        missing = ", ".join(inputs.names.get("missing_attributes", ())[:5])
        result.status, result.scored = "insufficient_data", None
        result.detail = (
            f"Most of what the model looks at is missing ({inputs.missing_weight:.0%} of its weight"
            f"{f', for example {missing}' if missing else ''}); send those attributes, under the names they had in "
            "training."
        )


class Freshness:
    """Whether an account's events are stale; the newest event only moves forward, so that most calls need no read."""

    def __init__(self) -> None:
        self._newest: dict[str, Microseconds] = {}

    def noted(self, name: str, account: AccountStore, *, cutoff: Microseconds, away: bool) -> list[str]:
        """Return `stale_events` when the account's newest event is older than 14 days at the cutoff."""
        if self._newest.get(name, -1) >= cutoff - STALE_AFTER:
            return []
        if away:
            return []
        try:
            newest = account.events.newest_at()
        except StoreUnavailable:
            return []
        if newest is None:
            return []
        self._newest[name] = newest
        return ["stale_events"] if newest < cutoff - STALE_AFTER else []


TREND_POINTS = 5

DETAILS: dict[Status, str] = {
    "unknown_contact": "Nothing is stored under this id; import the contact, or send attributes or events with it.",
    "invalid": "This contact does not fit the contract; `errors` says where.",
    "no_consent": "The contact denied profiling.",
    "insufficient_data": "There is neither an event nor an attribute to predict from.",
    "outcome_reached": "The contact has reached this outcome already.",
    "not_eligible": "The question is not asked about such a contact.",
    "control": "The contact is in the control group.",
    "no_slot": "Nothing fits what was asked for.",
}
NOBODY = "No contact of this account has this e-mail address; import the contact with it, or send its id."
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


def unanswered(
    spec: AnySpec,
    contact_id: str | None,
    status: Status,
    errors: Sequence[dict[str, str]] = (),
    *,
    data_quality: Sequence[str] = (),
    inputs: InputQuality = UNDERSTOOD,
    detail: str | None = None,
) -> Prediction:
    """Say why there is no prediction."""
    detail = detail or DETAILS[status]
    if status == "insufficient_data" and "store_unavailable" in data_quality:
        detail = STORE_AWAY
    prediction: Prediction = spec.prediction.model_validate(
        {
            **_head(contact_id, status, data_quality, inputs),
            "detail": detail,
            "errors": list(errors),
            **spec.fields(None),
        }
    )
    return prediction


def answered(spec: AnySpec, contact_id: str, result: EligibilityResult) -> Prediction:
    """Write one contact's answer."""
    scored = result.scored
    if scored is None:
        return unanswered(
            spec,
            contact_id,
            result.status,
            data_quality=result.data_quality,
            inputs=result.inputs,
            detail=result.detail,
        )
    prediction: Prediction = spec.prediction.model_validate(
        {
            **_head(contact_id, "ok", result.data_quality, result.inputs),
            "probability": scored.probability,
            "score": scored.score,
            "band": scored.band,
            "trend": result.trend,
            "reasons": [
                {
                    "feature": part.feature,
                    "value": part.value,
                    "effect": "raises" if part.contribution >= 0 else "lowers",
                    "contribution": part.contribution,
                    "text": part.text,
                }
                for part in scored.reasons
            ],
            "source": scored.source,
            **spec.fields(scored),
        }
    )
    return prediction


def _head(contact_id: str | None, status: Status, data_quality: Sequence[str], inputs: InputQuality) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "status": status,
        "detail": None,
        "errors": [],
        "probability": None,
        "score": None,
        "band": None,
        "trend": "unknown",
        "reasons": [],
        "source": None,
        "data_quality": list(data_quality),
        "data_quality_details": _details(inputs),
    }


def _details(inputs: InputQuality) -> dict[str, Any] | None:
    if not inputs.names:
        return None
    return {
        **{code: list(inputs.names.get(code, ())) for code in CODES},
        "further": inputs.further,
        "missing_weight": inputs.missing_weight,
    }
