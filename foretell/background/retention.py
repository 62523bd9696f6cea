"""Retention: logged predictions older than the setting are deleted; the latest of each contact is kept apart."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.contracts.rows import DAY, Microseconds
from shared.store import Database


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes old predictions of every account."""

    database: Database
    days: int
    now: Callable[[], Microseconds]

    def turn(self) -> None:
        """Delete what is too old."""
        before = self.now() - self.days * DAY
        for account in self.database.accounts():
            self.database.of(account.name).delete_predictions_before(before)
