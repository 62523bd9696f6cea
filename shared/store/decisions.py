"""Decisions: which message was chosen for whom; committed before anybody is answered, never changed afterwards."""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Index, SelectBase, and_, bindparam, or_, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.decision import DecisionArm, DecisionRow, RecentDecision
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.errors import StoreUnavailable
from shared.store.bulk_pacing import BulkPacing
from shared.store.driver import Prepared
from shared.store.identities import erased_among
from shared.store.pasts import perhaps_erased
from shared.store.schema import CLUSTERED, Instant, KeyText, LongText, StoreTable
from shared.store.scope import IDS, AccountConnection, Scope, among_ids, batches, in_lines, select_by_parameter


class MessageDecisionTable(StoreTable):
    """Which message was chosen for whom, with which chance; a contact's lie together, the oldest first."""

    __tablename__ = "message_decisions"
    __table_args__: Any = (
        Index(None, "account_id", "decision_id", unique=True),
        Index(None, "account_id", "decided_at"),
        CLUSTERED,
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    decided_at: Mapped[Instant] = mapped_column(primary_key=True)
    decision_id: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    slot: Mapped[str]
    campaign_id: Mapped[str]
    message_id: Mapped[str | None]
    arm: Mapped[str]
    propensity: Mapped[float]
    candidates_id: Mapped[str]
    """Of the list of what could have been chosen."""
    version: Mapped[str]
    reward: Mapped[float | None]
    sending: Mapped[float] = mapped_column(server_default="1")
    """The chance that anything was sent."""


class MessageCandidatesTable(StoreTable):
    """Lists of what could have been chosen, each once a month, so that they go with the decisions that name them."""

    __tablename__ = "message_candidates"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    candidates_id: Mapped[KeyText] = mapped_column(primary_key=True)
    """The month of the decision, then a hash of the list."""
    message_ids: Mapped[LongText]
    """JSON."""


class AddedDecisions(NamedTuple):
    """What became of many imported decisions; the others were there."""

    new: int
    erased: int
    """Left out: their contacts were erased."""
    erased_contacts: frozenset[str] = frozenset()
    """Whose they were."""


Recent = Mapping[str, Sequence[RecentDecision]]
"""By contact id what it got lately, the oldest first; nothing counts where it was the control group's."""
Held = Mapping[tuple[str, str], DecisionRow]
"""By contact id and slot the decision that holds within a campaign."""
Choose = Callable[[Recent, Held], Sequence[DecisionRow]]
"""Makes the decisions of all contacts that have none yet; pure, and quick: others wait meanwhile."""

STRIPES: Final = 64
"""Locks that the contacts of an account share (PostgreSQL): one a contact would be too many for a large call."""
_TABLE = MessageDecisionTable
_STORED = tuple("candidates_id" if name == "candidates" else name for name in DecisionRow._fields)
_COLUMNS = tuple(getattr(_TABLE, name) for name in _STORED)
_ORDER = (_TABLE.contact_id, _TABLE.decided_at, _TABLE.decision_id)


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of one account."""

    _scope: Scope

    def decide(
        self,
        contact_ids: Collection[str],
        choose: Choose,
        *,
        outcome: str,
        campaign_id: str = "",
        since: Microseconds | None,
        erasures: int | None = None,
    ) -> list[DecisionRow]:
        """Decide for contacts in one transaction that keeps others who decide for them away.

        Of two callers the later one sees what the earlier one chose, so no cap is passed.

        Args:
            contact_ids: for whom, any number.
            choose: told what the contacts got lately, and which decisions hold, makes the others.
            outcome: of all decisions.
            campaign_id: of all decisions; empty: none holds, each call decides anew.
            since: from which instant on a decision is recent: as far back as any cap or pause looks; None: there is
                neither, and nothing is read of what contacts got.
            erasures: the account's count of erasures from before anything was read of the contacts.

        Returns:
            What holds now, committed: first what held before, then what is new.

        Raises:
            StoreUnavailable: some contacts may have been erased since; nothing is kept, asking again is right.
        """
        ids = sorted(set(contact_ids))
        with self._scope.writing() as connection:
            _hold(connection, ids)
            if perhaps_erased(connection, ids, since=erasures):
                raise StoreUnavailable("Contacts were erased while this was answered; ask again.")
            held = _held(connection, ids, outcome, campaign_id)
            chosen = choose({} if since is None else _recent(connection, ids, since), held)
            new = _first(chosen, held) if campaign_id else chosen
            connection.insert(_TABLE, _with_list_ids(connection, sorted(new, key=_key)))
        return [*held.values(), *new]

    def recent(self, contact_ids: Collection[str], *, since: Microseconds) -> Recent:
        """Return what contacts got from an instant on; who is not decided for is missing."""
        with self._scope.reading() as connection:
            return _recent(connection, sorted(set(contact_ids)), since)

    def held(self, contact_ids: Collection[str], *, outcome: str, campaign_id: str) -> Held:
        """Return the decisions of contacts that hold within a campaign; imported ones hold nobody."""
        with self._scope.reading() as connection:
            return _held(connection, sorted(set(contact_ids)), outcome, campaign_id)

    def scan(
        self, outcome: str | None, start: Microseconds, end: Microseconds, *, chunk: int = 20_000
    ) -> Iterator[list[DecisionRow]]:
        """Stream decisions by contact, and each contact's by time; one consistent state, bounded memory.

        Args:
            outcome: only those that are to reach it; None: all.
            start: the first instant.
            end: the instant that is no longer part of it.
            chunk: rows held at once.
        """
        # In the order of the table: by the index of time all rows would have to be sorted, which has no bound.
        at = _TABLE.decided_at + 0
        statement = self._scope.select(*_COLUMNS).where(at >= start, at < end).order_by(*_ORDER)
        if outcome is not None:
            statement = statement.where(_TABLE.outcome == outcome)
        lists = dict[str, tuple[str, ...]]()
        with self._scope.reading() as connection:
            for part in connection.stream(statement, chunk).partitions():
                yield _with_lists(connection, part, lists)

    def add_imported(self, rows: Sequence[DecisionRow]) -> list[str]:
        """Keep decisions of another tool in one transaction; joins an open one.

        Args:
            rows: any number, in any order.

        Returns:
            For each "created", "known": one of this id is there, or "erased": its contact was erased, nothing is kept.

        Raises:
            SettingsRefused: somebody was erased, and there is no key to recognise whom.
        """
        with self._scope.writing() as connection:
            erased = erased_among(connection, {row.contact_id for row in rows}, self._scope.identity_key)
            kept = sorted((row for row in rows if row.contact_id not in erased), key=_key)
            new = set[str]()
            for part in batches(_with_list_ids(connection, kept)):
                new.update(connection.insert_new(_TABLE, part, _TABLE.decision_id).scalars())
        return ["erased" if row.contact_id in erased else _taken(new, row.decision_id) for row in rows]

    def add_imported_bulk(self, rows: Sequence[DecisionRow], *, pacing: BulkPacing | None = None) -> AddedDecisions:
        """Keep many decisions of another tool in short transactions; interrupted and repeated, it adds what is missing.

        Args:
            rows: any number, in any order.
            pacing: of the import that they are part of.
        """
        counted, erased = Counter[str](), set[str]()
        for part in (pacing or BulkPacing()).parts(rows, has_gaps=self._scope.store.is_sqlite):
            words = self.add_imported(part)
            counted.update(words)
            erased.update(row.contact_id for row, word in zip(part, words, strict=True) if word == "erased")
        return AddedDecisions(counted["created"], counted["erased"], frozenset(erased))

    def delete_before(self, at: Microseconds, *, imported: bool, limit: int = 5_000) -> int:
        """Delete at most `limit` decisions made before an instant, and return how many.

        With the last ones go the lists of months of which there are none any more.

        Args:
            at: the first instant that is kept.
            imported: those of another tool, or those made here.
            limit: how many rows at most.
        """
        key, arm = tuple_(*_TABLE.__table__.primary_key), DecisionArm.imported.value
        old = self._scope.select(*_TABLE.__table__.primary_key).where(
            _TABLE.decided_at < at, _TABLE.arm == arm if imported else _TABLE.arm != arm
        )
        with self._scope.writing() as connection:
            mine = connection.delete(_TABLE).where(key.in_(old.order_by(_TABLE.decided_at).limit(limit)))
            gone = connection.execute(mine).rowcount
            if 0 < gone < limit:
                oldest = connection.scalar(connection.select(_TABLE.decided_at).order_by(_TABLE.decided_at).limit(1))
                unused = MessageCandidatesTable.candidates_id < _month(at if oldest is None else min(at, oldest))
                connection.execute(connection.delete(MessageCandidatesTable).where(unused))
        return gone


def _hold(connection: AccountConnection, contact_ids: Sequence[str]) -> None:
    """Wait for whoever decides for one of these contacts; SQLite has one writer anyway.

    Locks are taken in one order, so that two who name the same contacts do not wait for each other.
    """
    if connection.is_sqlite or not contact_ids:
        return
    stripes = sorted({zlib.crc32(one.encode(errors="surrogatepass")) % STRIPES for one in contact_ids})
    lines = [f"decisions {stripe} of {connection.account}" for stripe in stripes]
    connection.execute(in_lines(), {"lines": lines})


def _recent(connection: AccountConnection, ids: Sequence[str], since: Microseconds) -> dict[str, list[RecentDecision]]:
    found = dict[str, list[RecentDecision]]()
    question = {"since": since, "control": DecisionArm.control.value, "surely": 1.0}
    for part in batches(ids):
        for contact_id, *row in connection.read(_RECENT, {IDS: part, **question}):
            found.setdefault(contact_id, []).append(RecentDecision(*row))
    return found


def _recent_rows(sqlite: bool) -> SelectBase:
    return (
        select_by_parameter(_TABLE.contact_id, *(getattr(_TABLE, name) for name in RecentDecision._fields))
        .where(
            among_ids(_TABLE.contact_id, sqlite=sqlite),
            _TABLE.decided_at >= bindparam("since"),
            or_(
                _TABLE.message_id.is_not(None),
                and_(_TABLE.arm == bindparam("control"), _TABLE.sending >= bindparam("surely")),
            ),
        )
        .order_by(*_ORDER)
    )


def _held(
    connection: AccountConnection, ids: Sequence[str], outcome: str, campaign_id: str
) -> dict[tuple[str, str], DecisionRow]:
    found, lists = dict[tuple[str, str], DecisionRow](), dict[str, tuple[str, ...]]()
    question = {"outcome": outcome, "campaign_id": campaign_id, "imported": DecisionArm.imported.value}
    for part in batches(ids if campaign_id else []):
        rows = connection.read(_HELD, {IDS: part, **question})
        for row in _with_lists(connection, rows, lists):
            found.setdefault((row.contact_id, row.slot), row)  # two of one slot: the contact is a merged one
    return found


def _held_rows(sqlite: bool) -> SelectBase:
    return (
        select_by_parameter(*_COLUMNS)
        .where(
            among_ids(_TABLE.contact_id, sqlite=sqlite),
            _TABLE.campaign_id == bindparam("campaign_id"),
            _TABLE.outcome == bindparam("outcome"),
            _TABLE.arm != bindparam("imported"),
        )
        .order_by(*_ORDER)
    )


_RECENT, _HELD = Prepared(_recent_rows), Prepared(_held_rows)


def _first(chosen: Sequence[DecisionRow], held: Held) -> list[DecisionRow]:
    """Return the first decision of each contact and slot that has none."""
    first = dict[tuple[str, str], DecisionRow]()
    for row in chosen:
        first.setdefault((row.contact_id, row.slot), row)
    return [row for key, row in first.items() if key not in held]


def _key(row: DecisionRow) -> tuple[str, Microseconds, str]:
    return row.contact_id, row.decided_at, row.decision_id


def _with_list_ids(connection: AccountConnection, rows: Sequence[DecisionRow]) -> list[dict[str, Any]]:
    """Return rows as they are stored, and keep the lists that they name."""
    found, known = list[dict[str, Any]](), dict[tuple[str, tuple[str, ...]], str]()
    for row in rows:
        values = row._asdict()
        wanted = _month(row.decided_at), values.pop("candidates")
        if wanted not in known:
            known[wanted] = list_id(*wanted)
        found.append({**values, "candidates_id": known[wanted]})
    texts = {one: orjson.dumps(candidates).decode() for (_, candidates), one in known.items()}
    # In order, as all keys: two who wait for each other's would be a deadlock (PostgreSQL).
    new = [{"candidates_id": one, "message_ids": texts[one]} for one in sorted(texts)]
    connection.insert_missing(MessageCandidatesTable, new)
    return found


def list_id(month: str, candidates: Sequence[str]) -> str:
    """Return the id of a list of what could have been chosen: the month, and 96 bits of BLAKE2b (RFC 7693).

    >>> list_id("2026-11", ("a", "b"))
    '2026-11-6e1a751da766ab44b8138a9b'
    """
    return f"{month}-{blake2b(orjson.dumps(candidates), digest_size=12).hexdigest()}"


def _month(at: Microseconds) -> str:
    """Return the month of an instant.

    >>> _month(0)
    '1970-01'
    """
    return _month_of(at // DAY)


@lru_cache(1_000)
def _month_of(day: int) -> str:
    return instant_of(day * DAY).isoformat()[:7]


def _with_lists(
    connection: AccountConnection, rows: Sequence[Any], lists: dict[str, tuple[str, ...]]
) -> list[DecisionRow]:
    place = _STORED.index("candidates_id")
    missing = {row[place] for row in rows} - lists.keys()
    table = MessageCandidatesTable
    for part in batches(sorted(missing)):
        mine = connection.select(table.candidates_id, table.message_ids).where(table.candidates_id.in_(part))
        lists |= {one: tuple(orjson.loads(text)) for one, text in connection.execute(mine)}
    # A list is missing where an import of what is too old to be kept met retention, which takes the row next time.
    return [DecisionRow._make((*row[:place], lists.get(row[place], ()), *row[place + 1 :])) for row in rows]


def _taken(new: set[str], decision_id: str) -> str:
    """Return what became of a decision; the same one twice in a call is new once."""
    if decision_id not in new:
        return "known"
    new.remove(decision_id)
    return "created"
