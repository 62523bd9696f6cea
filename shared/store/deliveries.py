"""Deliveries of an account: leased and tried, listed, shown, replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, func

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.delivery_tables import (
    AttemptResult,
    AttemptRow,
    AttemptTable,
    DeliveryRow,
    DeliveryState,
    DeliveryTable,
    DueDelivery,
    MessageTable,
    SubscriptionState,
    SubscriptionTable,
)
from shared.store.outbox import Outbox
from shared.store.scope import AccountConnection, Scope
from shared.store.subscriptions import absent

ENDED: tuple[DeliveryState, ...] = ("delivered", "failed")
STATES: tuple[DeliveryState, ...] = ("pending", *ENDED)


MOST_COUNTED = 10_000
"""Deliveries of a kind that are counted, of each subscription: beyond that it is many."""


class Backlog(NamedTuple):
    """What was not delivered, at most `MOST_COUNTED` of each subscription."""

    due: int
    """Of enabled subscriptions, whose next attempt is due."""
    oldest_due_at: Microseconds | None
    """Since when the first of them is."""
    held: int
    """Wait for a subscription that is paused or disabled."""
    failed: int
    """Were given up."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The deliveries of one account."""

    _scope: Scope

    @property
    def outbox(self) -> Outbox:
        """Messages that are to be delivered."""
        return Outbox(self._scope)

    def page(
        self,
        limit: int,
        *,
        subscription_id: str | None = None,
        state: DeliveryState | None = None,
        after: tuple[Microseconds, str] | None = None,
    ) -> list[DeliveryRow]:
        """List deliveries, newest first.

        Args:
            limit: how many at most.
            subscription_id: only of this one.
            state: only in this state.
            after: `created_at` and id of the last one of the page before.
        """
        table = DeliveryTable
        beyond: list[ColumnElement[bool]] = []
        if after is not None:
            at, last = after
            beyond = [table.created_at <= at, (table.created_at < at) | (table.delivery_id < last)]
        if subscription_id is None and state is None:
            return self._deliveries(beyond, limit)
        # One seek a subscription and state: an index cannot skip what lies between those that are wanted.
        found = [
            row
            for one in ([subscription_id] if subscription_id is not None else self._subscriptions())
            for each in ([state] if state is not None else STATES)
            for row in self._deliveries([table.subscription_id == one, table.state == each, *beyond], limit)
        ]
        return sorted(found, key=lambda row: (row.created_at, row.delivery_id), reverse=True)[:limit]

    def _subscriptions(self) -> list[str]:
        with self._scope.reading() as connection:
            return list(connection.scalars(self._scope.select(SubscriptionTable.subscription_id)))

    def find(self, delivery_id: str) -> DeliveryRow | None:
        """Find a delivery."""
        return next(iter(self._deliveries([DeliveryTable.delivery_id == delivery_id], 1)), None)

    def backlog(self, at: Microseconds) -> Backlog:
        """Count what is due, held and given up; a seek a subscription, however many were delivered.

        Args:
            at: now.
        """
        table, due, held, failed, oldest = DeliveryTable, 0, 0, 0, list[Microseconds]()
        subscriptions = self._scope.select(SubscriptionTable.subscription_id, SubscriptionTable.state)
        with self._scope.reading() as connection:
            for subscription_id, state in connection.execute(subscriptions).all():
                mine = table.subscription_id == subscription_id
                pending = (mine, table.state == "pending")
                failed += self._counted(connection, mine, table.state == "failed")
                if state != "enabled":
                    held += self._counted(connection, *pending)
                    continue
                due += self._counted(connection, *pending, table.due_at <= at)
                first = connection.scalar(self._scope.select(func.min(table.due_at), of=table).where(*pending))
                oldest += [first] if first is not None and first <= at else []
        return Backlog(due, min(oldest, default=None), held, failed)

    def _counted(self, connection: AccountConnection, *which: ColumnElement[bool]) -> int:
        few = self._scope.select(DeliveryTable.account_id).where(*which).limit(MOST_COUNTED).subquery()
        return int(connection.scalar(self._scope.select(func.count(), of=few)))

    def attempts(self, delivery_id: str) -> list[AttemptRow]:
        """List what was tried, oldest first."""
        table = AttemptTable
        statement = (
            self._scope.select(
                table.number, table.attempted_at, table.status, table.milliseconds, table.error, table.response
            )
            .where(table.delivery_id == delivery_id)
            .order_by(table.number)
        )
        with self._scope.reading() as connection:
            return [AttemptRow(*row) for row in connection.execute(statement)]

    def replay(self, delivery_id: str, *, at: Microseconds) -> None:
        """Make a delivery due once more, at the beginning of the schedule.

        Raises:
            NotFound: there is none.
            Conflict: its subscription is disabled.
        """
        found = self.find(delivery_id)
        if found is None:
            raise NotFound(f"There is no delivery {delivery_id} in this account; GET /deliveries lists them.")
        self._replay(found.subscription_id, DeliveryTable.delivery_id == delivery_id, at)

    def replay_many(
        self,
        subscription_id: str,
        since: Microseconds,
        until: Microseconds,
        *,
        states: Sequence[DeliveryState] = ENDED,
        at: Microseconds,
    ) -> int:
        """Make ended deliveries due once more.

        Args:
            subscription_id: to whom.
            since: made at or after this instant.
            until: and before this one.
            states: those that ended so.
            at: now.

        Returns:
            How many.

        Raises:
            NotFound: there is no such subscription.
            Conflict: it is disabled.
        """
        made = (DeliveryTable.created_at >= since) & (DeliveryTable.created_at < until)
        return self._replay(subscription_id, made & DeliveryTable.state.in_(states), at)

    def lease(self, capacity: Mapping[str, int], *, at: Microseconds, until: Microseconds) -> list[DueDelivery]:
        """Lease deliveries that are due: nobody else gets them before the lease ends, and somebody does if it does.

        Args:
            capacity: how many to take at most, by subscription; a slow one's do not stand in front of another's.
            at: now.
            until: end of the lease.

        Returns:
            What was taken, longest due first within a subscription; none of a subscription that is not enabled.
        """
        taken: list[str] = []
        with self._scope.writing() as connection:
            for subscription_id in sorted(capacity):
                if capacity[subscription_id] > 0:
                    taken += self._due(connection, subscription_id, capacity[subscription_id], at)
            if taken:
                connection.execute(
                    self._scope.update(DeliveryTable).where(DeliveryTable.delivery_id.in_(taken)).values(due_at=until)
                )
            return self._leased(connection, taken)

    def record_attempts(
        self, results: Sequence[AttemptResult], *, at: Microseconds, pause_before: Microseconds
    ) -> dict[str, SubscriptionState]:
        """Write down what was tried and what is next, in one transaction.

        A subscription whose receiver is gone is disabled; one that has failed for long is paused and keeps what waits.

        Args:
            results: of deliveries that were leased; one that was erased meanwhile is left out.
            at: now.
            pause_before: pause what fails since then or longer.

        Returns:
            Subscriptions that are now paused or disabled.
        """
        changed: dict[str, SubscriptionState] = {}
        with self._scope.writing() as connection:
            failing = self._held(connection, {result.subscription_id for result in results})
            for result in sorted(results, key=lambda result: result.delivery_id):
                self._record(connection, result, at)
            for subscription_id in sorted(failing):
                of_it = [result for result in results if result.subscription_id == subscription_id]
                state = self._judge(connection, of_it, failing[subscription_id], at, pause_before)
                if state is not None:
                    changed[subscription_id] = state
        return changed

    def _replay(self, subscription_id: str, which: ColumnElement[bool], at: Microseconds) -> int:
        table = SubscriptionTable
        mine = table.subscription_id == subscription_id
        with self._scope.writing() as connection:
            state = connection.scalar(self._scope.select(table.state).where(mine).with_for_update(key_share=True))
            if state is None:
                raise absent(subscription_id)
            if state == "disabled":
                raise Conflict("The subscription is disabled; enable it with PATCH /subscriptions/{id} first.")
            delivery = DeliveryTable
            theirs = delivery.subscription_id == subscription_id
            # Locked in order, as retention does (PostgreSQL).
            held = (
                self._scope.select(delivery.delivery_id)
                .where(theirs, which)
                .order_by(delivery.delivery_id)
                .with_for_update()
            )
            again = self._scope.update(delivery).where(theirs, delivery.delivery_id.in_(held))
            return connection.execute(again.values(state="pending", due_at=at, tries=0, ended_at=None)).rowcount

    def _deliveries(self, which: Sequence[ColumnElement[bool]], limit: int) -> list[DeliveryRow]:
        table, message = DeliveryTable, MessageTable
        same = (message.account_id == table.account_id) & (message.message_id == table.message_id)
        statement = (
            self._scope.select(
                table.delivery_id,
                table.subscription_id,
                table.message_id,
                message.type,
                message.contact_id,
                table.state,
                table.due_at,
                table.attempts,
                table.created_at,
                table.ended_at,
                message.data,
                of=table,
            )
            .join(message, same)
            .where(*which)
            .order_by(table.created_at.desc(), table.delivery_id.desc())
            .limit(limit)
        )
        with self._scope.reading() as connection:
            return [DeliveryRow(**row) for row in connection.execute(statement).mappings()]

    def _due(self, connection: AccountConnection, subscription_id: str, limit: int, at: Microseconds) -> list[str]:
        table, subscription = DeliveryTable, SubscriptionTable
        enabled = self._scope.select(subscription.subscription_id).where(
            subscription.subscription_id == subscription_id,
            subscription.state == "enabled",
        )
        statement = (
            self._scope.select(table.delivery_id)
            .where(table.subscription_id == subscription_id)
            .where(table.state == "pending", table.due_at <= at, enabled.exists())
            .order_by(table.due_at, table.delivery_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(connection.scalars(statement))

    def _leased(self, connection: AccountConnection, taken: Sequence[str]) -> list[DueDelivery]:
        table, message = DeliveryTable, MessageTable
        same = (message.account_id == table.account_id) & (message.message_id == table.message_id)
        statement = (
            self._scope.select(
                table.delivery_id,
                table.subscription_id,
                message.type,
                message.occurred_at,
                message.data,
                table.tries,
                of=table,
            )
            .join(message, same)
            .where(table.delivery_id.in_(taken))
        )
        found = {row.delivery_id: DueDelivery(*row) for row in connection.execute(statement)}
        return [found[delivery_id] for delivery_id in taken]

    def _held(self, connection: AccountConnection, subscription_ids: set[str]) -> dict[str, Microseconds | None]:
        table = SubscriptionTable
        statement = (
            self._scope.select(table.subscription_id, table.failing_since)
            .where(table.subscription_id.in_(sorted(subscription_ids)))
            .order_by(table.subscription_id)
            .with_for_update(key_share=True)
        )
        return {row.subscription_id: row.failing_since for row in connection.execute(statement)}

    def _record(self, connection: AccountConnection, result: AttemptResult, at: Microseconds) -> None:
        table = DeliveryTable
        mine = table.delivery_id == result.delivery_id
        row = connection.execute(self._scope.select(table.attempts, table.state).where(mine).with_for_update()).first()
        if row is None:
            return
        number = row.attempts + 1
        attempt = {
            "delivery_id": result.delivery_id,
            "number": number,
            "attempted_at": result.attempted_at,
            "status": result.status,
            "milliseconds": result.milliseconds,
            "error": result.error,
            "response": result.response,
        }
        connection.insert(AttemptTable, [attempt])
        values = {"attempts": number}
        # After a lease that ran out somebody else may have delivered it: that stands.
        if row.state == "pending" or result.state == "delivered":
            ended = {"ended_at": None if result.state == "pending" else at}
            next_up = {"state": result.state, "due_at": result.due_at, "tries": result.tries}
            connection.execute(self._scope.update(table).where(mine).values(**values, **ended, **next_up))
        else:
            connection.execute(self._scope.update(table).where(mine).values(**values))

    def _judge(
        self,
        connection: AccountConnection,
        results: Sequence[AttemptResult],
        failing_since: Microseconds | None,
        at: Microseconds,
        pause_before: Microseconds,
    ) -> SubscriptionState | None:
        """Write down how the subscription stands, and return its new state if that is another one."""
        table = SubscriptionTable
        mine = table.subscription_id == results[0].subscription_id
        if any(result.state == "delivered" for result in results):
            connection.execute(
                self._scope.update(table).where(mine, table.failing_since.is_not(None)).values(failing_since=None)
            )
            return None
        results = [result for result in results if result.blames]
        if not results:
            return None
        first = min(result.attempted_at for result in results)
        since = first if failing_since is None else failing_since
        connection.execute(self._scope.update(table).where(mine).values(failing_since=since))
        state: SubscriptionState
        if any(result.gone for result in results):
            state, reason = "disabled", "The receiver answered 410 Gone: it wants nothing more."
        elif since <= pause_before:
            state, reason = "paused", f"Every attempt has failed for days; the last one with {_cause(results[-1])}."
        else:
            return None
        ended = self._scope.update(table).where(mine, table.state == "enabled")
        changed = connection.execute(ended.values(state=state, state_reason=reason, state_at=at))
        return state if changed.rowcount else None


def _cause(result: AttemptResult) -> str:
    return f"status {result.status}" if result.status is not None else f"{result.error}"
