"""Answers to requests that named an idempotency key: the first is kept, and given again."""

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from shared.contracts.rows import Microseconds
from shared.store.conduct_tables import IdempotencyTable
from shared.store.rows import AnswerRow
from shared.store.scope import Scope
from shared.store.statements import insert


class Answers(Scope):
    """The kept answers of one account."""

    def begin_answer(self, first: AnswerRow, *, stuck_before: Microseconds, expired_before: Microseconds) -> AnswerRow:
        """Claim the right to answer under a key, unless it is taken.

        Args:
            first: the claim as it would be kept; without status and answer.
            stuck_before: the same request unanswered since then died: its claim is taken over.
            expired_before: a key used before then is as good as new.

        Returns:
            The row as it stands: the given one, or that of an earlier request.
        """
        known = self.kept_answer(first.key)
        if known is not None and not _is_free(known, first, stuck_before, expired_before):
            return known
        with self._writing() as connection:
            values = {
                "operation": first.operation,
                "fingerprint": first.fingerprint,
                "claim": first.claim,
                "begun_at": first.begun_at,
                "status": None,
                "answer": None,
                "contact_ids": None,
            }
            identity = {"account_id": self.account, "idempotency_key": first.key}
            connection.execute(insert(connection, IdempotencyTable).on_conflict_do_nothing(), [identity | values])
            died = IdempotencyTable.status.is_(None) & (IdempotencyTable.begun_at <= stuck_before)
            free = or_(
                died & (IdempotencyTable.fingerprint == first.fingerprint),
                IdempotencyTable.begun_at <= expired_before,
            )
            connection.execute(update(IdempotencyTable).where(self._under(first.key), free).values(values))
            row = _row(connection, self._under(first.key))
        return first if row is None else row

    def kept_answer(self, key: str) -> AnswerRow | None:
        """Find what is kept under a key."""
        with self._store.reading() as connection:
            return _row(connection, self._under(key))

    def hold_claim(self, key: str, claim: str) -> bool:
        """Keep a claim from being taken over until the open transaction ends; False: it was taken over already."""
        mine = self._under(key) & _unanswered(claim)
        with self._writing() as connection:
            held = select(IdempotencyTable.claim).where(mine).with_for_update()
            return connection.execute(held).first() is not None

    def keep_answer(self, key: str, claim: str, *, status: int, answer: str, contact_ids: str | None) -> None:
        """Keep the answer to a claimed key; nothing changes when the claim was taken over.

        Args:
            key: as the client named it.
            claim: by which the right to answer was claimed.
            status: HTTP status.
            answer: sealed.
            contact_ids: JSON list of whom it speaks; None: of nobody.
        """
        mine = self._under(key) & _unanswered(claim)
        with self._writing() as connection:
            values = {"status": status, "answer": answer, "contact_ids": contact_ids}
            connection.execute(update(IdempotencyTable).where(mine).values(values))

    def release_claim(self, key: str, claim: str) -> None:
        """Give the right to answer back: the request came to nothing and may be sent again."""
        with self._writing() as connection:
            connection.execute(delete(IdempotencyTable).where(self._under(key) & _unanswered(claim)))

    def delete_answers_before(self, begun_before: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` answers to requests that began earlier.

        Returns:
            How many were deleted.
        """
        table = IdempotencyTable
        old = (
            select(table.idempotency_key)
            .where(table.account_id == self.account, table.begun_at < begun_before)
            .order_by(table.begun_at)
            .limit(limit)
        )
        with self._writing() as connection:
            mine = (table.account_id == self.account) & table.idempotency_key.in_(old)
            return connection.execute(delete(table).where(mine)).rowcount

    def _under(self, key: str) -> ColumnElement[bool]:
        return (IdempotencyTable.account_id == self.account) & (IdempotencyTable.idempotency_key == key)


def _unanswered(claim: str) -> ColumnElement[bool]:
    return (IdempotencyTable.claim == claim) & IdempotencyTable.status.is_(None)


def _is_free(known: AnswerRow, first: AnswerRow, stuck_before: Microseconds, expired_before: Microseconds) -> bool:
    died = known.status is None and known.begun_at <= stuck_before and known.fingerprint == first.fingerprint
    return died or known.begun_at <= expired_before


def _row(connection: Connection, condition: ColumnElement[bool]) -> AnswerRow | None:
    statement = select(
        IdempotencyTable.idempotency_key,
        IdempotencyTable.operation,
        IdempotencyTable.fingerprint,
        IdempotencyTable.claim,
        IdempotencyTable.begun_at,
        IdempotencyTable.status,
        IdempotencyTable.answer,
    ).where(condition)
    row = connection.execute(statement).first()
    return None if row is None else AnswerRow(*row)
