"""The pasts of contacts: facts and events as they were known at an instant, in one snapshot and one round trip.

Training reads all of everybody.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Integer,
    Null,
    SelectBase,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from shared.contracts.defaults import LOOKBACK_DAYS
from shared.contracts.rows import ALWAYS, DAY, Microseconds, are_plain, consent_of, read_scalar
from shared.store.contact_facts import AttributeTable, ContactTable, StaticAttributeTable
from shared.store.driver import AccountDriver, Prepared, Rows, Values
from shared.store.events import EVENT_COLUMNS, EventTable
from shared.store.schema import AccountStateTable
from shared.store.scope import IDS, AccountConnection, Scope, among_ids, select_by_parameter
from shared.timeline import (
    FURTHER_FIELDS,
    ContactFacts,
    DatedValue,
    EventTuple,
    PackedEvents,
    PastRows,
    StoredValues,
)

STATE, STATIC, CONTACT = range(3)
NO_ACCOUNT = -1
log = logging.getLogger(__name__)
_FAR_AWAY: Microseconds = 2**62
_CONTACT_ID, _VALID_FROM, _AT, _VALUE = 0, 2, 3, 4
"""Places in rows: an instant is a number, or text where many rows are packed."""


class ReadPasts(NamedTuple):
    """What was read of contacts in one snapshot."""

    rows: PastRows
    erasures: int
    """The account's count of erasures; -1: there is no such account."""
    newest_event_at: Microseconds | None
    """Of the account."""


@dataclass(frozen=True, slots=True)
class PastsWanted:
    """Whose pasts, and how much of them."""

    contact_ids: Collection[str]
    """Any number."""
    cutoff: Microseconds
    """Only events strictly before it, and attribute values valid from before it."""
    asked_at: Microseconds
    """Only what was recorded until then, so that an answer can be replayed."""
    always: Collection[str] = ()
    """Event types of which older events are read too, apart from the others."""
    lookback_days: int = LOOKBACK_DAYS
    """Older events are left out."""
    event_fields: frozenset[str] = FURTHER_FIELDS
    """Which of an event's further fields are wanted; the others are None, and each of them costs a tenth less."""
    currency: str | None = None
    """Events whose values are in another one are left out; None: none are."""

    def calls(self) -> list[tuple[Prepared, Values]]:
        """List the statements that read them."""
        since = self.cutoff - self.lookback_days * DAY
        values = {IDS: self.contact_ids, "asked_at": self.asked_at, "cutoff": self.cutoff, "since": since}
        found: list[tuple[Prepared, Values]] = [(one, values) for one in (_CONTACTS, _ATTRIBUTES)]
        of_one = len(self.contact_ids) == 1
        if self.currency is None:
            found.append((_events_with(self.event_fields, of_one=of_one, of_currency=False), values))
        else:
            values = {**values, "currency": self.currency}
            found.append((_events_with(self.event_fields, of_one=of_one, of_currency=True), values))
            found.append((_OTHER_CURRENCY, values))
        if self.always:
            found.append((_OLDER, {**values, "always": self.always}))
        return found

    def read_from(self, found: Sequence[Rows]) -> ReadPasts:
        """Lay out what the statements found."""
        contacts, attributes, events, *further = found
        others = frozenset() if self.currency is None else frozenset(row[0] for row in further.pop(0))
        state = _state(contacts)
        facts = _facts(contacts, attributes, state, cutoff=self.cutoff)
        older = [row for rows in further for row in rows]
        rows = PastRows(facts, _unpacked(events, self.contact_ids), older=older, other_currency=others)
        return ReadPasts(rows, state.erasures, state.newest_event_at)


class ContactGroup(NamedTuple):
    """Contacts of whom the same is known."""

    consent: Mapping[str, str]
    has_timezone: bool
    has_created_at: bool
    contacts: int


