"""One account bound once: statements that reach its rows alone, its open transaction, and who acts."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    Executable,
    FromClause,
    ScalarResult,
    Select,
    String,
    Update,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import ARRAY

from shared.contracts.rows import Microseconds
from shared.errors import NotFound, SettingsRefused
from shared.store.driver import AccountDriver, Prepared
from shared.store.schema import AccountTable, AuditTable
from shared.store.sql import Sql

Insert = sqlite_dialect.Insert | postgresql.Insert
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

    def read(self, prepared: Prepared, values: Mapping[str, Any]) -> Sequence[Any]:
        """Read all rows of a prepared statement, whose parameter `account` is this one."""
        return prepared.rows(self._connection, {**values, "account": self.account})

    def run(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Run a statement that was written once, whose parameter `account` is this one."""
        self._connection.execute(statement, {**values, "account": self.account})

    def insert(self, table: Any, rows: Sequence[Row]) -> None:
        """Insert rows of this account."""
        if rows:
            self._connection.execute(insert_of(table, sqlite=self.is_sqlite), self._owned(rows))

    def insert_missing(self, table: Any, rows: Sequence[Row]) -> None:
        """Insert rows whose key is not there yet."""
        if rows:
            self._connection.execute(
                insert_of(table, sqlite=self.is_sqlite).on_conflict_do_nothing(), self._owned(rows)
            )

    def insert_new(self, table: Any, rows: Sequence[Row], *returning: Any) -> Rows:
        """Insert rows, at least one, whose key is not there yet, and return columns of those that are new."""
        statement = insert_of(table, sqlite=self.is_sqlite).on_conflict_do_nothing().returning(*returning)
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
        if rows:
            upserting = upsert_of(table, list(rows[0]), newer=newer, sums=sums, sqlite=self.is_sqlite)
            self._connection.execute(upserting, self._owned(rows))

    def audit(self, action: str, target: str, *, at: Microseconds | None = None, **detail: Any) -> None:
        """Write an administrative action into the audit log, in the transaction of the action.

        Args:
            action: `key.created`.
            target: what was acted on; of a contact only its hash.
            at: now; None: when the actor acts, and where nobody does nothing is written.
            detail: facts worth knowing later, JSON; no secret and nothing personal.
        """
        at = self.acting_at if at is None else at
        if at is None:
            return
        take_turn(self)  # the entries of an account are numbered
        entry = {
            "number": (self.scalar(self.select(func.max(AuditTable.number), of=AuditTable)) or 0) + 1,
            "at": at,
            "actor": self.actor,
            "action": action,
            "target": target,
            "detail": json.dumps(detail, sort_keys=True, allow_nan=False),
        }
        self.insert(AuditTable, [entry])

    def _owned(self, rows: Sequence[Row]) -> list[Row]:
        return [{**row, "account_id": self.account} for row in rows]


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


def select_by_parameter(*columns: Any, of: Any = None) -> AnySelect:
    """Begin a SELECT for a prepared read: of the account in its parameter `account`; see `select_of`."""
    return select_of(bindparam("account"), *columns, of=of)


def update_of(account: str, table: Any) -> Update:
    """Begin an UPDATE of an account's rows."""
    return update(table).where(_table(table).c.account_id == account)


def delete_of(account: str, table: Any) -> Delete:
    """Begin a DELETE of an account's rows."""
    return delete(table).where(_table(table).c.account_id == account)


def _table(table: Any) -> FromClause:
    found: FromClause = getattr(table, "__table__", table)
    return found


def insert_of(table: Any, *, sqlite: bool) -> Insert:
    """Begin an INSERT that can say ON CONFLICT; whoever runs it adds the account to each row."""
    return sqlite_dialect.insert(table) if sqlite else postgresql.insert(table)


