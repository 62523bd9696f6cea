"""What the tables of both databases are made of: column types, and the two bases."""

from typing import Annotated, ClassVar

from sqlalchemy import BigInteger, MetaData, String, Text
from sqlalchemy.dialects.postgresql import VARCHAR
from sqlalchemy.orm import DeclarativeBase, mapped_column

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
