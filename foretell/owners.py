"""Whose the events of a file are that name no contact but an address: known contacts, or new ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.contracts.rows import ContactRow, Microseconds

if TYPE_CHECKING:
    from shared.store import AccountStore, ImportLease


@dataclass(frozen=True, slots=True)
class Owners:
    """Who stands behind the addresses of a batch."""

    contacts: Mapping[str, str]
    """Contact by the id that was made from the address."""
    shared: frozenset[str]
    """Made ids whose address so many contacts have that it is nobody's."""
    erased: frozenset[str]
    """Made ids whose address is that of somebody who was erased."""
    made: int
    """How many contacts were made."""


def owners_of(
    store: "AccountStore", addresses: Mapping[str, str], *, at: Microseconds, lease: "ImportLease | None" = None
) -> Owners:
    """Find the contacts that have addresses, as webhooks do, and make those that are missing.

    Args:
        store: of the account.
        addresses: keyed hash by the contact id that is made from it.
        at: now.
        lease: of the import that they are part of, where it counts what it stores.
    """
    identities = {made_id: ("email", hashed) for made_id, hashed in addresses.items()}
    shared_identities, pointing = (
        store.identities.shared(identities.values()),
        store.identities.contacts_of(identities.values()),
    )
    shared = frozenset(made_id for made_id, identity in identities.items() if identity in shared_identities)
    contacts = {
        made_id: pointing[one] for made_id, one in identities.items() if one in pointing and made_id not in shared
    }
    missing = sorted(set(identities) - shared - set(contacts))
    rows = [
        ContactRow(made_id, created_at=None, timezone=None, consent=None, email_hash=addresses[made_id], attributes=())
        for made_id in missing
    ]
    counts = store.contacts.put_bulk(rows, recorded_at=at, lease=lease)
    erased = frozenset(missing[place] for place in counts.erased_rows)
    contacts |= {made_id: made_id for made_id in missing if made_id not in erased}
    return Owners(contacts, shared, erased, counts.created)
