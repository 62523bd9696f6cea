"""One statement that reads everything known of many contacts apart from their events."""

import json
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    String,
    bindparam,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from shared.contracts.rows import Microseconds
from shared.store.attributes import Entry, values_seen
from shared.store.prepared import IDS, Prepared, among_ids
from shared.store.tables import AccountStateTable, AttributeTable, ContactTable, StaticAttributeTable
from shared.timeline import ContactFacts

CONTACT, ATTRIBUTE, STATIC, ALL_STATIC = range(4)


def _facts_statement(sqlite: bool, *, chosen: bool) -> CompoundSelect[Any]:
    """Write the union; one statement, as both a round trip and a snapshot cost."""
    text, instant, flag = cast(null(), String), cast(null(), BigInteger), cast(null(), Boolean)
    account = bindparam("account", type_=String)
    contacts: list[ColumnElement[bool]] = [ContactTable.account_id == account]
    attributes = [AttributeTable.account_id == account, AttributeTable.recorded_at <= bindparam("asked_at")]
    if chosen:
        contacts.append(among_ids(ContactTable.contact_id, sqlite=sqlite))
        attributes.append(among_ids(AttributeTable.contact_id, sqlite=sqlite))
    contact, attribute, state = ContactTable, AttributeTable, AccountStateTable
    return union_all(
        select(
            _kind(CONTACT), contact.contact_id, contact.timezone, contact.consent, contact.created_at, instant, flag
        ).where(*contacts),
        select(
            _kind(ATTRIBUTE),
            attribute.contact_id,
            attribute.name,
            attribute.value,
            attribute.valid_from,
            attribute.recorded_at,
            attribute.dated,
        ).where(*attributes),
        select(_kind(STATIC), text, StaticAttributeTable.name, text, instant, instant, flag).where(
            StaticAttributeTable.account_id == account
        ),
        select(_kind(ALL_STATIC), text, text, text, instant, instant, state.all_static).where(
            state.account_id == account
        ),
    )


def _kind(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)


_OF_SOME = Prepared(partial(_facts_statement, chosen=True))
_OF_ALL = Prepared(partial(_facts_statement, chosen=False))
_FAR_AWAY: Microseconds = 2**62


def facts_of(
    connection: Connection,
    account: str,
    contact_ids: Collection[str] | None,
    *,
    cutoff: Microseconds | None = None,
    asked_at: Microseconds = _FAR_AWAY,
) -> dict[str, ContactFacts]:
    """Read contacts with their attributes in one statement.

    Args:
        connection: open for reading.
        account: whose contacts.
        contact_ids: at most 1,000; None: all of the account.
        cutoff: attribute values valid from then on are left out; None: none is.
        asked_at: values recorded later are left out.

    Returns:
        Facts by contact id, of contacts that are known.
    """
    values = {"account": account, "asked_at": asked_at}
    if contact_ids is None:
        result = _OF_ALL.rows(connection, values)
    else:
        result = _OF_SOME.rows(connection, {**values, IDS: contact_ids})
    contacts: dict[str, tuple[str | None, str | None, Microseconds | None]] = {}
    entries: dict[str, list[tuple[str, Entry]]] = {}
    static: set[str] = set()
    all_static = False
    for kind, contact_id, first, second, at, recorded_at, flag in result:
        if kind == ATTRIBUTE:
            entries.setdefault(contact_id, []).append((first, Entry(at, recorded_at, second, bool(flag))))
        elif kind == CONTACT:
            contacts[contact_id] = (first, second, at)
        elif kind == STATIC:
            static.add(first)
        else:
            all_static = bool(flag)
    found = {}
    for contact_id, (timezone, consent, created_at) in contacts.items():
        attributes, unreadable = values_seen(
            entries.get(contact_id, ()), static=static, all_static=all_static, cutoff=cutoff
        )
        found[contact_id] = ContactFacts(created_at, timezone, consent_of(consent), attributes, unreadable)
    return found


def consent_of(text: str | None) -> Mapping[str, str]:
    """Read a stored consent; none stored is an empty one."""
    return json.loads(text) if text else {}


def pages(connection: Connection, account: str, *, after: str | None, limit: int) -> Iterator[str]:
    """List contact ids in order, after one."""
    statement = select(ContactTable.contact_id).where(ContactTable.account_id == account)
    if after is not None:
        statement = statement.where(ContactTable.contact_id > after)
    return iter(connection.scalars(statement.order_by(ContactTable.contact_id).limit(limit)))
