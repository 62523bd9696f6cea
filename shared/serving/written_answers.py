"""Answers of a call, written: as they are sent, and as rows of the prediction log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from shared.contracts.prediction import Prediction, Status
from shared.contracts.rows import Microseconds
from shared.serving.request_contacts import RequestContact
from shared.store import PredictionRow

UNLOGGED: Final[frozenset[Status]] = frozenset({"unknown_contact", "invalid"})
"""Of nobody who is known."""


class LoggedCall(NamedTuple):
    """What all predictions of one call have in common, in the order of a row of the log."""

    capability: str
    outcome: str
    version: str
    cutoff: Microseconds
    asked_at: Microseconds
    request_id: str

    def row(self, one: Prediction, body: bytes) -> PredictionRow:
        """Make the row of an answer.

        Args:
            one: the answer.
            body: as it is sent.
        """
        return PredictionRow(
            one.contact_id or "",
            *self,
            one.status,
            one.probability,
            one.score,
            one.band,
            one.source,
            body.decode(),
            one.segment_id if one.status == "ok" else None,
            one.withheld_probability,
        )


class LoggedTogether(NamedTuple):
    """Whose rows of the log are written in one transaction."""

    account: str
    erasures: int
    """The account's count of erasures from before anything was read of the contacts."""


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
