"""What was taken once: answers to requests that named an idempotency key, and providers' events already received."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Index, or_, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.store.schema import CLUSTERED, Instant, KeyText, OptionalLongText, StoreTable
from shared.store.scope import BATCH, AccountConnection, Scope, batches


class IdempotencyTable(StoreTable):
    """The first answer to a request that named an idempotency key."""

    __tablename__ = "idempotency_keys"
    __table_args__: Any = (Index(None, "account_id", "begun_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    idempotency_key: Mapped[KeyText] = mapped_column(primary_key=True)
    """SHA-256 of the client's text."""
    operation: Mapped[str]
    """Method and path of the route, without ids."""
    fingerprint: Mapped[str]
    """SHA-256 of method, path, query and body."""
    claim: Mapped[str]
    """Random name of the request that may answer; whoever takes over after it died writes its own."""
    begun_at: Mapped[Instant]
    status: Mapped[int | None]
    """None while the first request is being answered."""
    answer: Mapped[OptionalLongText]
    """Sealed: answers may hold what is shown once, such as a signing secret. None with a status: erased."""
    contact_ids: Mapped[OptionalLongText]
    """JSON list of whom the answer speaks, so that an erasure finds it."""


class ReceivedEventTable(StoreTable):
    """A provider's own id of each event already received, so that sending it twice changes nothing."""

    __tablename__ = "receipts"
    __table_args__: Any = (Index(None, "account_id", "received_at"), CLUSTERED)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText] = mapped_column(primary_key=True)
    receipt: Mapped[KeyText] = mapped_column(primary_key=True)
    received_at: Mapped[Instant]


