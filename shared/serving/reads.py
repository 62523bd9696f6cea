"""The part of the store that answering needs; `shared.store.Database` fits it."""

from collections.abc import Sequence
from typing import Protocol

from shared.serving.artifacts import Row
from shared.store import AccountStore


class Reads(Protocol):
    """All accounts' rows."""

    def of(self, account: str) -> AccountStore:
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
