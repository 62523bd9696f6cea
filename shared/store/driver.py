"""Statements of the request path on the driver's own connections: SQLAlchemy writes them once, and runs none."""

import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import orjson
from sqlalchemy import ClauseElement, Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPIModule
from sqlalchemy.exc import InvalidRequestError

from shared.contracts.call import Deadline
from shared.errors import StoreUnavailable

Values = Mapping[str, Any]
Rows = Sequence[Any]
"""Tuples as the driver gives them: flags of SQLite are 0 and 1."""
Patience = Callable[[], float]
"""How many seconds anything may still wait."""
LONGEST_SECONDS = 3_600.0
SLACK = 0.9
"""A limit that is shorter than what is left is kept down to this share: each time it is set is one more statement."""
_UNDEFINED = ("42P01", "42703")
"""PostgreSQL's codes of a table and of a column that does not exist."""
_WAITED = ("55P03", "57014", "40P01")
"""PostgreSQL's codes of a lock that was not to be had, a statement cut short, and two that wait for each other."""


def patience_of(seconds: float) -> Patience:
    """Make what tells how long to wait: until the request's deadline, or so many seconds where there is no request."""

    def left() -> float:
        remaining = Deadline.seconds_left()
        return seconds if remaining is None else remaining

    return left


def milliseconds(seconds: float) -> int:
    """Return a time-out; none is left: the wait is over before it begins.

    Raises:
        StoreUnavailable: nothing is left.
    """
    if seconds <= 0:
        raise busy()
    return math.ceil(1_000 * min(seconds, LONGEST_SECONDS))


def busy() -> StoreUnavailable:
    """Make the error of a wait that was too long."""
    return StoreUnavailable("The store is busy: others hold what this needs; try again soon.")


def unreachable() -> StoreUnavailable:
    """Make the error of a database that is not there, or takes nothing."""
    return StoreUnavailable("The store cannot be reached or written; try again soon.")


def failure_of(error: BaseException | None, dbapi: DBAPIModule) -> StoreUnavailable | None:
    """Name what a driver's error means; None: a mistake of ours, or a rule of the tables."""
    code, reason = getattr(error, "sqlstate", None), str(error)
    unmigrated = reason.startswith(("no such table", "no such column")) or "has no column named" in reason
    if isinstance(error, dbapi.IntegrityError):
        return None
    if code in _UNDEFINED or (unmigrated and isinstance(error, dbapi.OperationalError)):
        return StoreUnavailable("The store is not migrated yet: run `foretell store migrate`.")
    if code in _WAITED or reason.endswith("is locked"):
        return busy()
    if reason == "interrupted":
        return StoreUnavailable("The store did not come to an answer in time; ask for less, or try again soon.")
    if isinstance(error, (dbapi.OperationalError, dbapi.InterfaceError)):
        return unreachable()
    if type(error) is dbapi.DatabaseError:  # SQLite's word for a file that is none of its own, or a broken one
        return StoreUnavailable("The store's file is damaged: restore it from a backup.")
    return None


class _Lock(Protocol):
    """A lock or a semaphore."""

    def acquire(self, *, timeout: float) -> bool:
        """Wait for a place at most so many seconds."""

    def release(self) -> None:
        """Give it back."""


