"""Deliveries of an account: listed, shown, replayed, erased."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select, update

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.delivery_rows import AttemptRow, DeliveryRow, DeliveryState
from shared.store.scope import BATCH, Scope, batches
from shared.store.subscriptions import absent
from shared.store.webhook_tables import AttemptTable, DeliveryTable, MessageTable, SubscriptionTable

ENDED: tuple[DeliveryState, ...] = ("delivered", "failed")


class Deliveries(Scope):
    """The deliveries of one account."""

    def deliveries(
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
        condition = table.account_id == self.account
        if subscription_id is not None:
            condition &= table.subscription_id == subscription_id
        if state is not None:
            condition &= table.state == state
        if after is not None:
            at, last = after
            condition &= (table.created_at < at) | ((table.created_at == at) & (table.delivery_id < last))
        return self._deliveries(condition, limit)

    def delivery(self, delivery_id: str) -> DeliveryRow | None:
        """Find a delivery."""
        return next(iter(self._deliveries(self._delivery(delivery_id), 1)), None)

    def attempts(self, delivery_id: str) -> list[AttemptRow]:
        """List what was tried, oldest first."""
        table = AttemptTable
        statement = (
            select(table.number, table.attempted_at, table.status, table.milliseconds, table.error, table.response)
            .where(table.account_id == self.account, table.delivery_id == delivery_id)
            .order_by(table.number)
        )
        with self._store.reading() as connection:
            return [AttemptRow(*row) for row in connection.execute(statement)]

    def replay_delivery(self, delivery_id: str, *, at: Microseconds) -> None:
        """Make a delivery due once more, at the beginning of the schedule.

        Raises:
            NotFound: there is none.
            Conflict: its subscription is disabled.
        """
        found = self.delivery(delivery_id)
        if found is None:
            raise NotFound(f"There is no delivery {delivery_id} in this account; GET /deliveries lists them.")
        self._replay(found.subscription_id, DeliveryTable.delivery_id == delivery_id, at)

    def replay_deliveries(
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

    def erase_messages_before(self, before: Microseconds) -> int:
        """Erase messages that happened before an instant with their deliveries, whatever became of them.

        Returns:
            How many messages; at most a batch, so call it until it is none.
        """
        mine = MessageTable.account_id == self.account
        with self._writing() as connection:
            old = select(MessageTable.message_id).where(mine, MessageTable.occurred_at < before).limit(BATCH)
            messages = list(connection.scalars(old))
            sent = (DeliveryTable.account_id == self.account) & DeliveryTable.message_id.in_(messages)
            # Held first, so that no attempt is written meanwhile.
            held = select(DeliveryTable.delivery_id).where(sent).order_by(DeliveryTable.delivery_id).with_for_update()
            for deliveries in batches(list(connection.scalars(held))):
                tried = AttemptTable.delivery_id.in_(deliveries)
                connection.execute(delete(AttemptTable).where(AttemptTable.account_id == self.account, tried))
            connection.execute(delete(DeliveryTable).where(sent))
            connection.execute(delete(MessageTable).where(mine, MessageTable.message_id.in_(messages)))
        return len(messages)

    def _replay(self, subscription_id: str, which: ColumnElement[bool], at: Microseconds) -> int:
        table = SubscriptionTable
        mine = (table.account_id == self.account) & (table.subscription_id == subscription_id)
        with self._writing() as connection:
            state = connection.scalar(select(table.state).where(mine).with_for_update(key_share=True))
            if state is None:
                raise absent(subscription_id)
            if state == "disabled":
                raise Conflict("The subscription is disabled; enable it with PATCH /subscriptions/{id} first.")
            delivery = DeliveryTable
            theirs = (delivery.account_id == self.account) & (delivery.subscription_id == subscription_id)
            # Locked in order, as retention does (PostgreSQL).
            held = select(delivery.delivery_id).where(theirs, which).order_by(delivery.delivery_id).with_for_update()
            again = update(delivery).where(theirs, delivery.delivery_id.in_(held))
            return connection.execute(again.values(state="pending", due_at=at, tries=0, ended_at=None)).rowcount

    def _delivery(self, delivery_id: str) -> ColumnElement[bool]:
        return (DeliveryTable.account_id == self.account) & (DeliveryTable.delivery_id == delivery_id)

    def _deliveries(self, condition: ColumnElement[bool], limit: int) -> list[DeliveryRow]:
        table, message = DeliveryTable, MessageTable
        same = (message.account_id == table.account_id) & (message.message_id == table.message_id)
        statement = (
            select(
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
            )
            .join(message, same)
            .where(condition)
            .order_by(table.created_at.desc(), table.delivery_id.desc())
            .limit(limit)
        )
        with self._store.reading() as connection:
            return [DeliveryRow(**row) for row in connection.execute(statement).mappings()]
