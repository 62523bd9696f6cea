"""Many contacts of the store answered in this process: the rows that `POST /batches` and `foretell predict` write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from shared.contracts.contact import InlineContact
from shared.contracts.prediction import Prediction, PredictionRequest
from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.features import UNDERSTOOD
from shared.serving.answering import TREND_DAYS, _name_what_is_missing, _named
from shared.serving.capability_spec import AnySpec, ModelResult
from shared.serving.champions import Champion
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
from shared.serving.request_contacts import InvalidContact, MergedPasts, UnknownContact, merge_inline, slots
from shared.store import AccountStore
from shared.timeline import build


class RefusedRow(NamedTuple):
    """A row of a file that is no contact."""

    detail: str
    """Why; what stands there is not repeated."""


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """A fixed version at a fixed cutoff: whatever is answered later is answered the same."""

    spec: AnySpec
    champion: Champion
    outcome: str
    """Empty where the capability has none."""
    cutoff: datetime
    asked_at: Microseconds
    """Nothing recorded later is seen."""
    reasons: int
    """How many a contact; 0 computes none."""
    _freshness: Freshness = field(default_factory=Freshness)

    @property
    def request(self) -> PredictionRequest:
        """Return what a call with these contacts would ask for."""
        named = {"outcome": self.outcome} if self.outcome else {}
        fields = {"contacts": [], "reasons": self.reasons, "cutoff": self.cutoff, **named}
        request: PredictionRequest = self.spec.request.model_validate(fields)
        return request

    def answers(self, account: AccountStore, contacts: Sequence[Any], *, first: int = 0) -> list[Prediction]:
        """Answer about some contacts as a single call would, order kept.

        Args:
            account: of the contacts.
            contacts: as in a request: `{"id": ...}`, with inline data or without, or rows of a file that are none;
                up to some thousand.
            first: place of the first one in the batch, for the pointers of its mistakes.
        """
        every = [one if isinstance(one, RefusedRow) else slots([one])[0] for one in contacts]
        valid = [slot for slot in every if isinstance(slot, InlineContact)]
        left = iter(self._results(account, valid) if valid else ())
        predictions = []
        for place, slot in enumerate(every):
            if isinstance(slot, RefusedRow):
                errors = [{"pointer": f"/contacts/{first + place}", "detail": slot.detail}]
                predictions.append(unanswered(self.spec, None, "invalid", errors))
            elif isinstance(slot, InvalidContact):
                errors = [_moved(error, first + place) for error in slot.errors]
                predictions.append(unanswered(self.spec, slot.contact_id, "invalid", errors))
            elif isinstance(slot, UnknownContact):
                predictions.append(unanswered(self.spec, slot.contact_id, "unknown_contact", detail=NOBODY))
            else:
                predictions.append(answered(self.spec, slot.id, next(left)))
        return predictions

    def _results(self, account: AccountStore, contacts: Sequence[InlineContact]) -> list[EligibilityResult]:
        model, cutoff = self.champion.model, microseconds(self.cutoff)
        ids = list(dict.fromkeys(contact.id for contact in contacts))
        always = (*model.reached_by, *model.begun_by)
        bounds = {"cutoff": cutoff, "asked_at": self.asked_at, "lookback_days": model.lookback_days}
        stored = account.contacts.pasts(ids, always=always, **bounds)
        contacts, unknown, stored = _named(contacts, stored, model)
        pasts = merge_inline(contacts, stored, cutoff=cutoff, lookback_days=model.lookback_days)
        results = contact_results(contacts, pasts, model, away=False, without_data=self.spec.answers_without_data)
        _name_what_is_missing(results, model)
        noted = self._freshness.noted(account.account, account, cutoff=cutoff, away=False)
        self._predict(pasts, results, noted)
        for result, names in zip(results, unknown, strict=True):
            if names and result.status in ("ok", "insufficient_data"):
                inputs_judged(result, result.inputs.with_unknown(names))
        self._add_stored(account, contacts, results)
        return results

    def _predict(self, pasts: MergedPasts, results: Sequence[EligibilityResult], noted: Sequence[str]) -> None:
        rows = [row for row, result in enumerate(results) if result.status == "ok"]
        if not rows:
            return
        model, cutoff = self.champion.model, microseconds(self.cutoff)
        columns = build([pasts.keys[row] for row in rows], pasts.facts, [pasts.events])
        cutoffs = np.full(len(rows), cutoff, dtype=np.int64)
        scored: Sequence[ModelResult] = self.spec.answer(model, columns, cutoffs, self.request)
        for row, one, found in zip(rows, scored, quality(columns, model, cutoff=cutoff), strict=True):
            _take(results[row], one, noted, found)

    def _add_stored(
        self, account: AccountStore, contacts: Sequence[InlineContact], results: Sequence[EligibilityResult]
    ) -> None:
        """Add what the store knows of the same contacts: the trend, and what the capability adds."""
        pairs = [(one.id, result) for one, result in zip(contacts, results, strict=True) if result.scored is not None]
        if not pairs:
            return
        ids, cutoff = [contact_id for contact_id, _ in pairs], microseconds(self.cutoff)
        name, around = self.spec.capability.name, cutoff - TREND_DAYS * DAY
        before = account.predictions.past_scores(name, self.outcome, ids, around=around)
        for contact_id, result in pairs:
            result.trend = trend_of(result.scored.score if result.scored else None, before.get(contact_id))
        if self.spec.add_stored is None:
            return
        known = self.spec.add_stored(account, ids, [result.scored for _, result in pairs], cutoff)
        for (_, result), again in zip(pairs, known, strict=True):
            result.scored = again


def _take(result: EligibilityResult, prediction: ModelResult, noted: Sequence[str], found: Sequence[str]) -> None:
    """Put what the model says of a contact into its result."""
    result.status, result.detail = prediction.status, prediction.detail
    result.scored = prediction if prediction.status == "ok" else None
    truncated = ["truncated_history"] if prediction.truncated else []
    every = [*result.data_quality, *noted, *found, *truncated, *prediction.data_quality]
    result.data_quality = list(dict.fromkeys(every))
    inputs_judged(result, getattr(prediction, "inputs", UNDERSTOOD))


def _moved(error: dict[str, str], place: int) -> dict[str, str]:
    """Point from the root of the batch, and not of the one contact.

    >>> _moved({"pointer": "/contacts/0/id", "detail": "too long"}, 1002)["pointer"]
    '/contacts/1002/id'
    """
    return {**error, "pointer": f"/contacts/{place}" + error["pointer"].removeprefix("/contacts/0")}
