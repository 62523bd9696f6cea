"""Statements that SQLAlchemy spells per dialect: inserts that meet rows already there."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert(connection: Connection, table: type[Any]) -> Insert:
    """Begin an INSERT that can say ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def insert_missing(connection: Connection, table: type[Any], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows whose key is not there yet."""
    if rows:
        connection.execute(insert(connection, table).on_conflict_do_nothing(), rows)


def upsert(
    connection: Connection, table: type[Any], rows: Sequence[dict[str, Any]], *, newer: Sequence[str] = ()
) -> None:
    """Insert rows, or replace all other columns of those whose key is there.

    Args:
        connection: inside a transaction.
        table: a mapped class.
        rows: one dict a row, all with the same columns.
        newer: replace only when these columns, compared in order, are not smaller than what is there.
    """
    if not rows:
        return
    statement = insert(connection, table)
    keys = [column.name for column in table.__table__.primary_key]
    given = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    condition = _not_older(table, statement, newer) if newer else None
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=given, where=condition), rows)


def _not_older(table: type[Any], statement: Insert, newer: Sequence[str]) -> ColumnElement[bool]:
    first, *others = newer
    mine: ColumnElement[Any] = table.__table__.c[first]
    theirs: ColumnElement[Any] = statement.excluded[first]
    if not others:
        return theirs >= mine
    return (theirs > mine) | ((theirs == mine) & _not_older(table, statement, others))
