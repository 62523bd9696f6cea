"""The tables of contacts and their attributes, and which values are news."""

import json
from bisect import insort
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
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
