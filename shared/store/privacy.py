"""Erasing a contact everywhere it is kept, found by the tables themselves, and writing down what is held."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Table,
    or_,
)

from shared.contracts.rows import Microseconds, contact_hash
from shared.store.batches import note_erasure
from shared.store.dead_letters import DeadLetterTable, erase_named
from shared.store.delivery_tables import (
    AttemptTable,
    DeliveryTable,
    MessageTable,
)
from shared.store.export import Export
from shared.store.idempotency import IdempotencyTable
from shared.store.identities import (
    CONTACT,
    EMAIL,
    IdentityMergeTable,
    IdentityTable,
    any_erased,
    bury,
    count_erasure,
    erased_among,
    merged_ids,
)
from shared.store.imports import note_import_erasure
from shared.store.model_tables import ShadowPredictionTable
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.schema import (
    PredictionTable,
    StoreTable,
)
from shared.store.scope import BATCH, AccountConnection, Scope, select_of


@dataclass(frozen=True, slots=True)
class Erased:
    """Whom to erase, by everything the contact is known by and is kept under."""

    account: str
    contact_ids: Sequence[str]
    """The contact's, and those of before."""
    identities: frozenset[tuple[str, str]]
    """Kind and keyed hash: what late events are recognised by."""

    @property
    def hashes(self) -> list[str]:
        """List the hashes whatever their kind."""
        return sorted({key_hash for _, key_hash in self.identities})


def _merges(erased: Erased) -> ColumnElement[bool]:
    table = IdentityMergeTable
    return or_(
        table.to_contact_id.in_(erased.contact_ids),
        table.from_contact_id.in_(erased.contact_ids),
        table.key_hash.in_(erased.hashes),
    )


def _dead_letters(erased: Erased) -> ColumnElement[bool]:
    table = DeadLetterTable
    named = [table.payload.contains(key_hash, autoescape=True) for key_hash in erased.hashes]
    return or_(table.recipient.in_(erased.hashes), *named)


def _deliveries(erased: Erased) -> ColumnElement[bool]:
    about = MessageTable.contact_id.in_(erased.contact_ids)
    return DeliveryTable.message_id.in_(select_of(erased.account, MessageTable.message_id).where(about))


def _attempts(erased: Erased) -> ColumnElement[bool]:
    made = select_of(erased.account, DeliveryTable.delivery_id).where(_deliveries(erased))
    return AttemptTable.delivery_id.in_(made)


HIDDEN: Final[Mapping[str, Callable[[Erased], ColumnElement[bool]]]] = {
    "identity_merges": _merges,
    "dead_letters": _dead_letters,
    "deliveries": _deliveries,
    "attempts": _attempts,
}
"""Tables that speak of a contact without a column `contact_id`: which of their rows do."""

BLANKED: Final = frozenset({"idempotency_keys"})
"""Tables whose rows stay, without what they say of the contact."""

HASHED: Final = frozenset({"tombstones", "audit", "batch_erasures", "import_erasures"})
"""Tables that keep the hash of who was erased, on purpose: to keep late events out, to prove the erasure, and to take
who was erased out of the files of batches and imports."""


def is_direct(table: Table) -> bool:
    """Whether a table's rows belong to one contact, by the column of that name."""
    return "contact_id" in table.c


