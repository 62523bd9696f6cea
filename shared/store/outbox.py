"""The outbox: messages and their deliveries, written in the transaction in which something happened."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.message import Message
from shared.contracts.rows import Microseconds
from shared.store.delivery_tables import (
    AttemptTable,
    DeliveryTable,
    MessageTable,
    SubscriptionTable,
)
from shared.store.scope import BATCH, AccountConnection, Scope, batches

WANTED = ("enabled", "paused")
"""States of subscriptions for which deliveries are kept; a paused one gets them once it goes on."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What is to be sent of one account."""

    _scope: Scope

    def publish(self, messages: Sequence[Message], *, at: Microseconds) -> int:
        """Write messages, with a delivery for each subscription that wants them; joins an open transaction.

        Args:
            messages: any number; one whose id is there already changes nothing.
            at: now; from then on the deliveries are due.

        Returns:
            How many deliveries were made.
        """
        if not messages:
            return 0
        with self._scope.writing() as connection:
            return publish(connection, messages, at=at)

    def delete_before(self, before: Microseconds) -> int:
        """Delete messages that happened before an instant with their deliveries, whatever became of them.

        Returns:
            How many messages; at most a batch, so call it until it is none.
        """
        with self._scope.writing() as connection:
            old = self._scope.select(MessageTable.message_id).where(MessageTable.occurred_at < before).limit(BATCH)
            messages = list(connection.scalars(old))
            sent = DeliveryTable.message_id.in_(messages)
            # Held first, so that no attempt is written meanwhile.
            held = (
                self._scope.select(DeliveryTable.delivery_id)
                .where(sent)
                .order_by(DeliveryTable.delivery_id)
                .with_for_update()
            )
            for deliveries in batches(list(connection.scalars(held))):
                tried = AttemptTable.delivery_id.in_(deliveries)
                connection.execute(self._scope.delete(AttemptTable).where(tried))
            connection.execute(self._scope.delete(DeliveryTable).where(sent))
            connection.execute(self._scope.delete(MessageTable).where(MessageTable.message_id.in_(messages)))
        return len(messages)


def publish(connection: AccountConnection, messages: Sequence[Message], *, at: Microseconds) -> int:
    """Do the same inside a transaction that holds the account."""
    wanted = _subscribers(connection)
    rows = [
        {
            "message_id": message.message_id,
            "type": message.type,
            "occurred_at": message.occurred_at,
            "contact_id": message.contact_id,
            "cause": message.cause,
            "data": json.dumps(message.data, sort_keys=True, allow_nan=False),
        }
        for message in sorted(messages, key=lambda message: message.message_id)
        if any(_wants(one, message) for one in wanted)
    ]
    if not rows:
        return 0
    new = set(connection.insert_new(MessageTable, rows, MessageTable.message_id).scalars())
    deliveries = [
        {
            "delivery_id": delivery_id(subscription_id, message.message_id),
            "subscription_id": subscription_id,
            "message_id": message.message_id,
            "state": "pending",
            "due_at": at,
            "attempts": 0,
            "tries": 0,
            "created_at": at,
            "ended_at": None,
        }
        for message in messages
        if message.message_id in new
        for subscription_id, types, model_changes in wanted
        if _wants((subscription_id, types, model_changes), message)
    ]
    connection.insert_missing(DeliveryTable, sorted(deliveries, key=lambda row: str(row["delivery_id"])))
    return len(deliveries)


def delivery_id(subscription_id: str, message_id: str) -> str:
    """Name the delivery of a message to a subscription."""
    digest = hashlib.blake2b(f"{subscription_id}\n{message_id}".encode(), digest_size=12).hexdigest()
    return f"dlv_{digest}"


_Subscriber = tuple[str, frozenset[str], bool]


def _subscribers(connection: AccountConnection) -> list[_Subscriber]:
    table = SubscriptionTable
    statement = (
        connection.select(table.subscription_id, table.event_types, table.model_changes)
        .where(table.state.in_(WANTED))
        .order_by(table.subscription_id)
        .with_for_update(read=True, key_share=True)  # not deleted before its deliveries are written
    )
    return [(one, frozenset(json.loads(types)), model) for one, types, model in connection.execute(statement)]


def _wants(subscriber: _Subscriber, message: Message) -> bool:
    _, types, model_changes = subscriber
    individual = message.contact_id is not None
    return message.type in types and (model_changes or not individual or message.cause != "model")
