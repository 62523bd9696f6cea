"""Retention: logged predictions and kept answers older than the settings are deleted.

The latest prediction of each contact is kept apart from the log and stays.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shared.contracts.rows import DAY, HOUR, Microseconds
from shared.store import Database


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes what is old of every account."""

    database: Database
    days: int
    """Of logged predictions."""
    idempotency_hours: float
    """Of answers kept under an idempotency key."""
    now: Callable[[], Microseconds]

    def turn(self) -> None:
        """Delete what is too old."""
        at = self.now()
        for account in self.database.accounts():
            store = self.database.of(account.name)
            store.delete_predictions_before(at - self.days * DAY)
            store.delete_answers_before(at - int(self.idempotency_hours * HOUR))