class IdempotencyRow(NamedTuple):
    """The first answer under an idempotency key, or the claim to give it."""

    key: str
    operation: str
    """Method and path of the route."""
    fingerprint: str
    claim: str
    """Random name of the request that may answer."""
    begun_at: Microseconds
    status: int | None = None
    """None: not answered yet."""
    answer: str | None = None
    """Sealed; None with a status: erased with a contact."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The kept answers of one account, and the providers' events that it received."""

    _scope: Scope

    def begin(
        self, first: IdempotencyRow, *, stuck_before: Microseconds, expired_before: Microseconds
    ) -> IdempotencyRow:
        """Claim the right to answer under a key, unless it is taken.

        Args:
            first: the claim as it would be kept; without status and answer.
            stuck_before: the same request unanswered since then died: its claim is taken over.
            expired_before: a key used before then is as good as new.

        Returns:
            The row as it stands: the given one, or that of an earlier request.
        """
        known = self.find(first.key)
        if known is not None and not _is_free(known, first, stuck_before, expired_before):
            return known
        with self._scope.writing() as connection:
            values = {
                "operation": first.operation,
                "fingerprint": first.fingerprint,
                "claim": first.claim,
                "begun_at": first.begun_at,
                "status": None,
                "answer": None,
                "contact_ids": None,
            }
            connection.insert_missing(IdempotencyTable, [{"idempotency_key": first.key, **values}])
            died = IdempotencyTable.status.is_(None) & (IdempotencyTable.begun_at <= stuck_before)
            free = or_(
                died & (IdempotencyTable.fingerprint == first.fingerprint),
                IdempotencyTable.begun_at <= expired_before,
            )
            connection.execute(self._scope.update(IdempotencyTable).where(self._under(first.key), free).values(values))
            row = _row(connection, self._under(first.key))
        return first if row is None else row

    def find(self, key: str) -> IdempotencyRow | None:
        """Find what is kept under a key."""
        with self._scope.reading() as connection:
            return _row(connection, self._under(key))

    def hold(self, key: str, claim: str) -> bool:
        """Keep a claim from being taken over until the open transaction ends; False: it was taken over already."""
        mine = self._under(key) & _unanswered(claim)
        with self._scope.writing() as connection:
            held = self._scope.select(IdempotencyTable.claim).where(mine).with_for_update()
            return connection.execute(held).first() is not None

    def keep(self, key: str, claim: str, *, status: int, answer: str, contact_ids: str | None) -> None:
        """Keep the answer to a claimed key; nothing changes when the claim was taken over.

        Args:
            key: as the client named it.
            claim: by which the right to answer was claimed.
            status: HTTP status.
            answer: sealed.
            contact_ids: JSON list of whom it speaks; None: of nobody.
        """
        mine = self._under(key) & _unanswered(claim)
        with self._scope.writing() as connection:
            values = {"status": status, "answer": answer, "contact_ids": contact_ids}
            connection.execute(self._scope.update(IdempotencyTable).where(mine).values(values))

    def release(self, key: str, claim: str) -> None:
        """Give the right to answer back: the request came to nothing and may be sent again."""
        with self._scope.writing() as connection:
            connection.execute(self._scope.delete(IdempotencyTable).where(self._under(key) & _unanswered(claim)))

    def delete_before(self, begun_before: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` answers to requests that began earlier.

        Returns:
            How many were deleted.
        """
        table = IdempotencyTable
        old = (
            self._scope.select(table.idempotency_key)
            .where(table.begun_at < begun_before)
            .order_by(table.begun_at)
            .limit(limit)
        )
        with self._scope.writing() as connection:
            mine = table.idempotency_key.in_(old)
            return connection.execute(self._scope.delete(table).where(mine)).rowcount

    def add_received(self, source_id: str, receipts: Collection[str], *, at: Microseconds) -> set[str]:
        """Note what a source sent; joins an open transaction, so that it is noted exactly when it is taken.

        Args:
            source_id: who sent it.
            receipts: its ids of events.
            at: now.

        Returns:
            Those that were not noted before.
        """
        if not receipts:
            return set()
        rows = [{"source_id": source_id, "receipt": receipt, "received_at": at} for receipt in sorted(receipts)]
        with self._scope.writing() as connection:
            return set(connection.insert_new(ReceivedEventTable, rows, ReceivedEventTable.receipt).scalars())

    def received(self, source_id: str, receipts: Collection[str]) -> set[str]:
        """Return which of some ids are noted."""
        table, known = ReceivedEventTable, set[str]()
        with self._scope.reading() as connection:
            for part in batches(sorted(receipts)):
                mine = table.source_id == source_id
                known.update(connection.scalars(self._scope.select(table.receipt).where(mine, table.receipt.in_(part))))
        return known

    def delete_received_before(self, before: Microseconds, *, limit: int = BATCH) -> int:
        """Forget at most `limit` ids noted before an instant, and return how many."""
        table = ReceivedEventTable
        old = (
            self._scope.select(table.source_id, table.receipt)
            .where(table.received_at < before)
            .order_by(table.received_at)
            .limit(limit)
        )
        with self._scope.writing() as connection:
            found = [(source_id, receipt) for source_id, receipt in connection.execute(old)]
            if found:
                these = tuple_(table.source_id, table.receipt).in_(found)
                connection.execute(self._scope.delete(table).where(these))
        return len(found)

    def _under(self, key: str) -> ColumnElement[bool]:
        return IdempotencyTable.idempotency_key == key


def _unanswered(claim: str) -> ColumnElement[bool]:
    return (IdempotencyTable.claim == claim) & IdempotencyTable.status.is_(None)


def _is_free(
    known: IdempotencyRow, first: IdempotencyRow, stuck_before: Microseconds, expired_before: Microseconds
) -> bool:
    died = known.status is None and known.begun_at <= stuck_before and known.fingerprint == first.fingerprint
    return died or known.begun_at <= expired_before


def _row(connection: AccountConnection, condition: ColumnElement[bool]) -> IdempotencyRow | None:
    statement = connection.select(
        IdempotencyTable.idempotency_key,
        IdempotencyTable.operation,
        IdempotencyTable.fingerprint,
        IdempotencyTable.claim,
        IdempotencyTable.begun_at,
        IdempotencyTable.status,
        IdempotencyTable.answer,
    ).where(condition)
    row = connection.execute(statement).first()
    return None if row is None else IdempotencyRow(*row)
