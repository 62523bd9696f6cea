"""Ids of before: what a contact was called until it became another one, under which some of it is still kept."""

from collections.abc import Sequence

from sqlalchemy import Connection, exists, select

from shared.contracts.identity import contact_hash
from shared.store.tables import ContactTable, IdentityMergeTable, IdentityTable
from shared.store.tombstones import CONTACT


def ids_of(connection: Connection, account: str, contact_id: str, key: bytes) -> Sequence[str]:
    """List a contact's id, and those of the contacts that became it, in order.

    What was told and answered before a merge stays under the id of then; one that was put again since is somebody
    of its own.

    Args:
        connection: any of the store.
        account: whose contacts.
        contact_id: whom.
        key: the identity key.
    """
    table, known, contact = IdentityMergeTable, IdentityTable, ContactTable
    led_here = select(known.key_hash).where(
        known.account_id == account, known.kind == CONTACT, known.contact_id == contact_id
    )
    again = exists().where(contact.account_id == account, contact.contact_id == table.from_contact_id)
    merged = (
        select(table.key_hash, table.from_contact_id)
        .where(table.account_id == account, table.kind == CONTACT, table.key_hash.in_(led_here))
        .where(~again)
    )
    # A later merge logs the ids of before once more, from the contact in between.
    formers = {former for key_hash, former in connection.execute(merged) if contact_hash(former, key) == key_hash}
    return (contact_id, *sorted(formers - {contact_id}))
