"""How SQL is said: statements that always name the account, inserts that meet rows already there, prepared reads.

What a subject reads and writes goes through an `AccountConnection`, or begins with a `select_of`, `update_of` or
`delete_of` of its scope: each adds the account, so that no statement can reach the rows of another one.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    Dialect,
    Executable,
    FromClause,
    ScalarResult,
    Select,
    SelectBase,
    String,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from shared.contracts.rows import Microseconds
from shared.errors import StoreUnavailable

Insert = sqlite.Insert | postgresql.Insert
AnySelect = Select[*tuple[Any, ...]]
Rows = CursorResult[*tuple[Any, ...]]
Row = dict[str, Any]
IDS = "ids"
"""The parameter that holds a list of keys: one parameter, so that the text is the same for any number of them."""


class AccountConnection:
    """An open connection through which the rows of one account are read and written, and no others."""

    __slots__ = ("_connection", "account", "acting_at", "actor")

    def __init__(self, connection: Connection, account: str, actor: str, acting_at: Microseconds | None) -> None:
        """Bind the account.

        Args:
            connection: open for reading, or inside a transaction.
            account: its name.
            actor: whom the audit log names.
            acting_at: when; None: nobody acts, and nothing is written into the audit log.
        """
        self._connection = connection
        self.account = account
        self.actor = actor
        self.acting_at = acting_at

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self._connection.dialect.name == "sqlite"

    @property
    def driver(self) -> Any:
        """The driver's own connection, for what SQLAlchemy cannot say; it knows no account."""
        return self._connection.connection.driver_connection

    def select(self, *columns: Any, of: Any = None) -> AnySelect:
        """Begin a SELECT of this account's rows; see `select_of`."""
        return select_of(self.account, *columns, of=of)

    def update(self, table: Any) -> Update:
        """Begin an UPDATE of this account's rows."""
        return update_of(self.account, table)

    def delete(self, table: Any) -> Delete:
        """Begin a DELETE of this account's rows."""
        return delete_of(self.account, table)

    def execute(self, statement: Executable, values: Any = None) -> Rows:
        """Run a statement that was begun with the account."""
        return self._connection.execute(statement, values)

    def scalars(self, statement: Executable) -> ScalarResult[Any]:
        """Read the first column."""
        return self._connection.scalars(statement)

    def scalar(self, statement: Executable) -> Any:
        """Read the first column of the first row; None: there is no row."""
        return self._connection.scalar(statement)

    def stream(self, statement: Executable, rows: int) -> Rows:
        """Read so many rows at a time."""
        return self._connection.execution_options(yield_per=rows).execute(statement)

    def read(self, prepared: "Prepared", values: Mapping[str, Any]) -> Sequence[Any]:
        """Read all rows of a prepared statement, whose parameter `account` is this one."""
        return prepared.rows(self._connection, {**values, "account": self.account})

    def run(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Run a statement that was written once, whose parameter `account` is this one."""
        self._connection.execute(statement, {**values, "account": self.account})

    def insert(self, table: Any, rows: Sequence[Row]) -> None:
        """Insert rows of this account."""
        if rows:
            self._connection.execute(_insert(self._connection, table), self._owned(rows))

    def insert_missing(self, table: Any, rows: Sequence[Row]) -> None:
        """Insert rows whose key is not there yet."""
        if rows:
            self._connection.execute(_insert(self._connection, table).on_conflict_do_nothing(), self._owned(rows))

    def insert_new(self, table: Any, rows: Sequence[Row], *returning: Any) -> Rows:
        """Insert rows, at least one, whose key is not there yet, and return columns of those that are new."""
        statement = _insert(self._connection, table).on_conflict_do_nothing().returning(*returning)
        return self._connection.execute(statement, self._owned(rows))

    def upsert(
        self, table: type[Any], rows: Sequence[Row], *, newer: Sequence[str] = (), sums: Collection[str] = ()
    ) -> None:
        """Insert rows, or replace all other columns of those whose key is there.

        Args:
            table: a mapped class.
            rows: one dict a row, all with the same columns.
            newer: replace only when these columns, compared in order, are not smaller than what is there.
            sums: columns of which the number that is there is added to the new one.
        """
        if not rows:
            return
        statement = _insert(self._connection, table)
        columns = table.__table__.c
        keys = [column.name for column in table.__table__.primary_key]
        given = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        given |= {name: columns[name] + statement.excluded[name] for name in sums}
        condition = _not_older(table, statement, newer) if newer else None
        upserting = statement.on_conflict_do_update(index_elements=keys, set_=given, where=condition)
        self._connection.execute(upserting, self._owned(rows))

    def _owned(self, rows: Sequence[Row]) -> list[Row]:
        return [{"account_id": self.account, **row} for row in rows]


def select_of(account: str | BindParameter[str], *columns: Any, of: Any = None) -> AnySelect:
    """Begin a SELECT of an account's rows.

    Args:
        account: whose.
        columns: of any tables.
        of: the table whose account is asked for, where others are joined to it or no column says which it is; None:
            every table that the columns are of.

    Raises:
        ValueError: neither says a table.
    """
    statement: AnySelect = select(*columns)
    tables = [_table(of)] if of is not None else _tables(statement, columns)
    if not tables:
        raise ValueError("which table?")
    return statement.where(*(table.c.account_id == account for table in tables))


def _tables(statement: AnySelect, columns: Sequence[Any]) -> Collection[FromClause]:
    """Find the tables of columns; SQLAlchemy knows them always, but takes 0.1 ms, and plain columns know theirs."""
    found: dict[FromClause, None] = {}
    for column in columns:
        table = getattr(getattr(column, "expression", column), "table", None)
        if table is None:
            return statement.get_final_froms()
        found[table] = None
    return found


def select_by_parameter(*columns: Any) -> AnySelect:
    """Begin a SELECT for a prepared read: of the account in its parameter `account`."""
    return select_of(bindparam("account"), *columns)


def update_of(account: str, table: Any) -> Update:
    """Begin an UPDATE of an account's rows."""
    return update(table).where(_table(table).c.account_id == account)


def delete_of(account: str, table: Any) -> Delete:
    """Begin a DELETE of an account's rows."""
    return delete(table).where(_table(table).c.account_id == account)


def _table(table: Any) -> FromClause:
    found: FromClause = getattr(table, "__table__", table)
    return found


def _insert(connection: Connection, table: Any) -> Insert:
    """Begin an INSERT that can say ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _not_older(table: type[Any], statement: Insert, newer: Sequence[str]) -> ColumnElement[bool]:
    first, *others = newer
    mine: ColumnElement[Any] = table.__table__.c[first]
    theirs: ColumnElement[Any] = statement.excluded[first]
    if not others:
        return theirs >= mine
    return (theirs > mine) | ((theirs == mine) & _not_older(table, statement, others))


class Prepared:
    """A read of the request path: compiled once a dialect, sent as text, answered with the driver's own tuples.

    SQLAlchemy writes it; left to run it too, it spends more on cache keys and Row objects than the database on the
    rows.

    Args:
        write: make the statement, given whether it is for SQLite; its parameter `account` says whose rows.
    """

    def __init__(self, write: Callable[[bool], SelectBase]) -> None:
        self._write = write
        self._texts: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Read all rows, as the driver gives them: flags of SQLite are 0 and 1.

        Args:
            connection: open for reading.
            values: every parameter by name; lists of keys are collections.

        Raises:
            StoreUnavailable: the connection broke while the rows were read.
        """
        dialect = connection.dialect
        text, order = self._texts.get(dialect.name) or self._compiled(dialect)
        if order is None:
            result = connection.exec_driver_sql(text, dict(values))
        else:
            result = connection.exec_driver_sql(text, tuple(_sqlite_value(values[name]) for name in order))
        if result.cursor is None:
            raise RuntimeError("the statement returns no rows")
        try:
            rows: Sequence[Any] = result.cursor.fetchall()
        except dialect.loaded_dbapi.Error as error:
            raise StoreUnavailable("The connection to the store was lost; try again.") from error
        result.close()
        return rows

    def _compiled(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
        compiled = self._write(dialect.name == "sqlite").compile(dialect=dialect)
        order = compiled.positiontup
        self._texts[dialect.name] = str(compiled), None if order is None else tuple(order)
        return self._texts[dialect.name]


def among_ids(column: Any, *, sqlite: bool, parameter: str = IDS) -> ColumnElement[bool]:
    """Say that a column holds one of the keys of a parameter."""
    condition: ColumnElement[bool] = column == func.any(bindparam(parameter, type_=ARRAY(String)))
    if sqlite:
        condition = column.in_(select(func.json_each(bindparam(parameter, type_=String)).table_valued("value").c.value))
    return condition


def _sqlite_value(value: Any) -> Any:
    return orjson.dumps(list(value)).decode() if isinstance(value, Collection) and not isinstance(value, str) else value
