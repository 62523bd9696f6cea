"""Everything held of a contact as one JSON document, written piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, select, tuple_

from shared.contracts.bounds import read_all
from shared.contracts.identity import contact_hash
from shared.contracts.instants import instant_of
from shared.contracts.rows import ALWAYS, Microseconds
from shared.errors import NotFound
from shared.store.formers import ids_of
from shared.store.prediction_tables import LatestPredictionTable, PredictionLogTable
from shared.store.scope import Scope
from shared.store.tables import (
    AssignmentTable,
    AttributeTable,
    ContactTable,
    EventTable,
    IdentityMergeTable,
    IdentityTable,
)
from shared.store.webhook_tables import DeadLetterTable, MessageTable, StandingTable

PAGE = 2_000
"""Rows read at once; between pages nothing is held open, however slowly somebody reads."""
_UNSAID = frozenset({"account_id", "contact_id", "to_contact_id", "from_contact_id", "recipient"})
"""Columns left out: the same in every row, or another contact's id."""
_INSTANTS = frozenset({"cutoff", "valid_from", "send_at"})
_JSON = frozenset({"consent", "properties", "body", "data", "payload", "value"})

SECTIONS: Final[Mapping[str, Any]] = {
    "contact": ContactTable,
    "attributes": AttributeTable,
    "identities": IdentityTable,
    "identity_merges": IdentityMergeTable,
    "assignments": AssignmentTable,
    "standings": StandingTable,
    "messages": MessageTable,
    "dead_letters": DeadLetterTable,
    "events": EventTable,
    "latest_predictions": LatestPredictionTable,
    "predictions": PredictionLogTable,
}
"""Parts of the document in their order, and the tables that they come from."""

UNSAID_TABLES: Final = frozenset(
    {"stale_contacts", "idempotency_keys", "deliveries", "attempts", "tombstones", "audit"}
)
"""What says nothing of the person: that something waits, answers kept for a day, how messages travelled."""


class Export(Scope):
    """What is held of single contacts of one account."""

    def export_contact(self, contact_id: str, *, at: Microseconds) -> Iterator[bytes]:
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
        key = self._known_key()
        with self._store.reading() as connection:
            contact_ids = ids_of(connection, self.account, contact_id, key)
        if not any(self._page(section, contact_ids, None, limit=1) for section in SECTIONS):
            raise NotFound("There is no contact of this id in this account.")
        with self._writing() as connection:
            self._audit(connection, "contact.exported", contact_hash(contact_id, key), at=at)
        return self._document(contact_ids, at)

    def _document(self, contact_ids: Sequence[str], at: Microseconds) -> Iterator[bytes]:
        head = _json({"contact_id": contact_ids[0], "exported_at": instant_of(at)})
        yield head.removesuffix(b"}")
        for section in SECTIONS:
            yield b',"' + section.encode() + b'":'
            if section == "contact":
                found = self._page(section, contact_ids, None, limit=1)
                yield _json(_said(found[0]) if found else None)
            else:
                yield from self._listed(section, contact_ids)
        yield b"}"

    def _listed(self, section: str, contact_ids: Sequence[str]) -> Iterator[bytes]:
        key = [column.name for column in SECTIONS[section].__table__.primary_key]
        after, opened = None, b"["
        while rows := self._page(section, contact_ids, after, limit=PAGE):
            for row in rows:
                yield opened + _json(_said(row))
                opened = b","
            after = tuple(rows[-1][name] for name in key)
        yield b"[]" if opened == b"[" else b"]"

    def _page(
        self, section: str, contact_ids: Sequence[str], after: tuple[Any, ...] | None, *, limit: int
    ) -> list[dict[str, Any]]:
        table = SECTIONS[section].__table__
        key = list(table.primary_key)
        statement = select(table).where(table.c.account_id == self.account, self._about(section, contact_ids))
        if after is not None:
            statement = statement.where(tuple_(*key) > after)
        sql = self._predictions if section in ("latest_predictions", "predictions") else self._store
        with sql.reading() as connection:
            rows = connection.execute(statement.order_by(*key).limit(limit))
            return [dict(row._mapping) for row in rows]

    def _about(self, section: str, contact_ids: Sequence[str]) -> ColumnElement[bool]:
        if section == "identity_merges":
            merges = IdentityMergeTable
            return merges.to_contact_id.in_(contact_ids) | merges.from_contact_id.in_(contact_ids)
        if section == "dead_letters":
            known = select(IdentityTable.key_hash).where(
                IdentityTable.account_id == self.account, IdentityTable.contact_id == contact_ids[0]
            )
            own = contact_hash(contact_ids[0], self._known_key())
            return DeadLetterTable.recipient.in_(known) | (DeadLetterTable.recipient == own)
        about: ColumnElement[bool] = SECTIONS[section].__table__.c.contact_id.in_(contact_ids)
        return about


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items() if name not in _UNSAID}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at") or name in _INSTANTS:
        return None if value == ALWAYS else instant_of(value)
    if name in _JSON and isinstance(value, str):
        return read_all(value)
    return value
