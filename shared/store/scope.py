"""One account bound once: its open transaction, who acts, and connections that reach its rows alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Delete, Update, func, select

from shared.contracts.rows import Microseconds
from shared.errors import NotFound, SettingsRefused
from shared.store.schema import AccountTable
from shared.store.sql import Sql
from shared.store.statements import AccountConnection, AnySelect, delete_of, select_of, update_of

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
    identity_key: bytes | None = None
    """Recognises who was erased; None: nobody new can be taken in where somebody was."""
    actor: str = SYSTEM
    acting_at: Microseconds | None = None
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
            yield replace(self, open=opened)
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
    turn = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
    connection.execute(select(turn(func.hashtextextended(account, 0))))


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