def upsert_of(
    table: type[Any], names: Sequence[str], *, sqlite: bool, newer: Sequence[str] = (), sums: Collection[str] = ()
) -> Insert:
    """Write an INSERT that replaces what is there under the same key; see `AccountConnection.upsert`."""
    statement = insert_of(table, sqlite=sqlite)
    columns = table.__table__.c
    keys = [column.name for column in table.__table__.primary_key]
    given = {name: statement.excluded[name] for name in names if name not in keys}
    given |= {name: columns[name] + statement.excluded[name] for name in sums}
    condition = _not_older(table, statement, newer) if newer else None
    return statement.on_conflict_do_update(index_elements=keys, set_=given, where=condition)


def _not_older(table: type[Any], statement: Insert, newer: Sequence[str]) -> ColumnElement[bool]:
    first, *others = newer
    mine: ColumnElement[Any] = table.__table__.c[first]
    theirs: ColumnElement[Any] = statement.excluded[first]
    if not others:
        return theirs >= mine
    return (theirs > mine) | ((theirs == mine) & _not_older(table, statement, others))


def among_ids(column: Any, *, sqlite: bool, parameter: str = IDS) -> ColumnElement[bool]:
    """Say that a column holds one of the keys of a parameter."""
    condition: ColumnElement[bool] = column == func.any(bindparam(parameter, type_=ARRAY(String)))
    if sqlite:
        condition = column.in_(select(func.json_each(bindparam(parameter, type_=String)).table_valued("value").c.value))
    return condition


Item = TypeVar("Item")
SYSTEM = "system"
"""Who acts when nobody in particular does."""
BATCH = 1_000
"""Keys in one IN list."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction of the store that holds the account."""

    connection: Connection
    alone: bool
    """Whether every other writer of the account is kept out."""
    last: list[Callable[[], None]]
    """What is done once it is committed."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One account's view of both databases."""

    account: str
    store: Sql
    """The database of contacts, events, outcomes and models."""
    predictions: Sql
    """The database of predictions."""
    direct: AccountDriver
    """Statements of the request path, of the store."""
    direct_predictions: AccountDriver
    """The same of the predictions, in a transaction of their own."""
    identity_key: bytes | None = None
    """Recognises who was erased; None: nobody new can be taken in where somebody was."""
    actor: str = SYSTEM
    acting_at: Microseconds | None = None
    before_commit: Callable[[], None] | None = None
    """Done before each COMMIT of the store is sent; what fails earlier is surely undone."""
    open: Transaction | None = None
    """Reads see what it wrote, writes join it. None: each write has its own."""

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator["Scope"]:
        """Open one transaction for several writes: all are committed when the block ends, or none.

        Args:
            alone: whether to wait for every other writer of the account and keep new ones out.

        Raises:
            NotFound: there is no such account.
        """
        last: list[Callable[[], None]] = []
        with self._holding(alone=alone) as connection:
            if self.open is None:
                opened = Transaction(connection, alone, last)
            else:
                opened = replace(self.open, alone=alone or self.open.alone)
            yield replace(self, open=opened, direct=self.direct.within(connection))
        for act in last:
            act()

    def when_committed(self, act: Callable[[], None]) -> None:
        """Do something once the open transaction is committed, and not if it is undone; at once where none is open."""
        if self.open is None:
            act()
        else:
            self.open.last.append(act)

    @property
    def is_alone(self) -> bool:
        """Whether nobody else writes of this account during the open transaction."""
        return self.store.is_sqlite or (self.open is not None and self.open.alone)

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[AccountConnection]:
        """Open a transaction of the store during which the account cannot be deleted, or join the one that is open.

        Args:
            alone: whether other writers of the account are waited for, and new ones kept out. Asked for at the
                beginning: two that share the account first, and want it alone then, wait for each other for ever.

        Raises:
            NotFound: there is no such account.
        """
        with self._holding(alone=alone) as connection:
            yield self._bound(connection)

    @contextmanager
    def reading(self) -> Iterator[AccountConnection]:
        """Read within the transaction that is open, where its own writes are seen, else the latest state."""
        if self.open is not None:
            yield self._bound(self.open.connection)
            return
        with self.store.reading() as connection:
            yield self._bound(connection)

    @contextmanager
    def reading_predictions(self) -> Iterator[AccountConnection]:
        """Read the latest state of the predictions."""
        with self.predictions.reading() as connection:
            yield self._bound(connection)

    @contextmanager
    def writing_predictions(self, *, alone: bool | None = None) -> Iterator[AccountConnection]:
        """Open a transaction of the predictions; never part of one of the store.

        Args:
            alone: whether to come after all who write predictions of this account, or only after who is alone;
                None: after nobody.
        """
        with self.predictions.writing() as connection:
            if alone is not None:
                queue(connection, predictions_of(self.account), alone=alone)
            yield self._bound(connection)

    def select(self, *columns: Any, of: Any = None) -> AnySelect:
        """Begin a SELECT of this account's rows; see `select_of`."""
        return select_of(self.account, *columns, of=of)

    def update(self, table: Any) -> Update:
        """Begin an UPDATE of this account's rows."""
        return update_of(self.account, table)

    def delete(self, table: Any) -> Delete:
        """Begin a DELETE of this account's rows."""
        return delete_of(self.account, table)

    def known_key(self) -> bytes:
        """Return the identity key.

        Raises:
            SettingsRefused: this process was not given it.
        """
        if self.identity_key is None:
            raise SettingsRefused("FORETELL_IDENTITY_KEY is not set: without it nobody knows who was erased.")
        return self.identity_key

    def _bound(self, connection: Connection) -> AccountConnection:
        return AccountConnection(connection, self.account, self.actor, self.acting_at)

    @contextmanager
    def _holding(self, *, alone: bool) -> Iterator[Connection]:
        held = select(AccountTable.name).where(AccountTable.name == self.account)
        if self.open is not None:
            if alone and not self.open.alone:
                self.open.connection.execute(held.with_for_update()).one()
            yield self.open.connection
            return
        with self.store.writing() as connection:
            held = held.with_for_update() if alone else held.with_for_update(read=True, key_share=True)
            queue(connection, self.account, alone=alone)
            if connection.execute(held).first() is None:
                raise NotFound(f"There is no account {self.account}; create it with `foretell accounts create`.")
            yield connection
            if self.before_commit is not None:
                self.before_commit()


