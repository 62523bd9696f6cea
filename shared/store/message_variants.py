"""The catalogue of an account's messages: what may be chosen for a contact, and who is eligible.

A service that holds the catalogue asks for the `revision` alone, a read of one row, and reads `all` again when that
is another one. A revision is the instant of a write, moved on where the one before is not earlier.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import SelectBase, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.message_variant import MAX_MESSAGES, MessageVariant
from shared.contracts.rows import Microseconds
from shared.errors import Conflict
from shared.store.driver import Prepared
from shared.store.schema import CLUSTERED, Instant, KeyText, LongText, StoreTable
from shared.store.scope import AccountConnection, Scope, batches, select_by_parameter


class MessageVariantTable(StoreTable):
    """What an account says of its messages, clustered by id."""

    __tablename__ = "message_variants"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    message_id: Mapped[KeyText] = mapped_column(primary_key=True)
    definition: Mapped[LongText]
    updated_at: Mapped[Instant]
    """The catalogue's revision with which it changed last."""


class MessageCatalogueTable(StoreTable):
    """One row an account that has, or had, messages: writers take turns on it."""

    __tablename__ = "message_catalogues"

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    revision: Mapped[Instant]
    salt: Mapped[str]
    """Says who is of the control group; drawn with the first message, and never changed."""


class MessageChange(NamedTuple):
    """What a PUT, or the command line, says of a message."""

    message_id: str
    fields: Mapping[str, Any]
    """As `MessageVariantFields.given()` returns them: what is left out stays as it is, None takes it away."""


class StoredMessage(NamedTuple):
    """A message, and when it changed last."""

    message: MessageVariant
    updated_at: Microseconds


_COLUMNS = (MessageVariantTable.message_id, MessageVariantTable.definition, MessageVariantTable.updated_at)
_ALIASES: Final = {"from_": "from"}


@dataclass(frozen=True, slots=True)
class MessageVariants:
    """The messages of one account."""

    _scope: Scope

    def revision(self) -> Microseconds:
        """Return what another one than before says that something changed; 0: there never was a message."""
        (found,) = self._scope.direct.read((_CATALOGUE, {}))
        return int(found[0][0]) if found else 0

    def salt(self) -> str | None:
        """Return by what the control group is drawn, 32 hexadecimal digits; None: there never was a message.

        It stays as long as the account, and is in no answer: who knows it can choose an id for its group.
        """
        (found,) = self._scope.direct.read((_CATALOGUE, {}))
        return str(found[0][1]) if found else None

    def all(self) -> list[MessageVariant]:
        """List all messages by id, also those that do not run; read the revision before."""
        return [stored.message for stored in self.page(MAX_MESSAGES)]

    def find(self, message_id: str) -> StoredMessage | None:
        """Find a message."""
        with self._scope.reading() as connection:
            return _stored(connection, [message_id]).get(message_id)

    def page(self, limit: int, *, after: str | None = None) -> list[StoredMessage]:
        """List messages by id.

        Args:
            limit: at most so many; fewer only at the end.
            after: the id of the last one seen.
        """
        statement = self._scope.select(*_COLUMNS).order_by(MessageVariantTable.message_id).limit(limit)
        if after is not None:
            statement = statement.where(MessageVariantTable.message_id > after)
        with self._scope.reading() as connection:
            return [_read(*row) for row in connection.execute(statement)]

    def put(
        self,
        changes: Sequence[MessageChange],
        *,
        at: Microseconds,
        creates: bool = True,
        most: int = MAX_MESSAGES,
    ) -> list[str]:
        """Create or update messages in one transaction; joins an open one.

        Args:
            changes: any number; the same message twice is updated twice.
            at: now.
            creates: whether a message that is not there is made.
            most: how many messages the account may have.

        Returns:
            For each change "created", "updated" or "unchanged"; without `creates` also "missing"; "refused": with
            what is stored already, it would end before it begins.

        Raises:
            Conflict: the account would have too many messages; nothing is written.
        """
        with self._scope.writing() as connection:
            turn = _CatalogueTurn.of(connection, at, {change.message_id for change in changes})
            words = [turn.put(change, creates=creates) for change in changes]
            turn.end(connection, most)
        return words

    def add_missing(self, message_ids: Collection[str], *, at: Microseconds, most: int = MAX_MESSAGES) -> list[str]:
        """Make messages that another tool chose and nobody described; they are not active. Joins an open transaction.

        Args:
            message_ids: any number; those that are there stay as they are.
            at: now.
            most: how many messages the account may have.

        Returns:
            Those that are new, by id.

        Raises:
            Conflict: the account would have too many messages; nothing is written.
        """
        with self._scope.writing() as connection:
            if not set(message_ids) - _stored(connection, message_ids).keys():
                return []
            turn = _CatalogueTurn.of(connection, at, message_ids)
            missing = sorted(set(message_ids) - turn.stored.keys())
            for message_id in missing:
                turn.put(MessageChange(message_id, {"active": False}), creates=True)
            turn.end(connection, most)
        return missing

    def delete(self, message_ids: Collection[str], *, at: Microseconds) -> int:
        """Take messages out of the catalogue, and return how many were there; decisions that name them stay."""
        with self._scope.writing() as connection:
            turn = _CatalogueTurn.of(connection, at, message_ids)
            for part in batches(sorted(turn.stored)):
                connection.execute(
                    connection.delete(MessageVariantTable).where(MessageVariantTable.message_id.in_(part))
                )
            for message_id in sorted(turn.stored):
                connection.audit("message.deleted", message_id)
            turn.changed = bool(turn.stored)
            turn.end(connection, MAX_MESSAGES)
        return len(turn.stored)


