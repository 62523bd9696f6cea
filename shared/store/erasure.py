"""Erasing a contact: everywhere it is kept, found by the tables themselves, and the few places that hide it."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, or_, select, update

from shared.contracts.identity import contact_hash
from shared.contracts.rows import Microseconds
from shared.store.columns import PredictionTable, StoreTable
from shared.store.conduct_tables import IdempotencyTable
from shared.store.erasures import count_one
from shared.store.formers import ids_of
from shared.store.named_letters import erase_named
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.scope import BATCH, Scope, predictions_of, queue
from shared.store.tables import IdentityMergeTable, IdentityTable
from shared.store.tombstones import CONTACT, EMAIL, any_erased, bury, erased_among
from shared.store.webhook_tables import AttemptTable, DeadLetterTable, DeliveryTable, MessageTable


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
    told = [table.payload.contains(key_hash, autoescape=True) for key_hash in erased.hashes]
    return or_(table.recipient.in_(erased.hashes), *told)


def _deliveries(erased: Erased) -> ColumnElement[bool]:
    about = (MessageTable.account_id == erased.account, MessageTable.contact_id.in_(erased.contact_ids))
    return DeliveryTable.message_id.in_(select(MessageTable.message_id).where(*about))


def _attempts(erased: Erased) -> ColumnElement[bool]:
    made = select(DeliveryTable.delivery_id).where(DeliveryTable.account_id == erased.account, _deliveries(erased))
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

HASHED: Final = frozenset({"tombstones", "audit"})
"""Tables that keep the hash of who was erased, on purpose: to keep late events out, and to prove the erasure."""


def is_direct(table: Table) -> bool:
    """Tell whether a table's rows belong to one contact, by the column of that name."""
    return "contact_id" in table.c


class Erasure(Scope):
    """Contacts of one account that are to be forgotten."""

    def erase_contact(self, contact_id: str, *, at: Microseconds, identity_key: bytes | None = None) -> bool:
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
            Whether there was anything; if not, nothing is written.

        Raises:
            NotFound: there is no such account.
            SettingsRefused: no identity key is known.
        """
        key = identity_key or self._known_key()
        with self._reading() as connection:
            contact_ids = ids_of(connection, self.account, contact_id, key)
        predicted = self._is_predicted(contact_ids)
        with self._writing(alone=True) as connection:  # no event can slip in between
            contact_ids = ids_of(connection, self.account, contact_id, key)
            identities = _identities(connection, self.account, contact_id, key)
            erased = Erased(self.account, contact_ids, identities)
            found = _erase(connection, erased) > 0 or predicted
            if found:
                count_one(connection, self.account)
                bury(connection, self.account, erased.identities, at=at)
                self._audit(connection, "contact.erased", contact_hash(contact_id, key), at=at)
        self._when_committed(lambda: self._erase_predictions(contact_ids))
        if self._connection is None:
            self._store.scrub()
            self._predictions.scrub()
        return found

    def forget_identities(self, identities: Collection[tuple[str, str]], *, at: Microseconds) -> None:
        """Keep late events of somebody out who is no contact, and erase dead letters about them.

        Joins an open transaction.

        Args:
            identities: kind and keyed hash of what the person is known by.
            at: now.
        """
        if not identities:
            return
        erased = Erased(self.account, (), frozenset(identities))
        with self._writing() as connection:
            mine = (DeadLetterTable.account_id == self.account, _dead_letters(erased))
            connection.execute(delete(DeadLetterTable).where(*mine))
            bury(connection, self.account, erased.identities, at=at)

    def erase_late_predictions(self) -> int:
        """Erase predictions of erased contacts that a service was still working on when they were erased.

        A service answers from what it read before, and logs afterwards, into another database, without the key that
        would tell it who was erased. So the worker looks, for accounts that erased somebody, at who has a latest
        prediction and is no contact.

        Returns:
            Of how many contacts.
        """
        key, after, gone = self._identity_key, "", 0
        with self._store.reading() as connection:
            if not any_erased(connection, self.account):
                return 0
        while ids := self._predicted(after):
            with self._store.reading() as connection:
                late = erased_among(connection, self.account, ids, key)
            for contact_id in sorted(late):
                self._erase_predictions([contact_id])
            after, gone = ids[-1], gone + len(late)
        return gone

    def _predicted(self, after: str) -> list[str]:
        table = LatestPredictionTable
        statement = (
            select(table.contact_id)
            .distinct()
            .where(table.account_id == self.account, table.contact_id > after)
            .order_by(table.contact_id)
            .limit(BATCH)
        )
        with self._predictions.reading() as connection:
            return list(connection.scalars(statement))

    def _is_predicted(self, contact_ids: Sequence[str]) -> bool:
        with self._predictions.reading() as connection:
            return any(
                connection.execute(
                    select(table.c.contact_id).where(*self._predicted_of(table, contact_ids)).limit(1)
                ).first()
                for table in _predicted_tables()
            )

    def _erase_predictions(self, contact_ids: Sequence[str]) -> None:
        with self._predictions.writing() as connection:
            queue(connection, predictions_of(self.account), alone=True)
            for table in _predicted_tables():
                connection.execute(delete(table).where(*self._predicted_of(table, contact_ids)))

    def _predicted_of(
        self, table: Table, contact_ids: Sequence[str]
    ) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return table.c.account_id == self.account, table.c.contact_id.in_(contact_ids)


def _predicted_tables() -> list[Table]:
    return [table for table in PredictionTable.metadata.sorted_tables if is_direct(table)]


def _identities(connection: Connection, account: str, contact_id: str, key: bytes) -> frozenset[tuple[str, str]]:
    table = IdentityTable
    mine = select(table.kind, table.key_hash).where(table.account_id == account, table.contact_id == contact_id)
    found = {(kind, key_hash) for kind, key_hash in connection.execute(mine)}
    found.add((CONTACT, contact_hash(contact_id, key)))
    if "@" in contact_id:  # an account may use addresses as ids: then it is known by both
        found.add((EMAIL, contact_hash(contact_id.strip().lower(), key)))
    return frozenset(found)


def _erase(connection: Connection, erased: Erased) -> int:
    found = _blank_answers(connection, erased) + erase_named(connection, erased.account, erased.contact_ids)
    for table in reversed(StoreTable.metadata.sorted_tables):
        condition: Any = None
        if table.name in HIDDEN:
            condition = HIDDEN[table.name](erased)
        elif is_direct(table):
            condition = table.c.contact_id.in_(erased.contact_ids)
        if condition is not None:
            mine = delete(table).where(table.c.account_id == erased.account, condition)
            found += connection.execute(mine).rowcount
    return found


def _blank_answers(connection: Connection, erased: Erased) -> int:
    """Take away kept answers that speak of the contact; their keys stay used."""
    table, keys = IdempotencyTable, set[str]()
    for contact_id in erased.contact_ids:
        about = table.contact_ids.contains(json.dumps(contact_id), autoescape=True)
        likely = select(table.idempotency_key, table.contact_ids).where(table.account_id == erased.account, about)
        keys |= {key for key, named in connection.execute(likely) if contact_id in json.loads(named or "[]")}
    for key in sorted(keys):
        mine = (table.account_id == erased.account, table.idempotency_key == key)
        connection.execute(update(table).where(*mine).values(answer=None, contact_ids=None))
    return len(keys)
