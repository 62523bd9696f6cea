"""The audit log: what was administered, when and with which key.

`AccountConnection.audit` writes it, in the transaction of each action.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.contracts.rows import Microseconds
from shared.store.schema import AuditTable
from shared.store.scope import Scope, batches

OF_MODELS = "model."
"""What actions on models begin with."""


class AuditRow(NamedTuple):
    """One administrative action."""

    number: int
    """1 for the account's first one."""
    at: Microseconds
    actor: str
    action: str
    target: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log of one account."""

    _scope: Scope

    def add(self, action: str, target: str, *, at: Microseconds, **detail: Any) -> None:
        """Write an action that has no transaction of its own; see `AccountConnection.audit`."""
        with self._scope.writing() as connection:
            connection.audit(action, target, at=at, **detail)

    def about(self, action: str, target: str) -> list[AuditRow]:
        """List every entry of one action on one target, the newest first."""
        table = AuditTable
        statement = self._scope.select(table.number, table.at, table.actor, table.action, table.target, table.detail)
        with self._scope.reading() as connection:
            rows = connection.execute(
                statement.where(table.action == action, table.target == target).order_by(table.number.desc())
            )
            return [_row(row) for row in rows]

    def page(self, limit: int, *, before: int | None = None, model: str | None = None) -> list[AuditRow]:
        """List administrative actions, the newest first.

        Args:
            limit: at most so many.
            before: number of the last one seen.
            model: only what happened to this one, as `ModelName.text`; None: everything.
        """
        table = AuditTable
        statement = self._scope.select(table.number, table.at, table.actor, table.action, table.target, table.detail)
        if model is not None:
            statement = statement.where(table.target == model, table.action.startswith(OF_MODELS, autoescape=True))
        if before is not None:
            statement = statement.where(table.number < before)
        with self._scope.reading() as connection:
            rows = connection.execute(statement.order_by(table.number.desc()).limit(limit))
            return [_row(row) for row in rows]

    def delete_before(self, at: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` entries older than an instant, but never the newest, which numbers the next.

        Returns:
            How many were deleted.
        """
        table = AuditTable
        old = self._scope.select(table.number).where(table.at < at)
        newest = self._scope.select(table.number).order_by(table.number.desc()).limit(1)
        with self._scope.writing() as connection:
            last = connection.execute(newest).scalar()
            numbers = list(connection.scalars(old.where(table.number != last).order_by(table.number).limit(limit)))
            for part in batches(numbers):
                connection.execute(self._scope.delete(table).where(table.number.in_(part)))
        return len(numbers)


def _row(row: Any) -> AuditRow:
    return AuditRow(row.number, row.at, row.actor, row.action, row.target, json.loads(row.detail))
