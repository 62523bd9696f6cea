"""Dead letters that name a contact by the account's own id, which stands in their payload as it came."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, or_, select

from shared.store.scope import batches
from shared.store.webhook_tables import DeadLetterTable

_IDS: Final = frozenset({"id", "contactid", "userid", "previousid", "customerid"})
"""Fields in which providers tell the account's own id; elsewhere the same text may be anything, such as an event."""


def erase_named(connection: Connection, account: str, contact_ids: Sequence[str]) -> int:
    """Delete dead letters that name a contact by the account's own id.

    Args:
        connection: inside a transaction that holds the account.
        account: whose letters.
        contact_ids: ids of the contact, of before too.

    Returns:
        How many there were.
    """
    table, found = DeadLetterTable, set[str]()
    for contact_id in contact_ids:
        told = [table.payload.contains(text, autoescape=True) for text in _spellings(contact_id)]
        likely = select(table.dead_letter_id, table.payload).where(table.account_id == account, or_(*told))
        for letter, payload in connection.execute(likely):
            if _names(json.loads(payload), contact_id):
                found.add(letter)
    for part in batches(sorted(found)):
        connection.execute(delete(table).where(table.account_id == account, table.dead_letter_id.in_(part)))
    return len(found)


def _spellings(contact_id: str) -> Iterator[str]:
    """Tell how an id may stand in a payload: as a text, as a text in JSON within a text, as a number."""
    text = json.dumps(contact_id)
    yield text
    yield json.dumps(text)[1:-1]
    if contact_id.isascii() and contact_id.isdigit():
        yield from (f"{before}{contact_id}{after}" for before in ":[," for after in ",}]")


def _names(value: Any, contact_id: str) -> bool:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    if isinstance(value, list):
        return any(_names(one, contact_id) for one in value)
    if not isinstance(value, dict):
        return False
    return any(
        (
            _plain(name) in _IDS
            and any(_is(told, contact_id) for told in (inner if isinstance(inner, list) else [inner]))
        )
        or _names(inner, contact_id)
        for name, inner in value.items()
    )


def _is(told: Any, contact_id: str) -> bool:
    return isinstance(told, (str, int)) and not isinstance(told, bool) and str(told).strip() == contact_id


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