@dataclass(slots=True)
class _CatalogueTurn:
    """One write of a catalogue: whoever writes it next waits until this one is committed."""

    revision: Microseconds
    stored: dict[str, StoredMessage]
    """Those that are named, as they are, and as they become."""
    new: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    changed: bool = False

    @classmethod
    def of(cls, connection: AccountConnection, at: Microseconds, message_ids: Collection[str]) -> "_CatalogueTurn":
        table = MessageCatalogueTable
        connection.insert_missing(table, [{"revision": 0, "salt": secrets.token_hex(16)}])
        before = connection.scalar(connection.select(table.revision).with_for_update())
        return cls(max(at, before + 1), _stored(connection, message_ids))

    def put(self, change: MessageChange, *, creates: bool) -> str:
        message_id, old = change.message_id, self.stored.get(change.message_id)
        if old is None and not creates:
            return "missing"
        stated = {} if old is None else old.message.model_dump(by_alias=True)
        stated |= {_ALIASES.get(name, name): value for name, value in change.fields.items()}
        begins, ends = stated.get("from"), stated.get("until")
        if begins is not None and ends is not None and ends <= begins:
            return "refused"
        message = MessageVariant.model_validate({**stated, "id": message_id})
        if old is not None and message == old.message:
            return "unchanged"
        self.stored[message_id] = StoredMessage(message, self.revision)
        self.written.add(message_id)
        if old is None:
            self.new.add(message_id)
        return "created" if old is None else "updated"

    def end(self, connection: AccountConnection, most: int) -> None:
        if self.new:
            there = connection.scalar(connection.select(func.count(), of=MessageVariantTable))
            if there + len(self.new) > most:
                raise Conflict(
                    f"An account has at most {most:,} messages; delete what runs no longer.", max_messages=most
                )
        rows = [_row(self.stored[message_id]) for message_id in sorted(self.written)]
        connection.upsert(MessageVariantTable, rows)
        if self.written or self.changed:
            connection.execute(connection.update(MessageCatalogueTable).values(revision=self.revision))


def _stored(connection: AccountConnection, message_ids: Collection[str]) -> dict[str, StoredMessage]:
    found = dict[str, StoredMessage]()
    for part in batches(sorted(set(message_ids))):
        mine = connection.select(*_COLUMNS).where(MessageVariantTable.message_id.in_(part))
        found |= {row.message_id: _read(*row) for row in connection.execute(mine)}
    return found


def _read(message_id: str, definition: str, updated_at: Microseconds) -> StoredMessage:
    return StoredMessage(MessageVariant(id=message_id, **orjson.loads(definition)), updated_at)


def _row(stored: StoredMessage) -> dict[str, Any]:
    message = stored.message
    definition = message.model_dump_json(by_alias=True, exclude={"id"})
    return {"message_id": message.id, "definition": definition, "updated_at": stored.updated_at}


def _catalogue(_: bool) -> SelectBase:
    return select_by_parameter(MessageCatalogueTable.revision, MessageCatalogueTable.salt)


_CATALOGUE = Prepared(_catalogue)
