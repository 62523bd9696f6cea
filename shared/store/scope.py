"""What every part of an account's store shares: whose it is, and transactions that hold the account in place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TypeVar

from sqlalchemy import Connection, select

from shared.errors import NotFound
from shared.store.sql import Sql
from shared.store.tables import AccountTable

Item = TypeVar("Item")
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

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """Open one transaction for several writes: all are committed when the block ends, or none.

        Reads of the store through the yielded one still see the state before.

        Raises:
            NotFound: there is no such account.
        """
        with self._writing() as connection:
            yield type(self)(self.account, self._store, self._predictions, connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Open a transaction of the store during which the account cannot be deleted, or join the one that is open.

        Raises:
            NotFound: there is no such account.
        """
        if self._connection is not None:
            yield self._connection
            return
        with self._store.writing() as connection:
            held = select(AccountTable.name).where(AccountTable.name == self.account)
            if connection.execute(held.with_for_update(read=True, key_share=True)).first() is None:
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


def batches(items: Sequence[Item], size: int = BATCH) -> Iterator[Sequence[Item]]:
    """Cut a sequence into parts of at most `size`.

    >>> list(batches([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]
