"""What the tables of both databases are made of: column types, the two bases, and the tables of no single subject.

The other tables lie with their subjects. `account_id` is the account's name and comes first in every key and index.
"""

from typing import Annotated, Any, ClassVar, NamedTuple

from sqlalchemy import BigInteger, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.dialects.postgresql import VARCHAR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.contracts.rows import Microseconds

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}

KEY_TEXT = String().with_variant(VARCHAR(collation="C"), "postgresql")
"""Text in keys: compared byte by byte on every database, so that order and cursors agree."""

KeyText = Annotated[str, mapped_column(KEY_TEXT)]
OptionalKeyText = Annotated[str | None, mapped_column(KEY_TEXT)]
LongText = Annotated[str, mapped_column(Text)]
OptionalLongText = Annotated[str | None, mapped_column(Text)]
Instant = Annotated[int, mapped_column(BigInteger)]
OptionalInstant = Annotated[int | None, mapped_column(BigInteger)]


class StoreTable(DeclarativeBase):
    """Base of the tables of the store."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


class PredictionTable(DeclarativeBase):
    """Base of the tables of the predictions database."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


CLUSTERED = {"sqlite_with_rowid": False}
"""Rows lie in the order of the primary key: what is read together is stored together (SQLite)."""


class AccountTable(StoreTable):
    """Who owns keys, contacts, events and models."""

    __tablename__ = "accounts"

    name: Mapped[KeyText] = mapped_column(primary_key=True)
    created_at: Mapped[Instant]


class AccountStateTable(StoreTable):
    """What is read so often of an account that it is not computed by a scan."""

    __tablename__ = "account_states"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    newest_event_at: Mapped[OptionalInstant]
    all_static: Mapped[bool]
    """Every attribute of the account is declared static."""
    erasures: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """How many contacts were erased: one who read before an erasure and writes after it can see that."""


class Account(NamedTuple):
    """Who owns keys, contacts, events and models."""

    name: str
    created_at: Microseconds


class AuditTable(StoreTable):
    """What was administered, when, and with which key."""

    __tablename__ = "audit"
    __table_args__: Any = (Index(None, "account_id", "target", "number"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[Instant]
    actor: Mapped[str]
    """Public id of a key, or `command line`."""
    action: Mapped[str]
    target: Mapped[str]
    detail: Mapped[LongText]
    """JSON."""
