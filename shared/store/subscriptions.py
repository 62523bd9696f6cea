"""Subscriptions of an account and the secrets that their deliveries are signed with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    func,
)

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.delivery_tables import (
    AttemptTable,
    DeliveryTable,
    SecretRow,
    SubscriptionCounts,
    SubscriptionRow,
    SubscriptionSecretTable,
    SubscriptionTable,
)
from shared.store.scope import AccountConnection, Scope

MAX_SUBSCRIPTIONS = 100
MAX_SECRETS = 4
"""That are valid at once; each makes the list of signatures longer."""


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of one account."""

    _scope: Scope

    def create(self, row: SubscriptionRow, secret: SecretRow) -> None:
        """Keep a subscription and its first secret.

        Raises:
            Conflict: the account has too many.
        """
        with self._scope.writing() as connection:
            known = self._scope.select(func.count(), of=SubscriptionTable)
            if connection.execute(known).scalar_one() >= MAX_SUBSCRIPTIONS:
                raise Conflict(
                    f"An account has at most {MAX_SUBSCRIPTIONS} subscriptions; delete one that is not used."
                )
            connection.insert(SubscriptionTable, [_written(row)])
            connection.insert(SubscriptionSecretTable, [secret._asdict()])
            connection.audit("subscription.created", row.subscription_id, event_types=list(row.event_types))

    def all(self) -> list[SubscriptionRow]:
        """List the account's subscriptions, oldest first."""
        with self._scope.reading() as connection:
            return _rows(connection)

    def find(self, subscription_id: str) -> SubscriptionRow | None:
        """Find a subscription."""
        with self._scope.reading() as connection:
            return next(iter(_rows(connection, SubscriptionTable.subscription_id == subscription_id)), None)

    def update(self, before: SubscriptionRow, after: SubscriptionRow) -> None:
        """Keep what is different about a subscription; once it goes on, what waits is due.

        Args:
            before: as it was read; what changed meanwhile and is the same in both stays changed.
            after: as it is to be.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        old, new = _written(before), _written(after)
        different = {name: value for name, value in new.items() if value != old[name]}
        with self._scope.writing() as connection:
            mine = SubscriptionTable.subscription_id == before.subscription_id
            held = self._scope.select(SubscriptionTable.subscription_id).where(mine).with_for_update(key_share=True)
            if connection.execute(held).first() is None:
                raise absent(before.subscription_id)
            if different:
                connection.execute(self._scope.update(SubscriptionTable).where(mine).values(**different))
                if different.get("state") == "enabled":
                    self._make_due(connection, before.subscription_id, after.state_at)
                connection.audit("subscription.changed", before.subscription_id, fields=sorted(different))

    def delete(self, subscription_id: str) -> None:
        """Delete a subscription with its secrets and deliveries; what waits is not delivered.

        Raises:
            NotFound: there is none.
        """
        with self._scope.writing() as connection:
            mine = SubscriptionTable.subscription_id == subscription_id
            held = self._scope.select(SubscriptionTable.subscription_id).where(mine).with_for_update()
            if connection.execute(held).first() is None:
                raise absent(subscription_id)
            deliveries = DeliveryTable.subscription_id == subscription_id
            attempts = self._scope.select(DeliveryTable.delivery_id).where(deliveries)
            # Locked in order, as retention does (PostgreSQL).
            connection.execute(attempts.order_by(DeliveryTable.delivery_id).with_for_update())
            connection.execute(self._scope.delete(AttemptTable).where(AttemptTable.delivery_id.in_(attempts)))
            connection.execute(self._scope.delete(DeliveryTable).where(deliveries))
            secrets = SubscriptionSecretTable.subscription_id == subscription_id
            connection.execute(self._scope.delete(SubscriptionSecretTable).where(secrets))
            connection.execute(self._scope.delete(SubscriptionTable).where(mine))
            connection.audit("subscription.deleted", subscription_id)

    def secrets(self, at: Microseconds) -> dict[str, list[SecretRow]]:
        """List the secrets that are valid, newest first, by subscription."""
        table = SubscriptionSecretTable
        statement = (
            self._scope.select(table.subscription_id, table.secret_id, table.sealed, table.created_at, table.expires_at)
            .where(table.expires_at.is_(None) | (table.expires_at > at))
            .order_by(table.created_at.desc(), table.secret_id)
        )
        found: dict[str, list[SecretRow]] = {}
        with self._scope.reading() as connection:
            for row in connection.execute(statement):
                found.setdefault(row.subscription_id, []).append(SecretRow(*row))
        return found

    def add_secret(self, secret: SecretRow, *, retire_at: Microseconds) -> None:
        """Sign with another secret from now on; those there are sign beside it until they expire.

        Args:
            secret: the new one.
            retire_at: when the others expire, unless they do before.

        Raises:
            NotFound: there is no such subscription.
            Conflict: too many secrets are valid.
        """
        with self._scope.writing() as connection:
            subscription = SubscriptionTable.subscription_id == secret.subscription_id
            held = (
                self._scope.select(SubscriptionTable.subscription_id)
                .where(subscription)
                .with_for_update(key_share=True)
            )
            if connection.execute(held).first() is None:
                raise absent(secret.subscription_id)
            table = SubscriptionSecretTable
            mine = table.subscription_id == secret.subscription_id
            connection.execute(self._scope.delete(table).where(mine, table.expires_at <= secret.created_at))
            outlives = table.expires_at.is_(None) | (table.expires_at > retire_at)
            connection.execute(self._scope.update(table).where(mine, outlives).values(expires_at=retire_at))
            # Counted once they are retired: a secret that leaked is replaced at once, however many there are.
            valid = self._scope.select(func.count(), of=table).where(mine, table.expires_at > secret.created_at)
            if connection.execute(valid).scalar_one() >= MAX_SECRETS:
                raise Conflict(
                    f"{MAX_SECRETS} secrets are valid already; wait until one has expired, or overlap 0 hours."
                )
            connection.insert(table, [secret._asdict()])
            connection.audit("subscription.secret_rotated", secret.subscription_id, secret=secret.secret_id)

    def counts(self) -> dict[str, SubscriptionCounts]:
        """Count what waits and what was given up, by subscription; those without either are left out."""
        table, one = DeliveryTable, SubscriptionTable
        same = (table.account_id == one.account_id) & (table.subscription_id == one.subscription_id)
        statement = (  # by way of the subscriptions, so that what was delivered is not looked through
            self._scope.select(table.subscription_id, table.state, func.count(), of=one)
            .join_from(one, table, same)
            .where(table.state.in_(("pending", "failed")))
            .group_by(table.subscription_id, table.state)
        )
        counted: dict[str, dict[str, int]] = {}
        with self._scope.reading() as connection:
            for subscription_id, state, count in connection.execute(statement):
                counted.setdefault(subscription_id, {})[state] = count
        return {
            one: SubscriptionCounts(pending=counts.get("pending", 0), failed=counts.get("failed", 0))
            for one, counts in counted.items()
        }

    def _make_due(self, connection: AccountConnection, subscription_id: str, at: Microseconds) -> None:
        """Let what waits be delivered now: the schedule was for a receiver that was away."""
        table = DeliveryTable
        mine = table.subscription_id == subscription_id
        waiting = mine & (table.state == "pending") & (table.due_at > at)
        # Locked in order, as retention does (PostgreSQL).
        held = self._scope.select(table.delivery_id).where(waiting).order_by(table.delivery_id).with_for_update()
        connection.execute(self._scope.update(table).where(mine, table.delivery_id.in_(held)).values(due_at=at))


def absent(subscription_id: str) -> NotFound:
    """Say that there is no such subscription."""
    return NotFound(f"There is no subscription {subscription_id} in this account; GET /subscriptions lists them.")


def _written(row: SubscriptionRow) -> dict[str, Any]:
    return {
        "subscription_id": row.subscription_id,
        "url": row.url,
        "event_types": json.dumps(row.event_types),
        "description": row.description,
        "connector": row.connector,
        "settings": json.dumps(dict(row.settings), sort_keys=True, allow_nan=False),
        "sealed_headers": row.sealed_headers,
        "model_changes": row.model_changes,
        "state": row.state,
        "state_reason": row.state_reason,
        "state_at": row.state_at,
        "failing_since": row.failing_since,
        "created_at": row.created_at,
    }


def _read(row: Mapping[str, Any]) -> SubscriptionRow:
    values = {name: value for name, value in row.items() if name != "account_id"}
    values["event_types"] = tuple(json.loads(values["event_types"]))
    values["settings"] = json.loads(values["settings"])
    return SubscriptionRow(**values)


def _rows(connection: AccountConnection, *which: ColumnElement[bool]) -> list[SubscriptionRow]:
    table = SubscriptionTable.__table__
    statement = connection.select(table).where(*which).order_by(table.c.created_at, table.c.subscription_id)
    return [_read(row) for row in connection.execute(statement).mappings()]  # type: ignore[arg-type]