class Places:
    """So many may use a database at once; whoever comes then waits as long as it may."""

    def __init__(self, number: int, patience: Patience) -> None:
        # A lock hands over at once where SQLite's own busy handler would sleep.
        self._free: _Lock = threading.Lock() if number == 1 else threading.BoundedSemaphore(number)
        self._patience = patience

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a place, and give it back.

        Raises:
            StoreUnavailable: there was none until the deadline.
        """
        seconds = min(self._patience(), threading.TIMEOUT_MAX)
        if seconds <= 0 or not self._free.acquire(timeout=seconds):
            raise busy()
        try:
            yield
        finally:
            self._free.release()


class Statement(NamedTuple):
    """A statement as a driver takes it."""

    text: str
    order: tuple[str, ...]
    """Names of its parameters in the order of their marks."""


class Prepared:
    """A statement of the request path: compiled once a dialect, sent as text.

    SQLAlchemy writes it; left to run it too, it spends more on cache keys and Row objects than the database on the
    rows.

    Args:
        write: make the statement, given whether it is for SQLite; its parameter `account` says whose rows.
        columns: of an INSERT; `account_id` is one of them.
    """

    def __init__(self, write: Callable[[bool], ClauseElement], *, columns: Sequence[str] | None = None) -> None:
        self._write = write
        self._columns = columns
        self._statements: dict[str, Statement] = {}

    def of(self, dialect: Dialect) -> Statement:
        """Return the statement of a dialect."""
        return self._statements.get(dialect.name) or self._compiled(dialect)

    def rows(self, connection: Connection, values: Values) -> Rows:
        """Read all rows within what SQLAlchemy has opened.

        Args:
            connection: open for reading.
            values: every parameter by name; lists of keys are collections.

        Raises:
            StoreUnavailable: the connection broke while the rows were read.
        """
        statement, sqlite = self.of(connection.dialect), connection.dialect.name == "sqlite"
        result = connection.exec_driver_sql(statement.text, _parameters(statement, values, sqlite=sqlite))
        if result.cursor is None:
            raise RuntimeError("the statement returns no rows")
        try:
            rows: Rows = result.cursor.fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            raise StoreUnavailable("The connection to the store was lost; try again.") from error
        result.close()
        return rows

    def _compiled(self, dialect: Dialect) -> Statement:
        sqlite = dialect.name == "sqlite"
        kind: Any = type(dialect)
        positional = dialect if sqlite else kind(paramstyle="format")
        compiled: Any = self._write(sqlite).compile(dialect=positional, column_keys=self._columns)
        found = self._statements[dialect.name] = Statement(str(compiled), tuple(compiled.positiontup))
        return found


def _parameters(statement: Statement, values: Values, *, sqlite: bool) -> tuple[Any, ...]:
    return tuple([_listed(values[name], sqlite=sqlite) for name in statement.order])


def _listed(value: Any, *, sqlite: bool) -> Any:
    """Return a list of keys as the database takes it; anything else as it is."""
    if isinstance(value, (str, int)) or not isinstance(value, Collection):
        return value
    return orjson.dumps(list(value)).decode() if sqlite else list(value)


class Session:
    """An open connection of a driver, with the statements that it runs."""

    __slots__ = ("_connection", "_dialect", "_sqlite")

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._connection, self._dialect, self._sqlite = connection, dialect, dialect.name == "sqlite"

    def read(self, prepared: Prepared, values: Values) -> Rows:
        """Read all rows of a statement."""
        rows: Rows = self.sent(prepared, values).fetchall()
        return rows

    def sent(self, prepared: Prepared, values: Values) -> Any:
        """Run a statement, and return its cursor."""
        statement = prepared.of(self._dialect)
        parameters = _parameters(statement, values, sqlite=self._sqlite)
        if self._sqlite:
            return self._connection.execute(statement.text, parameters)
        return self._connection.execute(statement.text, parameters, prepare=True)

    def write(self, prepared: Prepared, account: str, fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once a row.

        Args:
            prepared: an INSERT, whose first value is the account.
            account: whose rows they are.
            fields: the names of a row's other values, in their order.
            rows: any number.
        """
        if not rows:
            return
        statement = prepared.of(self._dialect)
        chosen = itemgetter(*[fields.index(name) for name in statement.order[1:]])
        cursor = self._connection.cursor()
        cursor.executemany(statement.text, [(account, *chosen(row)) for row in rows])
        cursor.close()


@dataclass(slots=True)
class _Held:
    """A connection of the driver, taken out of SQLAlchemy's pool."""

    connection: Any
    limits: tuple[int, int] = (0, 0)
    """Milliseconds that it may wait and compute."""


_First = Callable[[_Held], Any]
"""What is done first on a connection."""


