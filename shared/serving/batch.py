"""Many contacts of the store answered in this process: the rows that `POST /batches` and `foretell predict` write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

from shared.contracts.holdout import Holdout
from shared.contracts.prediction import Prediction, PredictionRequest
from shared.contracts.rows import Microseconds, microseconds
from shared.serving.capability_spec import AnySpec
from shared.serving.champions import Champion
from shared.serving.contact_answers import ContactAnswers, with_detail
from shared.serving.request_contacts import RequestContact, slots
from shared.store import AccountStore


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
        request: PredictionRequest = self.spec.request.model_validate(self.spec.capability.harmless_request(fields))
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

    def _results(self, account: AccountStore, contacts: Sequence[RequestContact]) -> list[Prediction]:
        cutoff = microseconds(self.cutoff)
        answers = ContactAnswers(
            self.spec,
            account,
            self.champion,
            self.request,
            self.outcome,
            cutoff,
            self.asked_at,
            plan=self.plan,
            holdouts=self.holdouts,
            whole=True,
        )
        return answers.of(contacts, answers.read(contacts))

    def body(self, prediction: Prediction) -> bytes:
        """Write one answer as a single call sends it."""
        return prediction.wire(self.spec.absent_fields)


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
