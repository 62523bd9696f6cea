"""Everything held of a contact as one JSON document, written piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, tuple_

from shared.contracts.rows import ALWAYS, Microseconds, contact_hash, instant_of
from shared.contracts.validation import read_all
from shared.errors import NotFound
from shared.store.assignments import AssignmentTable
from shared.store.change_detection import LastKnownStateTable
from shared.store.contact_facts import AttributeTable, ContactTable
from shared.store.dead_letters import DeadLetterTable
from shared.store.decisions import MessageDecisionTable
from shared.store.delivery_tables import MessageTable
from shared.store.events import EventTable
from shared.store.identities import IdentityMergeTable, IdentityTable, merged_ids
from shared.store.model_tables import ShadowPredictionTable
from shared.store.prediction_tables import LatestPredictionTable, PredictionLogTable
from shared.store.schema import PredictionTable
from shared.store.scope import Scope

PAGE = 2_000
"""Rows read at once; between pages nothing is held open, however slowly somebody reads."""
_UNSAID = frozenset({"account_id", "contact_id", "to_contact_id", "from_contact_id", "recipient", "candidates_id"})
"""Columns left out: the same in every row, another contact's id, or that of a list that says nothing of the contact."""
_INSTANTS = frozenset({"cutoff", "valid_from", "send_at"})
_JSON = frozenset({"consent", "properties", "body", "data", "payload", "value"})

SECTIONS: Final[Mapping[str, Any]] = {
    "contact": ContactTable,
    "attributes": AttributeTable,
    "identities": IdentityTable,
    "identity_merges": IdentityMergeTable,
    "assignments": AssignmentTable,
    "decisions": MessageDecisionTable,
    "standings": LastKnownStateTable,
    "messages": MessageTable,
    "dead_letters": DeadLetterTable,
    "events": EventTable,
    "latest_predictions": LatestPredictionTable,
    "predictions": PredictionLogTable,
    "shadow_predictions": ShadowPredictionTable,
}
"""Parts of the document in their order, and the tables that they come from."""

UNSAID_TABLES: Final = frozenset(
    {
        "stale_contacts",
        "idempotency_keys",
        "deliveries",
        "attempts",
        "tombstones",
        "audit",
        "batch_erasures",
        "import_contacts",
        "import_erasures",
    }
)
"""What says nothing of the person: that something waits, answers kept for a day, how messages travelled."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is held of single contacts of one account."""

    _scope: Scope

    def export(self, contact_id: str, *, at: Microseconds) -> Iterator[bytes]:
        """Write down everything held of a contact; see `Privacy.export`."""
        key = self._scope.known_key()
        with self._scope.reading() as connection:
            contact_ids = merged_ids(connection, contact_id, key)
        if not any(self._page(section, contact_ids, None, limit=1) for section in SECTIONS):
            raise NotFound("There is no contact of this id in this account.")
        with self._scope.writing() as connection:
            connection.audit("contact.exported", contact_hash(contact_id, key), at=at)
        return self._document(contact_ids, at)

    def _document(self, contact_ids: Sequence[str], at: Microseconds) -> Iterator[bytes]:
        head = _json({"contact_id": contact_ids[0], "exported_at": instant_of(at)})
        yield head.removesuffix(b"}")
        for section in SECTIONS:
            yield b',"' + section.encode() + b'":'
            if section == "contact":
                found = self._page(section, contact_ids, None, limit=1)
                yield _json(_stated(found[0]) if found else None)
            else:
                yield from self._listed(section, contact_ids)
        yield b"}"

    def _listed(self, section: str, contact_ids: Sequence[str]) -> Iterator[bytes]:
        key = [column.name for column in SECTIONS[section].__table__.primary_key]
        after, opened = None, b"["
        while rows := self._page(section, contact_ids, after, limit=PAGE):
            for row in rows:
                yield opened + _json(_stated(row))
                opened = b","
            after = tuple(rows[-1][name] for name in key)
        yield b"[]" if opened == b"[" else b"]"

    def _page(
        self, section: str, contact_ids: Sequence[str], after: tuple[Any, ...] | None, *, limit: int
    ) -> list[dict[str, Any]]:
        table = SECTIONS[section].__table__
        key = list(table.primary_key)
        statement = self._scope.select(table).where(self._about(section, contact_ids))
        if after is not None:
            statement = statement.where(tuple_(*key) > after)
        predicted = table.metadata is PredictionTable.metadata
        with self._scope.reading_predictions() if predicted else self._scope.reading() as connection:
            rows = connection.execute(statement.order_by(*key).limit(limit))
            return [dict(row._mapping) for row in rows]

    def _about(self, section: str, contact_ids: Sequence[str]) -> ColumnElement[bool]:
        if section == "identity_merges":
            merges = IdentityMergeTable
            return merges.to_contact_id.in_(contact_ids) | merges.from_contact_id.in_(contact_ids)
        if section == "dead_letters":
            known = self._scope.select(IdentityTable.key_hash).where(IdentityTable.contact_id == contact_ids[0])
            own = contact_hash(contact_ids[0], self._scope.known_key())
            return DeadLetterTable.recipient.in_(known) | (DeadLetterTable.recipient == own)
        about: ColumnElement[bool] = SECTIONS[section].__table__.c.contact_id.in_(contact_ids)
        return about


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _stated(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items() if name not in _UNSAID}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at") or name in _INSTANTS:
        return None if value == ALWAYS else instant_of(value)
    if name in _JSON and isinstance(value, str):
        return read_all(value)
    return value