@dataclass(frozen=True, slots=True)
class Privacy:
    """Contacts of one account that are to be forgotten, or want to know what is held of them."""

    _scope: Scope

    def erase(self, contact_id: str, *, at: Microseconds, identity_key: bytes | None = None) -> bool:
        """Erase everything kept of a contact, and keep late events out until it is explicitly put again.

        Joins an open transaction, best one that is `alone`; then the write-ahead log is emptied by the worker.
        Predictions lie in another database: they go once this is committed, and who is writing some meanwhile either
        comes before and is waited for, or sees the erasure. Should this process end in between, the worker finds
        them (`erase_late_predictions`).

        Args:
            contact_id: whom.
            at: now.
            identity_key: the installation's; None: the one that the store was opened with.

        Returns:
            Whether the store held anything; if not, nothing is written but whom to take out of the files of batches
            and imports.

        Raises:
            NotFound: there is no such account.
            SettingsRefused: no identity key is known.
        """
        key = identity_key or self._scope.known_key()
        with self._scope.reading() as connection:
            contact_ids = merged_ids(connection, contact_id, key)
        predicted = self._is_predicted(contact_ids)
        with self._scope.writing(alone=True) as connection:  # no event can slip in between
            contact_ids = merged_ids(connection, contact_id, key)
            identities = _identities(connection, contact_id, key)
            erased = Erased(self._scope.account, contact_ids, identities)
            found = _erase(connection, erased) > 0 or predicted
            note_erasure(connection, [contact_hash(one, key) for one in contact_ids], at=at)
            named = {(CONTACT, contact_hash(one, key)) for one in contact_ids}
            note_import_erasure(connection, identities | named, at=at)
            if found:
                count_erasure(connection)
                bury(connection, erased.identities, at=at)
                connection.audit("contact.erased", contact_hash(contact_id, key), at=at)
        self._scope.when_committed(lambda: self._erase_predictions(contact_ids))
        if self._scope.open is None:
            self._scope.store.scrub()
            self._scope.predictions.scrub()
        return found

    def forget(self, identities: Collection[tuple[str, str]], *, at: Microseconds) -> None:
        """Keep late events of somebody out who is no contact, and erase dead letters about them.

        Joins an open transaction.

        Args:
            identities: kind and keyed hash of what the person is known by.
            at: now.
        """
        if not identities:
            return
        erased = Erased(self._scope.account, (), frozenset(identities))
        with self._scope.writing() as connection:
            connection.execute(self._scope.delete(DeadLetterTable).where(_dead_letters(erased)))
            bury(connection, erased.identities, at=at)

    def export(self, contact_id: str, *, at: Microseconds) -> Iterator[bytes]:
        """Write down everything held of a contact.

        Args:
            contact_id: whom.
            at: now.

        Returns:
            Pieces of one JSON document, read while they are taken.

        Raises:
            NotFound: nothing is held.
            SettingsRefused: no identity key is known.
        """
        return Export(self._scope).export(contact_id, at=at)

    def erase_late_predictions(self) -> int:
        """Erase predictions of erased contacts that a service was still working on when they were erased.

        A service answers from what it read before, and logs afterwards, into another database, without the key that
        would show it who was erased. So the worker looks, for accounts that erased somebody, at who has a latest
        prediction, or one made unseen, and is no contact.

        Returns:
            Of how many contacts.
        """
        key, after, gone = self._scope.identity_key, "", 0
        with self._scope.reading() as connection:
            if not any_erased(connection):
                return 0
        while ids := self._predicted(after):
            with self._scope.reading() as connection:
                late = erased_among(connection, ids, key)
            for contact_id in sorted(late):
                self._erase_predictions([contact_id])
            after, gone = ids[-1], gone + len(late)
        return gone

    def _predicted(self, after: str) -> list[str]:
        found = set[str]()
        for table in (LatestPredictionTable, ShadowPredictionTable):
            mine = self._scope.select(table.contact_id).distinct().where(table.contact_id > after)
            with self._scope.reading_predictions() as connection:
                found.update(connection.scalars(mine.order_by(table.contact_id).limit(BATCH)))
        return sorted(found)[:BATCH]

    def _is_predicted(self, contact_ids: Sequence[str]) -> bool:
        with self._scope.reading_predictions() as connection:
            return any(
                connection.execute(
                    self._scope.select(table.c.contact_id).where(table.c.contact_id.in_(contact_ids)).limit(1)
                ).first()
                for table in _predicted_tables()
            )

    def _erase_predictions(self, contact_ids: Sequence[str]) -> None:
        with self._scope.writing_predictions(alone=True) as connection:
            for table in _predicted_tables():
                connection.execute(self._scope.delete(table).where(table.c.contact_id.in_(contact_ids)))


def _predicted_tables() -> list[Table]:
    return [table for table in PredictionTable.metadata.sorted_tables if is_direct(table)]


def _identities(connection: AccountConnection, contact_id: str, key: bytes) -> frozenset[tuple[str, str]]:
    table = IdentityTable
    mine = connection.select(table.kind, table.key_hash).where(table.contact_id == contact_id)
    found = {(kind, key_hash) for kind, key_hash in connection.execute(mine)}
    found.add((CONTACT, contact_hash(contact_id, key)))
    if "@" in contact_id:  # an account may use addresses as ids: then it is known by both
        found.add((EMAIL, contact_hash(contact_id.strip().lower(), key)))
    return frozenset(found)


def _erase(connection: AccountConnection, erased: Erased) -> int:
    found = _blank_kept_responses(connection, erased) + erase_named(connection, erased.contact_ids)
    for table in reversed(StoreTable.metadata.sorted_tables):
        condition: Any = None
        if table.name in HIDDEN:
            condition = HIDDEN[table.name](erased)
        elif is_direct(table):
            condition = table.c.contact_id.in_(erased.contact_ids)
        if condition is not None:
            mine = connection.delete(table).where(condition)
            found += connection.execute(mine).rowcount
    return found


def _blank_kept_responses(connection: AccountConnection, erased: Erased) -> int:
    """Take away kept answers that speak of the contact; their keys stay used."""
    table, keys = IdempotencyTable, set[str]()
    for contact_id in erased.contact_ids:
        about = table.contact_ids.contains(json.dumps(contact_id), autoescape=True)
        likely = connection.select(table.idempotency_key, table.contact_ids).where(about)
        keys |= {key for key, named in connection.execute(likely) if contact_id in json.loads(named or "[]")}
    for key in sorted(keys):
        mine = table.idempotency_key == key
        connection.execute(connection.update(table).where(mine).values(answer=None, contact_ids=None))
    return len(keys)