def take_turn(connection: AccountConnection) -> None:
    """Wait for who numbers rows of the account: there may be no row yet to lock, so they take turns on its own."""
    turn = select(AccountTable.name).where(AccountTable.name == connection.account)
    connection.execute(turn.with_for_update(key_share=True)).one()


def queue(connection: Connection, account: str, *, alone: bool) -> None:
    """Come after who waits to be alone: those who share a row of PostgreSQL would pass them by for ever.

    Args:
        connection: inside a transaction, until whose end the place is held.
        account: in whose line; `predictions_of` names that of its predictions.
        alone: whether nobody else may be there.
    """
    if connection.dialect.name == "sqlite":
        return
    connection.execute(in_line(account, alone=alone))


def in_line(line: str | BindParameter[str], *, alone: bool) -> Select[Any]:
    """Write the statement of PostgreSQL that waits for a place in a line."""
    turn = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
    return select(turn(func.hashtextextended(line, literal_column("0"))))


def in_lines() -> Select[Any]:
    """Write the statement of PostgreSQL that waits for a place in each of the parameter `lines`, in their order.

    Whoever takes several takes them in one order, so that no two wait for each other.
    """
    line = func.unnest(bindparam("lines", type_=ARRAY(String))).column_valued("line")
    return select(func.pg_advisory_xact_lock(func.hashtextextended(line, literal_column("0"))))


def predictions_of(account: str) -> str:
    """Name the line in which those wait who write an account's predictions; no account is called so."""
    return f"predictions of {account}"


def batches(items: Sequence[Item], size: int = BATCH) -> Iterator[Sequence[Item]]:
    """Cut a sequence into parts of at most `size`.

    >>> list(batches([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]