@dataclass(frozen=True, slots=True)
class StoredPasts:
    """The pasts of one account's contacts: of some as they were known at an instant, or of everybody."""

    _scope: Scope

    def of(
        self,
        contact_ids: Collection[str],
        *,
        cutoff: Microseconds,
        asked_at: Microseconds,
        always: Collection[str] = (),
        lookback_days: int = LOOKBACK_DAYS,
    ) -> PastRows:
        """Read what existed before a cutoff and was known when it was asked; arguments as of `PastsWanted`.

        Any number of contacts costs three statements (four with `always`), one snapshot, one round trip.
        """
        wanted = PastsWanted(list(dict.fromkeys(contact_ids)), cutoff, asked_at, always, lookback_days)
        return read_pasts(self._scope.direct, wanted).rows

    def groups(self) -> list[ContactGroup]:
        """Count the contacts by what is known of them; reads all contacts, and none of their events."""
        zone, created = ContactTable.timezone.is_not(None), ContactTable.created_at.is_not(None)
        statement = self._scope.select(ContactTable.consent, zone, created, func.count(), of=ContactTable)
        with self._scope.reading() as connection:
            rows = connection.execute(statement.group_by(ContactTable.consent, zone, created))
            return [
                ContactGroup(consent_of(consent), bool(zoned), bool(dated), count)
                for consent, zoned, dated, count in rows
            ]

    def scan_facts(self, *, attributes: Collection[str] | None = None) -> tuple[list[str], dict[str, ContactFacts]]:
        """Read all contacts with all values of their attributes, for training.

        Args:
            attributes: only these; None: every one.

        Returns:
            Their ids in order, and their facts by id.
        """
        with self._scope.reading() as connection:
            facts = facts_of(connection, None, names=attributes)
        unreadable = sum(1 for one in facts.values() if one.unreadable)
        if unreadable:
            log.warning("store.values_unreadable", extra={"account": self._scope.account, "contacts": unreadable})
        return sorted(facts), facts

    def scan_events(self, chunk: int = 200_000, *, currency: str | None = None) -> Iterator[list[EventTuple]]:
        """Stream all events ordered by contact, one consistent state, bounded memory.

        Args:
            chunk: rows held at once.
            currency: events whose values are in another one are left out; None: none are.
        """
        statement = self._scope.select(*EVENT_COLUMNS).order_by(EventTable.contact_id, EventTable.event_id)
        if currency is not None:
            statement = statement.where(or_(EventTable.currency.is_(None), EventTable.currency == currency))
        with self._scope.reading() as connection:
            for part in connection.stream(statement, chunk).partitions():
                yield list(part)


def read_pasts(direct: AccountDriver, wanted: PastsWanted) -> ReadPasts:
    """Read facts and events of contacts, within the transaction that is open or else the latest state."""
    return wanted.read_from(direct.read(*wanted.calls()))


def facts_of(
    connection: AccountConnection,
    contact_ids: Collection[str] | None,
    *,
    cutoff: Microseconds | None = None,
    asked_at: Microseconds = _FAR_AWAY,
    names: Collection[str] | None = None,
) -> dict[str, ContactFacts]:
    """Read contacts with their attributes.

    Args:
        connection: open for reading.
        contact_ids: any number; None: all of the account.
        cutoff: attribute values valid from then on are left out; None: none is.
        asked_at: values recorded later are left out.
        names: of all contacts, only these attributes; None: every one.

    Returns:
        Facts by contact id, of contacts that are known.
    """
    values: dict[str, Any] = {"asked_at": asked_at, "names": names}
    contacts, attributes = _ALL_CONTACTS, _ALL_ATTRIBUTES if names is None else _NAMED_ATTRIBUTES
    if contact_ids is not None:
        values[IDS], contacts, attributes = contact_ids, _CONTACTS, _ATTRIBUTES
    rows = connection.read(contacts, values)
    found = () if names is not None and not names else connection.read(attributes, values)
    return _facts(rows, found, _state(rows), cutoff=cutoff)


