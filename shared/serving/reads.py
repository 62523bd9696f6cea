"""The part of the store that answering needs; `shared.store.Database` fits it."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from shared.contracts.outcome import Outcome
from shared.store import PredictionRow
from shared.timeline import PastRows
from shared.timeline.frames import LOOKBACK_DAYS


class Row(Protocol):
    """A champion row of the store."""

    @property
    def account(self) -> str:
        """Whose model it is."""

    @property
    def capability(self) -> str:
        """Which question."""

    @property
    def outcome(self) -> str:
        """Which outcome; empty when the capability has none."""

    @property
    def version(self) -> str:
        """The version that answers."""

    @property
    def digest(self) -> str:
        """Of its artifact."""

    @property
    def previous_version(self) -> str | None:
        """The version before."""

    @property
    def previous_digest(self) -> str | None:
        """Of the version before."""


class AccountReads(Protocol):
    """One account's rows."""

    def past_rows(
        self,
        contact_ids: Sequence[str],
        *,
        cutoff: int,
        asked_at: int,
        always: Collection[str] = (),
        lookback_days: int = LOOKBACK_DAYS,
    ) -> PastRows:
        """Read what was known of these contacts."""

    def newest_event_at(self) -> int | None:
        """Tell when the account's newest event occurred."""

    def past_scores(self, capability: str, outcome: str, contact_ids: Sequence[str], *, around: int) -> dict[str, int]:
        """Read the scores stored nearest to an instant."""

    def latest_of(self, capability: str, outcome: str, contact_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Read the cutoff and the body of the latest prediction about contacts."""

    def segment_names(self) -> dict[str, str]:
        """Read what the account calls its segments, by id."""

    def outcomes(self, capability: str) -> Sequence[Outcome]:
        """List what is defined."""

    def default_outcome(self, capability: str) -> str | None:
        """Tell which outcome is meant when none is named."""

    def event_types(self) -> Sequence[Any]:
        """Count events and contacts by type."""

    def erasures(self) -> int:
        """Count the contacts that were erased."""

    def log_predictions(self, rows: Sequence[PredictionRow], *, since: int | None = None) -> int:
        """Store predictions, but those of who may have been erased since; tell how many were left out."""


class Reads(Protocol):
    """All accounts' rows."""

    def of(self, account: str) -> AccountReads:
        """Open one account."""

    def champions(self) -> Sequence[Row]:
        """Read the champion rows of all accounts."""

    def ping(self) -> None:
        """Reach the store.

        Raises:
            StoreUnavailable: it is away.
        """

    def is_writable(self) -> bool:
        """Whether something can be written now; a store that is busy is."""

    def close(self) -> None:
        """Give connections back."""
