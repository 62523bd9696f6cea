"""What every part of an account's store shares: whose it is, and transactions that hold the account in place."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, func, insert, select

from shared.contracts.rows import Microseconds
from shared.errors import NotFound, SettingsRefused
from shared.store.conduct_tables import AuditTable
from shared.store.sql import Joined, Sql
from shared.store.tables import AccountTable

Item = TypeVar("Item")
SYSTEM = "system"
"""Who acts when nobody in particular does."""
BATCH = 1_000
"""Keys in one IN list."""


class Scope:
    """One account's view of both databases."""

    def __init__(self, account: str, store: Sql, predictions: Sql, connection: Connection | None = None) -> None:
        """Bind the account; nothing is opened.

        Args:
            account: its name.
            store: the database of contacts, events, outcomes and models.
            predictions: the database of predictions.
            connection: a transaction of the store that holds the account; writes join it. None: each has its own.
        """
        self.account = account
        self._store = store
        self._predictions = predictions
        self._connection = connection
        self._alone = False
        self._actor = SYSTEM
        self._acting_at: Microseconds | None = None
        self._identity_key: bytes | None = None
        self._last: list[Callable[[], None]] | None = None

    def acting(self, actor: str, *, at: Microseconds) -> Self:
        """Take the same store in somebody's hands: the audit log names them.

        Args:
            actor: public id of a key, or `command line`.
            at: now.
        """
        theirs = copy(self)
        theirs._actor, theirs._acting_at = actor, at
        return theirs

    def hashing(self, identity_key: bytes | None) -> Self:
        """Take the same store, with the key under which it recognises who was erased.

        Args:
            identity_key: the installation's; None: it is not known here, and nobody new can be taken in where
                somebody was erased.
        """
        theirs = copy(self)
        theirs._identity_key = identity_key
        return theirs

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[Self]:
        """Open one transaction for several writes: all are committed when the block ends, or none.

        What is read of the store through the yielded one sees what was written so far.

        Args:
            alone: whether to wait for every other writer of the account and keep new ones out.

        Raises:
            NotFound: there is no such account.
        """
        last: list[Callable[[], None]] = []
        with self._writing(alone=alone) as connection:
            joined = copy(self)
            joined._store, joined._connection = Joined(self._store, connection), connection
            joined._alone = alone or self._alone
            joined._last = last if self._last is None else self._last
            yield joined
        for act in last:
            act()

    def _when_committed(self, act: Callable[[], None]) -> None:
        """Do something once the open transaction is committed, and not if it is undone; at once where none is open."""
        if self._last is None:
            act()
        else:
            self._last.append(act)

    @property
    def is_alone(self) -> bool:
        """Tell whether nobody else writes of this account during the open transaction."""
        return self._alone or self._store.is_sqlite

    @contextmanager
    def _writing(self, *, alone: bool = False) -> Iterator[Connection]:
        """Open a transaction of the store during which the account cannot be deleted, or join the one that is open.

        Args:
            alone: whether other writers of the account are waited for, and new ones kept out. Asked for at the
                beginning: two that share the account first, and want it alone then, wait for each other for ever.

        Raises:
            NotFound: there is no such account.
        """
        held = select(AccountTable.name).where(AccountTable.name == self.account)
        if self._connection is not None:
            if alone and not self._alone:
                self._connection.execute(held.with_for_update()).one()
            yield self._connection
            return
        with self._store.writing() as connection:
            held = held.with_for_update() if alone else held.with_for_update(read=True, key_share=True)
            queue(connection, self.account, alone=alone)
            if connection.execute(held).first() is None:
                raise NotFound(f"There is no account {self.account}; create it with `foretell accounts create`.")
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Read within the transaction that is open, where its own writes are seen, else the latest state."""
        if self._connection is not None:
            yield self._connection
            return
        with self._store.reading() as connection:
            yield connection

    def _audit(
        self, connection: Connection, action: str, target: str, *, at: Microseconds | None = None, **detail: Any
    ) -> None:
        """Write an administrative action into the audit log, in the transaction of the action.

        Args:
            connection: of the transaction.
            action: `key.created`.
            target: what was acted on; of a contact only its hash.
            at: now; None: when the actor acts, and where nobody does nothing is written.
            detail: facts worth knowing later, JSON; no secret and nothing personal.
        """
        at = self._acting_at if at is None else at
        if at is None:
            return
        # The entries are numbered, so those of an account take turns on its row.
        turn = select(AccountTable.name).where(AccountTable.name == self.account).with_for_update(key_share=True)
        connection.execute(turn).one()
        last = select(func.max(AuditTable.number)).where(AuditTable.account_id == self.account)
        entry = {
            "account_id": self.account,
            "number": (connection.execute(last).scalar() or 0) + 1,
            "at": at,
            "actor": self._actor,
            "action": action,
            "target": target,
            "detail": json.dumps(detail, sort_keys=True, allow_nan=False),
        }
        connection.execute(insert(AuditTable), entry)

    def _known_key(self) -> bytes:
        """Tell the identity key.

        Raises:
            SettingsRefused: this process was not given it.
        """
        if self._identity_key is None:
            raise SettingsRefused("FORETELL_IDENTITY_KEY is not set: without it nobody knows who was erased.")
        return self._identity_key


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
