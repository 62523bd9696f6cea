"""The tables of contacts and their attributes, and which values are news."""

import json
import math
import string
from bisect import insort
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, func, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds, consent_of, denies_profiling
from shared.store.schema import (
    CLUSTERED,
    KEY_TEXT,
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalLongText,
    StoreTable,
)
from shared.store.scope import AccountConnection


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


def refusals(connection: AccountConnection) -> list[str]:
    """List the consents that deny profiling: there are few ways to write one, and many contacts."""
    ways = connection.scalars(connection.select(ContactTable.consent).distinct()).all()
    return [text for text in ways if denies_profiling(consent_of(text))]


def pages(connection: AccountConnection, *, after: str | None, limit: int, prefix: str = "") -> Iterator[str]:
    """List contact ids in order, after one; only those that begin so."""
    statement = connection.select(ContactTable.contact_id)
    if after is not None:
        statement = statement.where(ContactTable.contact_id > after)
    if prefix:
        statement = statement.where(ContactTable.contact_id >= prefix)
        beyond = after_all(prefix)
        statement = statement if beyond is None else statement.where(ContactTable.contact_id < beyond)
    return iter(connection.scalars(statement.order_by(ContactTable.contact_id).limit(limit)))


_LAST_BEFORE_SURROGATES, _FIRST_AFTER_SURROGATES, _LAST = 0xD7FF, 0xE000, 0x10FFFF


def after_all(prefix: str) -> str | None:
    """Return the least text that lies after all that begin so, in the order of code points; None: there is none.

    >>> after_all("c-1"), after_all("a\U0010ffff"), after_all("\U0010ffff")
    ('c-2', 'b', None)
    """
    kept = prefix.rstrip(chr(_LAST))
    if not kept:
        return None
    last = ord(kept[-1])
    return kept[:-1] + chr(_FIRST_AFTER_SURROGATES if last == _LAST_BEFORE_SURROGATES else last + 1)


def spellings(text: str) -> list[str]:
    """List how a value is stored that a person writes so, in small letters: a text, a number, or true and false.

    Letters of ASCII are compared in small ones; of others, which are stored as escapes, the usual spellings are listed.

    >>> spellings("Pro "), spellings("5"), spellings("TRUE")
    (['"pro"'], ['"5"', '5', '5.0'], ['"true"', 'true'])
    >>> len(spellings("élan"))
    2
    """
    text = " ".join(text.split())
    variants = (text, text.lower(), text.upper(), text.capitalize(), text.title())
    found = sorted({_ascii_lower(json.dumps(one)) for one in variants})
    text = text.lower()
    if text in {"true", "false"}:
        return [*found, text]
    try:
        number = float(text)
    except ValueError:
        return found
    if not math.isfinite(number):
        return found
    whole = [str(int(number))] if number.is_integer() else []
    return [*found, *whole, json.dumps(number)]


def _ascii_lower(text: str) -> str:
    return text.translate(_SMALL)


_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""What SQL's `lower` does to what is stored: nothing but ASCII stands there."""


def holders(
    connection: AccountConnection, among: ColumnElement[bool], name: str, text: str, *, limit: int | None = None
) -> Sequence[str]:
    """List contacts by id whose newest value of an attribute is what a person writes so.

    Args:
        connection: open for reading.
        among: which contacts.
        name: of the attribute.
        text: of the value.
        limit: at most so many.
    """
    table, newer = AttributeTable, AttributeTable.__table__.alias()
    at, later = tuple_(table.valid_from, table.recorded_at), tuple_(newer.c.valid_from, newer.c.recorded_at)
    superseded = (
        connection.select(newer.c.contact_id, of=newer)
        .where(newer.c.contact_id == table.contact_id, newer.c.name == table.name, later > at)
        .exists()
    )
    held = connection.select(table.contact_id).where(
        among, table.name == name, func.lower(table.value).in_(spellings(text))
    )
    return connection.scalars(held.where(~superseded).order_by(table.contact_id).limit(limit)).all()


def nth_after(connection: AccountConnection, number: int, *, after: str | None) -> str | None:
    """Return the id of the contact that comes so many after one; None: there are not so many."""
    statement = connection.select(ContactTable.contact_id)
    if after is not None:
        statement = statement.where(ContactTable.contact_id > after)
    found: str | None = connection.scalar(statement.order_by(ContactTable.contact_id).limit(1).offset(number - 1))
    return found


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
