"""What goes when a contact withdraws consent: what was told of it, and what is about to be told."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from shared.store.scope import batches
from shared.store.webhook_tables import AttemptTable, DeliveryTable, MessageTable, StaleContactTable, StandingTable


def forget_profile(connection: Connection, account: str, contact_ids: Collection[str]) -> None:
    """Delete standings of contacts, and deliveries about them that are still under way.

    Args:
        connection: inside a transaction that holds the account.
        account: whose contacts.
        contact_ids: any number.
    """
    for part in batches(sorted(set(contact_ids))):
        for table in (StandingTable, StaleContactTable):
            connection.execute(delete(table).where(table.account_id == account, table.contact_id.in_(part)))
        messages = select(MessageTable.message_id).where(
            MessageTable.account_id == account, MessageTable.contact_id.in_(part)
        )
        waiting = (
            DeliveryTable.account_id == account,
            DeliveryTable.state == "pending",
            DeliveryTable.message_id.in_(messages),
        )
        # Held first, so that no attempt is written meanwhile; in order, as everybody does (PostgreSQL).
        held = select(DeliveryTable.delivery_id).where(*waiting).order_by(DeliveryTable.delivery_id).with_for_update()
        for gone in batches(list(connection.scalars(held))):
            tried = AttemptTable.delivery_id.in_(gone)
            connection.execute(delete(AttemptTable).where(AttemptTable.account_id == account, tried))
            made = DeliveryTable.delivery_id.in_(gone)
            connection.execute(delete(DeliveryTable).where(DeliveryTable.account_id == account, made))
