"""What is known of contacts apart from their events, read in one statement; what values mean over time."""

import json
from bisect import insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    CompoundSelect,
    ForeignKey,
    Integer,
    String,
    bindparam,
    cast,
    literal_column,
    null,
    union_all,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import ALWAYS, Microseconds
from shared.contracts.validation import read_scalar
from shared.store.schema import (
    CLUSTERED,
    KEY_TEXT,
    AccountStateTable,
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalLongText,
    StoreTable,
)
from shared.store.scope import IDS, AccountConnection, Prepared, among_ids, select_by_parameter
from shared.timeline import ContactFacts, DatedValue


class ContactTable(StoreTable):
    """People being marketed to."""

    __tablename__ = "contacts"
    __table_args__ = CLUSTERED

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    created_at: Mapped[OptionalInstant]
    timezone: Mapped[str | None]
    consent: Mapped[OptionalLongText]


class AttributeTable(StoreTable):
    """Values of attributes with the instant from which they hold; a correction is a further row."""

    __tablename__ = "attributes"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    valid_from: Mapped[Instant] = mapped_column(primary_key=True)
    recorded_at: Mapped[Instant] = mapped_column(primary_key=True)
    value: Mapped[LongText]
    dated: Mapped[bool]


class StaticAttributeTable(StoreTable):
    """Attributes declared to have held always."""

    __tablename__ = "static_attributes"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)


@dataclass(frozen=True, slots=True)
class StoredContact:
    """What is stored of a contact apart from events."""

    contact_id: str
    created_at: Microseconds | None
    timezone: str | None
    consent: Mapping[str, str]
    attributes: tuple[DatedValue, ...]
    """All values ever valid, by name and instant; the last of a name is the current one."""
    unreadable: frozenset[str] = frozenset()
    """Names of attributes whose current value could not be read, and is None."""


CONTACT, ATTRIBUTE, STATIC, ALL_STATIC = range(4)


def _facts_statement(sqlite: bool, *, chosen: bool) -> CompoundSelect[Any]:
    """Write the union; one statement, as both a round trip and a snapshot cost."""
    text, instant, flag = cast(null(), String), cast(null(), BigInteger), cast(null(), Boolean)
    contacts: list[ColumnElement[bool]] = []
    attributes = [AttributeTable.recorded_at <= bindparam("asked_at")]
    if chosen:
        contacts.append(among_ids(ContactTable.contact_id, sqlite=sqlite))
        attributes.append(among_ids(AttributeTable.contact_id, sqlite=sqlite))
    contact, attribute, state = ContactTable, AttributeTable, AccountStateTable
    return union_all(
        select_by_parameter(
            _kind(CONTACT), contact.contact_id, contact.timezone, contact.consent, contact.created_at, instant, flag
        ).where(*contacts),
        select_by_parameter(
            _kind(ATTRIBUTE),
            attribute.contact_id,
            attribute.name,
            attribute.value,
            attribute.valid_from,
            attribute.recorded_at,
            attribute.dated,
        ).where(*attributes),
        select_by_parameter(_kind(STATIC), text, StaticAttributeTable.name, text, instant, instant, flag),
        select_by_parameter(_kind(ALL_STATIC), text, text, text, instant, instant, state.all_static),
    )


def _kind(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)


_OF_SOME = Prepared(partial(_facts_statement, chosen=True))
_OF_ALL = Prepared(partial(_facts_statement, chosen=False))
_FAR_AWAY: Microseconds = 2**62


def facts_of(
    connection: AccountConnection,
    contact_ids: Collection[str] | None,
    *,
    cutoff: Microseconds | None = None,
    asked_at: Microseconds = _FAR_AWAY,
) -> dict[str, ContactFacts]:
    """Read contacts with their attributes in one statement.

    Args:
        connection: open for reading.
        contact_ids: at most 1,000; None: all of the account.
        cutoff: attribute values valid from then on are left out; None: none is.
        asked_at: values recorded later are left out.

    Returns:
        Facts by contact id, of contacts that are known.
    """
    values = {"asked_at": asked_at}
    if contact_ids is None:
        result = connection.read(_OF_ALL, values)
    else:
        result = connection.read(_OF_SOME, {**values, IDS: contact_ids})
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


def pages(connection: AccountConnection, *, after: str | None, limit: int) -> Iterator[str]:
    """List contact ids in order, after one."""
    statement = connection.select(ContactTable.contact_id)
    if after is not None:
        statement = statement.where(ContactTable.contact_id > after)
    return iter(connection.scalars(statement.order_by(ContactTable.contact_id).limit(limit)))


class Entry(NamedTuple):
    """One stored value of one attribute of one contact; sorts in the order in which later ones win."""

    valid_from: Microseconds
    recorded_at: Microseconds
    value: str
    """JSON."""
    dated: bool


def is_news(known: Collection[Entry], entry: Entry) -> bool:
    """Whether a value says something that the stored ones do not.

    A value that already holds at that instant is none, unless it was undated and now gets its date.

    Args:
        known: the stored values of this attribute of this contact, in order.
        entry: the new one.
    """
    holding = None
    for stored in known:
        if stored.valid_from <= entry.valid_from:
            holding = stored
    return holding is None or holding.value != entry.value or (entry.dated and not holding.dated)


def keep(known: list[Entry], entry: Entry) -> None:
    """Put an entry in its place; one of the same instants replaces the older."""
    known[:] = [stored for stored in known if stored[:2] != entry[:2]]
    insort(known, entry)


def values_seen(
    entries: Iterable[tuple[str, Entry]],
    *,
    static: Collection[str],
    all_static: bool,
    cutoff: Microseconds | None = None,
) -> tuple[tuple[DatedValue, ...], frozenset[str]]:
    """Return which values of a contact's attributes exist before a cutoff, by name and instant.

    Args:
        entries: name and value, in any order.
        static: names whose newest value holds at any cutoff.
        all_static: every name is static.
        cutoff: values valid from then on do not exist yet; None: all exist.

    Returns:
        One value for each name and instant (the last recorded one); static names have one, valid ALWAYS. And the names
        whose last one could not be read: taken in before there were bounds, it is None.
    """
    seen: dict[tuple[str, Microseconds], DatedValue] = {}
    unreadable: set[str] = set()
    for name, entry in sorted(entries):
        valid_from, dated = entry.valid_from, entry.dated
        if all_static or name in static:
            valid_from, dated = ALWAYS, True
        elif cutoff is not None and valid_from >= cutoff:
            continue
        value, readable = read_scalar(entry.value)
        (unreadable.discard if readable else unreadable.add)(name)
        seen[name, valid_from] = DatedValue(name, valid_from, value, dated)
    return tuple(seen.values()), frozenset(unreadable)
