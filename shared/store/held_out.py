"""Who is held out now, for all that reads latest predictions: none of them tells what is withheld."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shared.contracts.holdout import Holdout, holding
from shared.contracts.rows import Microseconds
from shared.store.holdouts import Holdouts
from shared.store.scope import Scope


class OfAQuestion(Protocol):
    """What has to be known of a stored prediction."""

    @property
    def contact_id(self) -> str:
        """About whom."""

    @property
    def capability(self) -> str:
        """Which question."""

    @property
    def outcome(self) -> str:
        """Which outcome; empty where the capability has none."""

    @property
    def status(self) -> str:
        """`ok`, or why there is no prediction."""


RowT = TypeVar("RowT", bound=OfAQuestion)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Who is held out now: whatever was predicted before, or is still being logged, is read as if it were not there.

    Services log `control` for them; this is for what is older than the holdout, and for the seconds until every
    service knows it. All reads of latest predictions pass here.
    """

    holdouts: Sequence[Holdout]

    @classmethod
    def of(cls, scope: Scope, *, at: Microseconds | None = None) -> "HeldOut":
        """Read the account's holdouts.

        Args:
            scope: of the account.
            at: now; None: when somebody acts.
        """
        return cls(Holdouts(scope).active(at=at))

    def about(self, capability: str, outcome: str) -> "HeldOut":
        """Keep the holdouts that are about a question."""
        return HeldOut([one for one in self.holdouts if one.covers(capability, outcome)])

    def holds(self, contact_id: str) -> bool:
        """Whether any of them holds a contact."""
        return holding(self.holdouts, contact_id) is not None

    def holdout_of(self, row: OfAQuestion) -> Holdout | None:
        """Return what holds a prediction's contact out of its question; None: nothing does."""
        return self._holdout(row.contact_id, row.capability, row.outcome)

    def _holdout(self, contact_id: str, capability: str, outcome: str) -> Holdout | None:
        if not self.holdouts:
            return None
        return holding(self.about(capability, outcome).holdouts, contact_id)

    def listed(self, rows: Sequence[RowT], *, by_segment: bool) -> list[RowT]:
        """Leave out predictions about who is held out.

        Args:
            rows: as stored.
            by_segment: whether they were chosen by the contacts' segments, which would tell those.
        """
        return [row for row in rows if not self._is_hidden(row, by_segment=by_segment)]

    def _is_hidden(self, row: OfAQuestion, *, by_segment: bool) -> bool:
        if by_segment and self._holdout(row.contact_id, "segmentation", "") is not None:
            return True
        return row.status == "ok" and self.holdout_of(row) is not None
