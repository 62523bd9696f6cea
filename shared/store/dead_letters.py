"""Dead letters: items of webhooks that could not be taken, kept for a while and tried again on demand."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Index,
    func,
    or_,
    tuple_,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.store.schema import (
    Instant,
    KeyText,
    LongText,
    OptionalKeyText,
    StoreTable,
)
from shared.store.scope import BATCH, AccountConnection, Scope, batches


class DeadLetterTable(StoreTable):
    """Items of a verified webhook that could not be taken, without what is personal in them."""

    __tablename__ = "dead_letters"
    __table_args__: Any = (Index(None, "account_id", "received_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    dead_letter_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText]
    provider: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[LongText]
    payload: Mapped[LongText]
    """The item as JSON; addresses are keyed hashes, and what could identify a person or a device is left out."""
    recipient: Mapped[OptionalKeyText]
    """Keyed hash of whom it is about, so that an erasure finds it."""
    received_at: Mapped[Instant]
    """When it came last."""
    times: Mapped[int] = mapped_column(server_default="1")
    """How often it came."""


class DeadLetterRow(NamedTuple):
    """An item of a webhook that could not be taken. Field order is the order of the store's columns."""

    dead_letter_id: str
    source_id: str
    provider: str
    reason: str
    """A stable code."""
    detail: str
    payload: str
    """The redacted item, JSON."""
    recipient: str | None
    """Keyed hash of whom it is about."""
    received_at: Microseconds
    times: int = 1
    """How often it came; as written, what is added."""


COLUMNS = tuple(getattr(DeadLetterTable, name) for name in DeadLetterRow._fields)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of one account."""

    _scope: Scope

    def put(self, rows: Sequence[DeadLetterRow]) -> None:
        """Keep letters; one whose id is there is replaced, and came so many times more. Joins an open transaction."""
        if not rows:
            return
        with self._scope.writing() as connection:
            connection.upsert(DeadLetterTable, [row._asdict() for row in sorted(rows)], sums=("times",))

    def counts(self) -> dict[str, dict[str, int]]:
        """Count what is kept, by source and reason, each letter as often as it came."""
        table = DeadLetterTable
        statement = (
            self._scope.select(table.source_id, table.reason, func.sum(table.times))
            .group_by(table.source_id, table.reason)
            .order_by(table.source_id, table.reason)
        )
        found: dict[str, dict[str, int]] = {}
        with self._scope.reading() as connection:
            for source_id, reason, times in connection.execute(statement):
                found.setdefault(source_id, {})[reason] = int(times)
        return found

    def page(
        self,
        limit: int,
        *,
        after: tuple[Microseconds, str] | None = None,
        source_id: str | None = None,
        reason: str | None = None,
    ) -> list[DeadLetterRow]:
        """List letters in the order in which they came.

        Args:
            limit: at most so many.
            after: instant and id of the last one seen.
            source_id: only of this source.
            reason: only with this reason.
        """
        table = DeadLetterTable
        statement = self._scope.select(*COLUMNS)
        if after is not None:
            statement = statement.where(tuple_(table.received_at, table.dead_letter_id) > after)
        if source_id is not None:
            statement = statement.where(table.source_id == source_id)
        if reason is not None:
            statement = statement.where(table.reason == reason)
        with self._scope.reading() as connection:
            ordered = statement.order_by(table.received_at, table.dead_letter_id).limit(limit)
            return [DeadLetterRow(*row) for row in connection.execute(ordered)]

    def find(self, dead_letter_id: str) -> DeadLetterRow | None:
        """Find a letter."""
        table = DeadLetterTable
        mine = table.dead_letter_id == dead_letter_id
        with self._scope.reading() as connection:
            row = connection.execute(self._scope.select(*COLUMNS).where(mine)).first()
        return None if row is None else DeadLetterRow(*row)

    def remove(self, dead_letter_ids: Collection[str]) -> None:
        """Throw letters away; joins an open transaction."""
        table = DeadLetterTable
        with self._scope.writing() as connection:
            for part in batches(sorted(dead_letter_ids)):
                mine = table.dead_letter_id.in_(part)
                connection.execute(self._scope.delete(table).where(mine))

    def delete_before(self, before: Microseconds, *, limit: int = BATCH) -> int:
        """Throw away at most `limit` letters that came before an instant, and return how many."""
        table = DeadLetterTable
        old = (
            self._scope.select(table.dead_letter_id)
            .where(table.received_at < before)
            .order_by(table.received_at)
            .limit(limit)
        )
        with self._scope.writing() as connection:
            found = list(connection.scalars(old))
            if found:
                mine = table.dead_letter_id.in_(found)
                connection.execute(self._scope.delete(table).where(mine))
        return len(found)


_IDS: Final = frozenset({"id", "contactid", "userid", "previousid", "customerid"})
"""Fields in which providers send the account's own id; elsewhere the same text may be anything, such as an event."""


def erase_named(connection: AccountConnection, contact_ids: Sequence[str]) -> int:
    """Delete dead letters that name a contact by the account's own id.

    Args:
        connection: inside a transaction that holds the account.
        contact_ids: ids of the contact, of before too.

    Returns:
        How many there were.
    """
    table, found = DeadLetterTable, set[str]()
    for contact_id in contact_ids:
        named = [table.payload.contains(text, autoescape=True) for text in _spellings(contact_id)]
        likely = connection.select(table.dead_letter_id, table.payload).where(or_(*named))
        for letter, payload in connection.execute(likely):
            if _names(json.loads(payload), contact_id):
                found.add(letter)
    for part in batches(sorted(found)):
        connection.execute(connection.delete(table).where(table.dead_letter_id.in_(part)))
    return len(found)


def _spellings(contact_id: str) -> Iterator[str]:
    """Return how an id may stand in a payload: as a text, as a text in JSON within a text, as a number."""
    text = json.dumps(contact_id)
    yield text
    yield json.dumps(text)[1:-1]
    if contact_id.isascii() and contact_id.isdigit():
        yield from (f"{before}{contact_id}{after}" for before in ":[," for after in ",}]")


def _names(value: Any, contact_id: str) -> bool:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    if isinstance(value, list):
        return any(_names(one, contact_id) for one in value)
    if not isinstance(value, dict):
        return False
    return any(
        (_plain(name) in _IDS and any(_is(one, contact_id) for one in (inner if isinstance(inner, list) else [inner])))
        or _names(inner, contact_id)
        for name, inner in value.items()
    )


def _is(value: Any, contact_id: str) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip() == contact_id


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
