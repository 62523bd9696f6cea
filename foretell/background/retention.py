"""Retention: what is older than its setting is deleted: logged predictions, and what was told to subscriptions."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.contracts.rows import DAY, Microseconds
from shared.store import Database


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes what is old of every account; the latest prediction of each contact is kept apart."""

    database: Database
    days: int
    """For predictions."""
    webhook_days: int
    """For messages, deliveries and attempts."""
    now: Callable[[], Microseconds]

    def turn(self) -> None:
        """Delete what is too old."""
        now = self.now()
        for account in self.database.accounts():
            store = self.database.of(account.name)
            store.delete_predictions_before(now - self.days * DAY)
            while store.erase_messages_before(now - self.webhook_days * DAY):
                pass
