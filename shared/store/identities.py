"""What else a contact is known by; an identity that comes to another contact is re-pointed and logged."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from shared.contracts.rows import Microseconds
from shared.store.statements import insert, upsert
from shared.store.tables import IdentityMergeTable, IdentityTable


def point_identities(
    connection: Connection, account: str, kind: str, contacts: Mapping[str, str], *, at: Microseconds
) -> set[str]:
    """Let identities point to contacts.

    Args:
        connection: inside a transaction that holds the account.
        account: whose contacts.
        kind: for example "email".
        contacts: contact id by keyed hash.
        at: now.

    Returns:
        The hashes that are new or point to another contact than before.
    """
    if not contacts:
        return set()
    rows = [
        {"account_id": account, "kind": kind, "key_hash": key_hash, "contact_id": contacts[key_hash]}
        for key_hash in sorted(contacts)
    ]
    new = insert(connection, IdentityTable).on_conflict_do_nothing().returning(IdentityTable.key_hash)
    created = set(connection.scalars(new, rows))
    pointing = (
        select(IdentityTable.key_hash, IdentityTable.contact_id)
        .where(
            IdentityTable.account_id == account,
            IdentityTable.kind == kind,
            IdentityTable.key_hash.in_(sorted(contacts)),
        )
        .order_by(IdentityTable.key_hash)
        .with_for_update()
    )
    before = {row.key_hash: row.contact_id for row in connection.execute(pointing)}
    moved = [row for row in rows if before[row["key_hash"]] != row["contact_id"]]
    upsert(connection, IdentityTable, moved)
    upsert(
        connection,
        IdentityMergeTable,
        [
            {
                "account_id": account,
                "kind": kind,
                "key_hash": row["key_hash"],
                "merged_at": at,
                "to_contact_id": row["contact_id"],
                "from_contact_id": before[row["key_hash"]],
            }
            for row in moved
        ],
    )
    return created | {row["key_hash"] for row in moved}