def perhaps_erased(connection: AccountConnection, contact_ids: Collection[str], *, since: int | None) -> frozenset[str]:
    """List contacts that may have been erased since something was read of them.

    Whoever is no contact now may be one that was erased; that it may be one that never was costs a row of a log.

    Args:
        connection: of the store.
        contact_ids: who is to be written of.
        since: the count of erasures from before it was read; None: nothing was read, nobody is meant.
    """
    if since is None or _erasures(connection.read(_ERASURES, {})) == since:
        return frozenset()
    return _gone(contact_ids, connection.read(_EXISTING, {IDS: set(contact_ids)}))


def perhaps_erased_now(direct: AccountDriver, contact_ids: Collection[str], *, since: int | None) -> frozenset[str]:
    """Do the same outside of any connection that is open."""
    if since is None:
        return frozenset()
    (found,) = direct.read((_ERASURES, {}))
    if _erasures(found) == since:
        return frozenset()
    (existing,) = direct.read((_EXISTING, {IDS: set(contact_ids)}))
    return _gone(contact_ids, existing)


def _erasures(found: Rows) -> int:
    """Return the count of an account's erasures; -1: there is no such account."""
    return int(found[0][0]) if found else NO_ACCOUNT


def _gone(contact_ids: Collection[str], existing: Rows) -> frozenset[str]:
    return frozenset(contact_ids).difference(map(itemgetter(0), existing))


class _State(NamedTuple):
    """What holds for all contacts of an account."""

    static: frozenset[str]
    """Names whose newest value holds at any cutoff."""
    all_static: bool
    """Every name is static."""
    erasures: int
    newest_event_at: Microseconds | None


def _state(rows: Rows) -> _State:
    static, all_static, erasures, newest = set[str](), False, NO_ACCOUNT, None
    for kind, _, name, _, at, count, flag in rows:
        if kind == STATIC:
            static.add(name)
        elif kind == STATE:
            newest, erasures, all_static = at, int(count), bool(flag)
    return _State(frozenset(static), all_static, erasures, newest)


def _facts(contacts: Rows, attributes: Rows, state: _State, *, cutoff: Microseconds | None) -> dict[str, ContactFacts]:
    holding: dict[str, Any] = {"static": state.static, "all_static": state.all_static, "cutoff": cutoff}
    packed = attributes and isinstance(attributes[0][_VALID_FROM], str)
    values = columns_by_contact(attributes[0], **holding) if packed else values_by_contact(attributes, **holding)
    return {
        contact_id: ContactFacts(
            created_at, timezone, orjson.loads(consent) if consent else {}, *values.get(contact_id, ((), frozenset()))
        )
        for kind, contact_id, timezone, consent, created_at, _, _ in contacts
        if kind == CONTACT
    }


ValuesByContact = dict[str, tuple[Collection[DatedValue], frozenset[str]]]
"""Values by contact, and the names whose last one could not be read."""
_NONE: frozenset[str] = frozenset()
_dated = partial(tuple.__new__, DatedValue)
"""Makes a value of its fields at once: a call about many contacts reads tens of thousands."""


def columns_by_contact(
    packed: Sequence[str], *, static: Collection[str], all_static: bool, cutoff: Microseconds | None = None
) -> ValuesByContact:
    """Return the same as `values_by_contact` of rows that came as columns of JSON, and leave them columns.

    Where a contact has several values of a name, or one that does not exist yet or cannot be read, they become rows.
    """
    ids, names, valid_from, texts, dated = columns = [orjson.loads(column) for column in packed]
    if all_static or static:
        always = [all_static or name in static for name in names]
        valid_from = [ALWAYS if holds else at for holds, at in zip(always, valid_from, strict=True)]
        dated = [holds or mark for holds, mark in zip(always, dated, strict=True)]
    values = _scalars(texts)
    usual = values is not None and (cutoff is None or max(valid_from, default=cutoff - 1) < cutoff)
    marks = list(map(bool, dated))
    found: ValuesByContact = {}
    mine, end = tuple[str, ...](), 0
    for contact_id, count in Counter(ids).items():
        begin, end = end, end + count
        own = tuple(names[begin:end])
        if own != mine:
            mine, usual = own, usual and len(set(own)) == count
        if not usual or values is None:
            return values_by_contact(zip(*columns, strict=True), static=static, all_static=all_static, cutoff=cutoff)
        found[contact_id] = StoredValues(mine, valid_from[begin:end], values[begin:end], marks[begin:end]), _NONE
    return found


