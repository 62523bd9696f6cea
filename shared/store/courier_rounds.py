"""What a courier does to the store: leases what is due, and writes down what came of it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select, update

from shared.contracts.rows import Microseconds
from shared.store.delivery_rows import AttemptResult, DueDelivery, SubscriptionState
from shared.store.scope import Scope
from shared.store.webhook_tables import AttemptTable, DeliveryTable, MessageTable, SubscriptionTable


class CourierRounds(Scope):
    """The deliveries of one account, as a courier takes them along."""

    def take_deliveries(self, room: Mapping[str, int], *, at: Microseconds, until: Microseconds) -> list[DueDelivery]:
        """Lease deliveries that are due: nobody else gets them before the lease ends, and somebody does if it does.

        Args:
            room: how many to take at most, by subscription; a slow one's do not stand in front of another's.
            at: now.
            until: end of the lease.

        Returns:
            What was taken, longest due first within a subscription; none of a subscription that is not enabled.
        """
        taken: list[str] = []
        with self._writing() as connection:
            for subscription_id in sorted(room):
                if room[subscription_id] > 0:
                    taken += self._due(connection, subscription_id, room[subscription_id], at)
            if taken:
                connection.execute(
                    update(DeliveryTable)
                    .where(DeliveryTable.account_id == self.account, DeliveryTable.delivery_id.in_(taken))
                    .values(due_at=until)
                )
            return self._told(connection, taken)

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
        with self._writing() as connection:
            failing = self._held(connection, {result.subscription_id for result in results})
            for result in sorted(results, key=lambda result: result.delivery_id):
                self._record(connection, result, at)
            for subscription_id in sorted(failing):
                of_it = [result for result in results if result.subscription_id == subscription_id]
                state = self._judge(connection, of_it, failing[subscription_id], at, pause_before)
                if state is not None:
                    changed[subscription_id] = state
        return changed

    def _due(self, connection: Connection, subscription_id: str, limit: int, at: Microseconds) -> list[str]:
        table, subscription = DeliveryTable, SubscriptionTable
        enabled = select(subscription.subscription_id).where(
            subscription.account_id == self.account,
            subscription.subscription_id == subscription_id,
            subscription.state == "enabled",
        )
        statement = (
            select(table.delivery_id)
            .where(table.account_id == self.account, table.subscription_id == subscription_id)
            .where(table.state == "pending", table.due_at <= at, enabled.exists())
            .order_by(table.due_at, table.delivery_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(connection.scalars(statement))

    def _told(self, connection: Connection, taken: Sequence[str]) -> list[DueDelivery]:
        table, message = DeliveryTable, MessageTable
        same = (message.account_id == table.account_id) & (message.message_id == table.message_id)
        statement = (
            select(
                table.delivery_id, table.subscription_id, message.type, message.occurred_at, message.data, table.tries
            )
            .join(message, same)
            .where(table.account_id == self.account, table.delivery_id.in_(taken))
        )
        found = {row.delivery_id: DueDelivery(*row) for row in connection.execute(statement)}
        return [found[delivery_id] for delivery_id in taken]

    def _held(self, connection: Connection, subscription_ids: set[str]) -> dict[str, Microseconds | None]:
        table = SubscriptionTable
        statement = (
            select(table.subscription_id, table.failing_since)
            .where(table.account_id == self.account, table.subscription_id.in_(sorted(subscription_ids)))
            .order_by(table.subscription_id)
            .with_for_update(key_share=True)
        )
        return {row.subscription_id: row.failing_since for row in connection.execute(statement)}

    def _record(self, connection: Connection, result: AttemptResult, at: Microseconds) -> None:
        table = DeliveryTable
        mine = (table.account_id == self.account) & (table.delivery_id == result.delivery_id)
        row = connection.execute(select(table.attempts, table.state).where(mine).with_for_update()).first()
        if row is None:
            return
        number = row.attempts + 1
        attempt = {
            "account_id": self.account,
            "delivery_id": result.delivery_id,
            "number": number,
            "attempted_at": result.attempted_at,
            "status": result.status,
            "milliseconds": result.milliseconds,
            "error": result.error,
            "response": result.response,
        }
        connection.execute(insert(AttemptTable), attempt)
        values = {"attempts": number}
        # After a lease that ran out somebody else may have delivered it: that stands.
        if row.state == "pending" or result.state == "delivered":
            ended = {"ended_at": None if result.state == "pending" else at}
            next_up = {"state": result.state, "due_at": result.due_at, "tries": result.tries}
            connection.execute(update(table).where(mine).values(**values, **ended, **next_up))
        else:
            connection.execute(update(table).where(mine).values(**values))

    def _judge(
        self,
        connection: Connection,
        results: Sequence[AttemptResult],
        failing_since: Microseconds | None,
        at: Microseconds,
        pause_before: Microseconds,
    ) -> SubscriptionState | None:
        """Tell the subscription how it stands; answer its new state if that is another one."""
        table = SubscriptionTable
        mine = (table.account_id == self.account) & (table.subscription_id == results[0].subscription_id)
        if any(result.state == "delivered" for result in results):
            connection.execute(update(table).where(mine, table.failing_since.is_not(None)).values(failing_since=None))
            return None
        results = [result for result in results if result.blames]
        if not results:
            return None
        first = min(result.attempted_at for result in results)
        since = first if failing_since is None else failing_since
        connection.execute(update(table).where(mine).values(failing_since=since))
        state: SubscriptionState
        if any(result.gone for result in results):
            state, reason = "disabled", "The receiver answered 410 Gone: it wants nothing more."
        elif since <= pause_before:
            state, reason = "paused", f"Every attempt has failed for days; the last one with {_cause(results[-1])}."
        else:
            return None
        ended = update(table).where(mine, table.state == "enabled")
        told = connection.execute(ended.values(state=state, state_reason=reason, state_at=at))
        return state if told.rowcount else None


def _cause(result: AttemptResult) -> str:
    return f"status {result.status}" if result.status is not None else f"{result.error}"
