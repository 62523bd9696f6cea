"""Many contacts of the store answered in this process: the rows that `POST /batches` and `foretell predict` write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from shared.contracts.holdout import Holdout
from shared.contracts.prediction import Prediction, PredictionRequest
from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.serving.answering import TREND_DAYS, matched, needs_event_ids, put_trends
from shared.serving.capability_spec import AnySpec
from shared.serving.champions import Champion
from shared.serving.eligibility import (
    contact_results,
    name_what_is_missing,
    noted_of,
    with_detail,
    with_inputs,
)
from shared.serving.holdouts import withhold
from shared.serving.request_contacts import MergedPasts, RequestContact, merge_inline, slots
from shared.store import AccountStore, PastsWanted
from shared.timeline import ContactPasts, missing_in


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
    plan: BaseModel | None = None
    """Options of a plan: contacts are valued for it, and not answered."""
    holdouts: Sequence[Holdout] = ()
    """Who gets no answer, whatever the cutoff."""

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
        every = [_slot(one, first + place) for place, one in enumerate(contacts)]
        valid = [slot for slot in every if isinstance(slot, RequestContact)]
        left = iter(self._results(account, valid) if valid else ())
        return [with_detail(slot if isinstance(slot, Prediction) else next(left)) for slot in every]

    def body(self, prediction: Prediction) -> bytes:
        """Write one answer as a single call sends it."""
        return prediction.wire(self.spec.fields(prediction if prediction.status == "ok" else None))

    def _results(self, account: AccountStore, contacts: Sequence[RequestContact]) -> list[Prediction]:
        model, cutoff = self.champion.model, microseconds(self.cutoff)
        ids = list(dict.fromkeys(contact.id for contact in contacts))
        wanted = PastsWanted(
            ids,
            cutoff=cutoff,
            asked_at=self.asked_at,
            always=(*model.reached_by, *model.begun_by),
            lookback_days=model.lookback_days,
            event_ids=needs_event_ids(contacts),
        )
        around = cutoff - TREND_DAYS * DAY
        reads = account.predictions.request_reads(self.spec.capability.name, self.outcome, wanted, around=around)
        contacts, strangers, stored = matched(contacts, reads.rows, model)
        pasts = merge_inline(contacts, stored, cutoff=cutoff, lookback_days=model.lookback_days)
        results = contact_results(contacts, pasts, model, away=False, without_data=self.spec.answers_without_data)
        name_what_is_missing(results, model)
        self._predict(pasts, results, noted_of(reads.newest_event_at, cutoff=cutoff))
        for place, names in enumerate(strangers):
            if names and results[place].status in ("ok", "insufficient_data"):
                results[place] = with_inputs(results[place], results[place].inputs.with_unknown(names))
        put_trends(results, reads.past_scores)
        self._add_stored(account, results)
        withhold(results, self.holdouts)
        return results

    def _predict(self, pasts: MergedPasts, results: list[Prediction], noted: Sequence[str]) -> None:
        rows = [row for row, one in enumerate(results) if one.status == "ok"]
        if not rows:
            return
        model, cutoff = self.champion.model, microseconds(self.cutoff)
        answerable = ContactPasts([pasts.keys[row] for row in rows], pasts.facts, pasts.events)
        cutoffs = np.full(len(rows), cutoff, dtype=np.int64)
        answers = self._answers(answerable, cutoffs)
        found = missing_in(answerable, cutoff, needs_zone=model.feature_set.needs_local_time)
        for row, one, marks in zip(rows, answers, found, strict=True):
            results[row] = in_place_of(results[row], one, [*noted, *marks])

    def _answers(self, pasts: ContactPasts, cutoffs: NDArray[np.int64]) -> Sequence[Prediction]:
        model, planning = self.champion.model, self.spec.batch_plan
        if self.plan is not None and planning is not None:
            return planning.value(model, pasts, cutoffs, self.plan)
        answers: Sequence[Prediction] = self.spec.answer(model, pasts, cutoffs, self.request)
        return answers

    def _add_stored(self, account: AccountStore, results: list[Prediction]) -> None:
        """Let the capability add what the store knows of the same contacts."""
        rows = [row for row, one in enumerate(results) if one.status == "ok"]
        if self.spec.add_stored is None or self.plan is not None or not rows:
            return
        answered = [results[row] for row in rows]
        ids, cutoff = [one.contact_id or "" for one in answered], microseconds(self.cutoff)
        for row, one in zip(rows, self.spec.add_stored(account, ids, answered, cutoff), strict=True):
            results[row] = one


def in_place_of(known: Prediction, answer: Prediction, marks: Sequence[str]) -> Prediction:
    """Put a model's answer in the place of what was known of a contact before.

    Args:
        known: its id and data quality so far.
        answer: of the model.
        marks: further data quality.
    """
    cut = ("truncated_history",) if answer.truncated else ()
    answer.contact_id = known.contact_id
    answer.data_quality = list(dict.fromkeys([*known.data_quality, *marks, *cut, *answer.data_quality]))
    return with_inputs(answer, answer.inputs)


def _slot(one: Any, place: int) -> RequestContact | Prediction:
    """Check one contact of a batch; mistakes point from the root of the batch."""
    if isinstance(one, RefusedRow):
        errors = [{"pointer": f"/contacts/{place}", "detail": one.detail}]
        return Prediction(status="invalid", errors=errors)
    (slot,) = slots([one])
    if isinstance(slot, Prediction):
        slot.errors = [_moved(error, place) for error in slot.errors]
    return slot


def _moved(error: Mapping[str, str], place: int) -> Mapping[str, str]:
    """Point from the root of the batch, and not of the one contact.

    >>> _moved({"pointer": "/contacts/0/id", "detail": "too long"}, 1002)["pointer"]
    '/contacts/1002/id'
    """
    return {**error, "pointer": f"/contacts/{place}" + error["pointer"].removeprefix("/contacts/0")}