class Driver:
    """The driver's own connections to one database, each in one pair of hands at a time."""

    def __init__(self, engine: Engine, places: Places, patience: Patience, *, idle: int) -> None:
        """Open nothing yet.

        Args:
            engine: opens them, with its settings.
            places: shared with whoever else uses the database.
            patience: how long each wait may take.
            idle: how many are kept open.
        """
        self._engine, self._places, self._patience, self._most_idle = engine, places, patience, idle
        self._idle: list[_Held] = []
        self._is_sqlite = engine.dialect.name == "sqlite"

    def read(self, calls: Sequence[tuple[Prepared, Values]]) -> list[Rows]:
        """Read several statements of one state of the database, in one round trip.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._open(lambda held: self._read(held, calls)) as found:
            rows: list[Rows] = found
        return rows

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction: committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._open(self._begun) as session:
            yield session
            session._connection.execute("COMMIT")

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().connection.close()

    @contextmanager
    def _open(self, first: _First) -> Iterator[Any]:
        """Take a connection and do the first thing on it, again on a new one where it was lost since its last use."""
        dbapi = self._engine.dialect.loaded_dbapi
        with self._places.one():
            try:
                held, done = self._taken(first, dbapi)
                try:
                    yield done
                finally:
                    self._put_back(held)
            except dbapi.Error as error:
                named = failure_of(error, dbapi)
                if named is None:
                    raise
                raise named from error
            except InvalidRequestError as error:  # every connection that was opened was lost at once
                raise unreachable() from error

    def _taken(self, first: Callable[[_Held], Any], dbapi: DBAPIModule) -> tuple[_Held, Any]:
        with suppress(IndexError):
            held = self._idle.pop()
            try:
                return held, first(held)
            except dbapi.OperationalError:
                lost = self._is_lost(held)
                self._put_back(held)
                if not lost:
                    raise
                self.close()  # whatever ended one ended the others
            except BaseException:
                self._put_back(held)
                raise
        opened = self._engine.raw_connection()
        held = _Held(opened.dbapi_connection)
        opened.detach()
        try:
            return held, first(held)
        except BaseException:
            self._put_back(held)
            raise

    def _is_lost(self, held: _Held) -> bool:
        return not self._is_sqlite and bool(held.connection.closed)

    def _put_back(self, held: _Held) -> None:
        """Keep a connection for the next one, with no transaction open; what is broken, or too much, is closed."""
        connection = held.connection
        with suppress(self._engine.dialect.loaded_dbapi.Error):
            if self._is_sqlite:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            elif connection.pgconn.transaction_status:
                connection.rollback()
        if self._is_lost(held) or len(self._idle) >= self._most_idle:
            held.connection.close()
        else:
            self._idle.append(held)

    def _read(self, held: _Held, calls: Sequence[tuple[Prepared, Values]]) -> list[Rows]:
        connection = held.connection
        session = Session(connection, self._engine.dialect)
        together = len(calls) > 1  # a statement alone is a state of its own
        if self._is_sqlite:
            self._limit(held)
            if together:
                connection.execute("BEGIN")
            found = [session.read(prepared, values) for prepared, values in calls]
            if together:
                connection.execute("COMMIT")
            return found
        connection.autocommit = True
        self._limit(held)  # before: a state can be asked for only where no query came first
        with connection.pipeline() if together else nullcontext():
            if together:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=True)
            cursors = [session.sent(prepared, values) for prepared, values in calls]
            if together:
                connection.execute("COMMIT", prepare=True)
        return [cursor.fetchall() for cursor in cursors]

    def _begun(self, held: _Held) -> Session:
        connection = held.connection
        if not self._is_sqlite:
            connection.autocommit = True
        self._limit(held)
        connection.execute("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")
        return Session(connection, self._engine.dialect)

    def _limit(self, held: _Held) -> None:
        """Let a connection wait and compute no longer than it may."""
        left = milliseconds(self._patience())
        # Work behind which nobody waits may compute as long as it needs; SQLite bounds no computing.
        limits = left, left if Deadline.seconds_left() is not None and not self._is_sqlite else 0
        if all(old <= new <= old / SLACK for new, old in zip(limits, held.limits, strict=True)):
            return
        if self._is_sqlite:
            held.connection.execute(f"PRAGMA busy_timeout={left}")
        else:
            held.connection.execute(_SET, (str(limits[0]), str(limits[1])), prepare=True)
        held.limits = limits


_SET = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"


@dataclass(frozen=True, slots=True)
class AccountDriver:
    """One account's statements on the driver's own connections, and no other's."""

    account: str
    _reads: Driver
    _writes: Driver
    _open: Connection | None = None
    """A transaction whose writes are seen."""

    def read(self, *calls: tuple[Prepared, Values]) -> list[Rows]:
        """Read several statements of one state, within the transaction that is open or else the latest.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        mine = [(prepared, {**values, "account": self.account}) for prepared, values in calls]
        if self._open is not None:
            return [prepared.rows(self._open, values) for prepared, values in mine]
        return self._reads.read(mine)

    @contextmanager
    def writing(self) -> Iterator["AccountSession"]:
        """Open a transaction of its own: committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: it cannot be reached, or is busy until the deadline.
        """
        with self._writes.writing() as session:
            yield AccountSession(session, self.account)

    def within(self, connection: Connection) -> "AccountDriver":
        """Read within a transaction of SQLAlchemy's."""
        return replace(self, _open=connection)


class AccountSession:
    """An open transaction that reads and writes rows of one account."""

    __slots__ = ("_account", "_session")

    def __init__(self, session: Session, account: str) -> None:
        self._session, self._account = session, account

    def read(self, prepared: Prepared, values: Values) -> Rows:
        """Read all rows of a statement, whose parameter `account` is this one."""
        return self._session.read(prepared, {**values, "account": self._account})

    def write(self, prepared: Prepared, fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of this account, whose values are named by `fields`."""
        self._session.write(prepared, self._account, fields, rows)