def _scalars(texts: Sequence[str]) -> list[Any] | None:
    """Read stored scalars, all at once where nothing is odd about them; None where one cannot be read."""
    with suppress(ValueError):
        values = orjson.loads(f"[{','.join(texts)}]")
        if len(values) == len(texts) and are_plain(values):
            return values  # type: ignore[no-any-return]
    read = {text: read_scalar(text) for text in set(texts)}
    return [read[text][0] for text in texts] if all(readable for _, readable in read.values()) else None


def values_by_contact(
    rows: Iterable[tuple[str, str, Microseconds, str, Any]],
    *,
    static: Collection[str],
    all_static: bool,
    cutoff: Microseconds | None = None,
) -> ValuesByContact:
    """Return which values of contacts' attributes exist before a cutoff, by name and instant.

    Args:
        rows: contact_id, name, valid_from, value as JSON, and whether it is dated; in the order of the first three,
            then of recording.
        static: names whose newest value holds at any cutoff.
        all_static: every name is static.
        cutoff: values valid from then on do not exist yet; None: all exist.

    Returns:
        By contact one value for each name and instant (the last recorded one); static names have one, valid ALWAYS.
        And the names whose last one could not be read: taken in before there were bounds, it is None.
    """
    read: dict[str, tuple[Any, bool]] = {}
    found: dict[str, tuple[list[DatedValue], set[str]]] = {}
    values, unreadable, holder = list[DatedValue](), set[str](), None
    for contact_id, name, valid_from, text, dated in rows:
        if contact_id != holder:
            values, unreadable = found[contact_id] = [], set()
            holder = contact_id
        if all_static or name in static:
            valid_from, dated = ALWAYS, True
        elif cutoff is not None and valid_from >= cutoff:
            continue
        known = read.get(text)
        if known is None:
            known = read[text] = read_scalar(text)
        value, readable = known
        if not readable:
            unreadable.add(name)
        elif unreadable:
            unreadable.discard(name)
        if values and values[-1].valid_from == valid_from and values[-1].name == name:
            values.pop()
        values.append(_dated((name, valid_from, value, bool(dated))))
    return {contact_id: (tuple(kept), frozenset(unread)) for contact_id, (kept, unread) in found.items()}


def _contacts(sqlite: bool, *, chosen: bool) -> CompoundSelect[Any]:
    text, number, flag = cast(null(), String), cast(null(), BigInteger), cast(null(), Boolean)
    contact, state = ContactTable, AccountStateTable
    which = [among_ids(contact.contact_id, sqlite=sqlite)] if chosen else []
    return union_all(
        select_by_parameter(_kind(STATE), text, text, text, state.newest_event_at, state.erasures, state.all_static),
        select_by_parameter(_kind(STATIC), text, StaticAttributeTable.name, text, number, number, flag),
        select_by_parameter(
            _kind(CONTACT), contact.contact_id, contact.timezone, contact.consent, contact.created_at, number, flag
        ).where(*which),
    )


def _kind(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)


def _attributes(sqlite: bool, *, chosen: bool = False, named: bool = False) -> SelectBase:
    table = AttributeTable
    keys = (table.contact_id, table.name, table.valid_from)
    statement = select_by_parameter(*keys, table.value, table.dated).where(table.recorded_at <= bindparam("asked_at"))
    if chosen:
        statement = statement.where(among_ids(table.contact_id, sqlite=sqlite))
    if named:
        statement = statement.where(among_ids(table.name, sqlite=sqlite, parameter="names"))
    ordered = statement.order_by(*keys, table.recorded_at)
    return select(*map(func.json_group_array, ordered.subquery().c)) if chosen and sqlite else ordered


@cache
def _events_with(fields: frozenset[str], *, of_one: bool, of_currency: bool) -> Prepared:
    """Return the statement that reads events with some of their further fields."""
    return Prepared(partial(_events, fields=fields, of_one=of_one, of_currency=of_currency))


def _events(sqlite: bool, *, fields: frozenset[str], of_one: bool, of_currency: bool) -> SelectBase:
    """Read events; of SQLite in one row of columns written as JSON, where one contact's id is left out.

    Its driver gives the interpreter up and takes it again for each row, which costs more than reading them. Its JSON
    rounds floats: a value is written as whole cents, and where dividing them by 100 does not give it back, in hex.
    """
    left_out = (FURTHER_FIELDS - fields) | ({EventTable.contact_id.key} if sqlite and of_one else set())
    columns = [null() if column.key in left_out else column for column in EVENT_COLUMNS]
    wanted = _in_lookback(sqlite)
    if of_currency:
        wanted += (or_(EventTable.currency.is_(None), EventTable.currency == bindparam("currency")),)
    plain = select_by_parameter(*columns, of=EventTable).where(*wanted)
    if not sqlite:
        return plain
    value = EventTable.value
    cents = cast(func.round(value * literal_column("100")), BigInteger)
    is_whole = cents.op("/")(literal_column("100.0")) == value
    exact = case((value.is_(None), null()), (is_whole, cents), else_=func.float_hex(value))
    written = [exact if column is value else column for column in columns]
    packed = [column if isinstance(column, Null) else func.json_group_array(column) for column in written]
    return select_by_parameter(*packed, of=EventTable).where(*wanted)


def _in_lookback(sqlite: bool) -> tuple[ColumnElement[bool], ...]:
    return (
        among_ids(EventTable.contact_id, sqlite=sqlite),
        EventTable.occurred_at < bindparam("cutoff"),
        EventTable.occurred_at >= bindparam("since"),
        EventTable.recorded_at <= bindparam("asked_at"),
    )


def _other_currency(sqlite: bool) -> SelectBase:
    other = EventTable.currency != bindparam("currency")
    return select_by_parameter(EventTable.contact_id).where(*_in_lookback(sqlite), other).distinct()


def _unpacked(rows: Rows, contact_ids: Collection[str]) -> Sequence[EventTuple]:
    """Return events of contacts, however they came."""
    if not rows or not isinstance(rows[0][_AT], str):
        return rows
    columns = [column and orjson.loads(column) for column in rows[0]]
    if (values := columns[_VALUE]) is not None:
        columns[_VALUE] = [None if one is None else _exactly(one) for one in values]
    if columns[_CONTACT_ID] is None:
        columns[_CONTACT_ID] = list(contact_ids) * len(columns[_AT])
    absent = [None] * len(columns[_AT])
    return PackedEvents([absent if column is None else column for column in columns])


def _exactly(written: int | str) -> float:
    """Read a value of SQLite: the quotient of two floats is the same number there and here."""
    return float.fromhex(written) if isinstance(written, str) else written / 100.0


def _older(sqlite: bool) -> SelectBase:
    return select_by_parameter(*EVENT_COLUMNS).where(
        among_ids(EventTable.contact_id, sqlite=sqlite),
        EventTable.occurred_at < bindparam("since"),
        EventTable.recorded_at <= bindparam("asked_at"),
        among_ids(EventTable.type, sqlite=sqlite, parameter="always"),
    )


def _existing(sqlite: bool) -> SelectBase:
    return select_by_parameter(ContactTable.contact_id).where(among_ids(ContactTable.contact_id, sqlite=sqlite))


_CONTACTS, _ALL_CONTACTS = (Prepared(partial(_contacts, chosen=chosen)) for chosen in (True, False))
_ATTRIBUTES, _ALL_ATTRIBUTES = (Prepared(partial(_attributes, chosen=chosen)) for chosen in (True, False))
_NAMED_ATTRIBUTES = Prepared(partial(_attributes, named=True))
_OLDER, _EXISTING, _OTHER_CURRENCY = Prepared(_older), Prepared(_existing), Prepared(_other_currency)
_ERASURES = Prepared(lambda _: select_by_parameter(AccountStateTable.erasures))
