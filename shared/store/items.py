"""The catalogue of an account's items: what `item` of an event names, as far as the account says it.

A service that holds a compiled view of it asks for the `revision` alone, a read of one row, and then for what
`changed_since` its own. A revision is the instant of a write, moved on where the one before is not earlier: writers
of one account take turns, so whoever has read a revision has seen all before it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Index, SelectBase, or_, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import DAY, ItemChange, Microseconds
from shared.errors import Conflict
from shared.store.audit import record
from shared.store.bulk_pacing import BulkPacing
from shared.store.driver import Prepared
from shared.store.import_tables import ImportLease, count_items
from shared.store.schema import CLUSTERED, Instant, KeyText, OptionalKeyText, OptionalLongText, StoreTable
from shared.store.scope import BATCH, AccountConnection, Scope, batches, select_by_parameter


class ItemTable(StoreTable):
    """What an account says of its items, clustered by id."""

    __tablename__ = "items"
    __table_args__: Any = (
        Index(None, "account_id", "updated_at", "item_id"),
        Index(None, "account_id", "category", "item_id"),
        Index(None, "account_id", "active", "item_id"),
        Index(None, "account_id", "active", "name_key", "item_id"),
        CLUSTERED,
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    item_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    category: Mapped[OptionalKeyText]
    price: Mapped[float | None]
    currency: Mapped[str | None]
    url: Mapped[OptionalLongText]
    active: Mapped[bool]
    in_stock: Mapped[bool]
    updated_at: Mapped[Instant]
    """The catalogue's revision with which it changed last."""
    name_key: Mapped[KeyText]
    """How a search by the beginning of the name finds it."""


class DeletedItemTable(StoreTable):
    """Which items were deleted within the last `KEPT`, for those who hold a view of an older revision."""

    __tablename__ = "deleted_items"
    __table_args__: Any = (Index(None, "account_id", "deleted_at"), CLUSTERED)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    item_id: Mapped[KeyText] = mapped_column(primary_key=True)
    deleted_at: Mapped[Instant]


class ItemCatalogueTable(StoreTable):
    """One row an account that has, or had, items: writers take turns on it."""

    __tablename__ = "item_catalogues"

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    revision: Mapped[Instant]
    items: Mapped[Instant]
    offered: Mapped[Instant]


class ItemRow(NamedTuple):
    """An item as it is stored. Field order is the order of the store's columns."""

    item_id: str
    """As the `item` of an event."""
    name: str | None
    category: str | None
    price: float | None
    currency: str | None
    url: str | None
    active: bool
    """False: never recommended."""
    in_stock: bool
    """False: not recommended until it is again."""
    updated_at: Microseconds

    @property
    def offered(self) -> bool:
        """Whether it may be recommended."""
        return self.active and self.in_stock


class ItemCatalogue(NamedTuple):
    """What is known of a catalogue without reading its items."""

    revision: Microseconds = 0
    """0: the account never had items."""
    items: int = 0
    offered: int = 0
    """Those that are active and in stock."""


class BulkItems(NamedTuple):
    """What an import changed."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


class ChangedItems(NamedTuple):
    """What a view of an older revision lacks: first the rows are put in, then what was deleted is taken out."""

    revision: Microseconds
    """At least of this one; a row may be newer, and then comes again the next time."""
    rows: Sequence[ItemRow]
    deleted: Sequence[str]


MAX_ITEMS: Final = 1_000_000
"""Of one account."""
KEPT: Final = 7 * DAY
"""How long it is known that an item was deleted."""
DEFAULTS: Final[Mapping[str, Any]] = {**dict.fromkeys(ItemRow._fields), "active": True, "in_stock": True}
NAME_KEY_CHARACTERS: Final = 100
COLUMNS = tuple(getattr(ItemTable, name) for name in ItemRow._fields)
_HIGHEST: Final = "\U0010ffff"
"""Sorts behind every other character."""


def name_key(name: str | None) -> str:
    """Return how a name is searched: by its beginning, small and capital letters alike.

    >>> name_key("  Red Shoes")
    'red shoes'
    """
    return "" if name is None else name.strip().casefold()[:NAME_KEY_CHARACTERS]


class ItemPlace(NamedTuple):
    """Where a list of items goes on."""

    item_id: str
    """Of the last one seen; it need not exist any more."""
    name_key: str | None = None
    """Of the last one seen, where it was found by its name; None: by its id."""


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items are listed."""

    category: str | None = None
    active: bool | None = None
    prefix: str = ""
    """Only those whose id, or whose name, begins so."""

    def place_of(self, row: ItemRow) -> ItemPlace:
        """Return where the list goes on behind a row of it."""
        by_id = row.item_id.startswith(self.prefix)
        return ItemPlace(row.item_id, None if by_id else name_key(row.name))


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one account."""

    _scope: Scope

    def revision(self) -> Microseconds:
        """Return what another one than before says that something changed; 0: there never was an item."""
        (found,) = self._scope.direct.read((_REVISION, {}))
        return int(found[0][0]) if found else 0

    def catalogue(self) -> ItemCatalogue:
        """Count the items."""
        with self._scope.reading() as connection:
            return _catalogue(connection)

    def find(self, item_id: str) -> ItemRow | None:
        """Find an item."""
        return self.of([item_id]).get(item_id)

    def of(self, item_ids: Collection[str]) -> dict[str, ItemRow]:
        """Return the items of some ids, by id; those that are not in the catalogue are missing."""
        found: dict[str, ItemRow] = {}
        with self._scope.reading() as connection:
            for part in batches(sorted(set(item_ids))):
                found |= _stored(connection, part)
        return found

    def page(self, limit: int, *, after: ItemPlace | None = None, which: ItemFilter | None = None) -> list[ItemRow]:
        """List items by id; with a prefix first those whose id begins so, then by name those whose name does.

        Args:
            limit: at most so many; fewer only at the end.
            after: the place of the last one seen.
            which: None: all.
        """
        which = which or ItemFilter()
        found: list[ItemRow] = []
        with self._scope.reading() as connection:
            if after is None or after.name_key is None:
                found = _by_id(connection, which, after, limit)
            if which.prefix and len(found) < limit:
                place = None if after is None or after.name_key is None else after
                found += _by_name(connection, which, place, limit - len(found))
        return found

    def scan(self, chunk: int = 20_000) -> Iterator[list[ItemRow]]:
        """Stream all items by id, one consistent state, bounded memory; read the revision before.

        Args:
            chunk: rows held at once.
        """
        statement = self._scope.select(*COLUMNS).order_by(ItemTable.item_id)
        with self._scope.reading() as connection:
            for part in connection.stream(statement, chunk).partitions():
                yield [ItemRow(*row) for row in part]

    def changed_since(self, revision: Microseconds, *, limit: int = 20_000) -> ChangedItems | None:
        """Return what changed after a revision; None: so much, or so long ago, that `scan` is the way.

        Args:
            revision: of a view that was read before.
            limit: rows that are returned at most.
        """
        table, gone = ItemTable, DeletedItemTable
        with self._scope.reading() as connection:
            now = _catalogue(connection).revision
            if not now - KEPT <= revision <= now:  # later: the account was deleted and made anew
                return None
            changed = connection.select(*COLUMNS).where(table.updated_at > revision).limit(limit + 1)
            rows = [ItemRow(*row) for row in connection.execute(changed)]
            taken = connection.select(gone.item_id).where(gone.deleted_at > revision).limit(limit + 1)
            deleted = list(connection.scalars(taken))
        return None if max(len(rows), len(deleted)) > limit else ChangedItems(now, rows, deleted)

    def put(
        self,
        changes: Sequence[ItemChange],
        *,
        at: Microseconds,
        creates: bool = True,
        most: int = MAX_ITEMS,
        lease: ImportLease | None = None,
    ) -> list[str]:
        """Create or update items in one transaction; joins an open one.

        Args:
            changes: any number; the same item twice is updated twice.
            at: now.
            creates: whether an item that is not there is made.
            most: how many items the account may have.
            lease: of the import that puts them.

        Returns:
            For each change "created", "updated" or "unchanged"; without `creates` also "missing".

        Raises:
            Conflict: the account would have too many items; nothing is written.
        """
        # Always in the order of ids: so do all who write rows of an account.
        order = sorted(range(len(changes)), key=lambda place: changes[place].item_id)
        done = [""] * len(changes)
        with self._scope.writing() as connection:
            turn = _Turn.of(connection, at)
            for places in batches(order, BATCH):
                found = turn.put(connection, [changes[place] for place in places], creates=creates)
                for place, word in zip(places, found, strict=True):
                    done[place] = word
            turn.end(connection, most)
            if lease is not None:
                count_items(connection, lease, made=done.count("created"), updated=done.count("updated"))
        return done

    def put_bulk(
        self,
        changes: Iterable[ItemChange],
        *,
        at: Microseconds,
        chunk: int = 20_000,
        pacing: BulkPacing | None = None,
        lease: ImportLease | None = None,
    ) -> BulkItems:
        """Put items in short transactions; interrupted and repeated, it changes nothing twice.

        Args:
            changes: any number; `chunk` of them are held at once.
            at: now.
            chunk: how many are taken at a time.
            pacing: of the import that they are part of.
            lease: of that import, where it counts what it stores.

        Raises:
            Conflict: the account would have too many items; what was put before stays.
        """
        pacing, left = pacing or BulkPacing(), iter(changes)
        counts = dict.fromkeys(BulkItems._fields, 0)
        while part := list(islice(left, chunk)):
            for rows in pacing.parts(part, has_gaps=self._scope.store.is_sqlite):
                words = self.put(rows, at=at, lease=lease)
                for word in counts:
                    counts[word] += words.count(word)
        return BulkItems(**counts)

    def delete(self, item_ids: Collection[str], *, at: Microseconds) -> int:
        """Take items out of the catalogue, and return how many were there; events that name them stay."""
        gone = 0
        with self._scope.writing() as connection:
            turn = _Turn.of(connection, at)
            for part in batches(sorted(set(item_ids))):
                gone += turn.delete(connection, part)
            turn.end(connection, MAX_ITEMS)
        return gone


@dataclass(slots=True)
class _Turn:
    """One write of a catalogue: whoever writes it next waits until this one is committed."""

    before: ItemCatalogue
    revision: Microseconds
    items: int = 0
    """How many more there are."""
    offered: int = 0
    changed: bool = field(default=False)

    @classmethod
    def of(cls, connection: AccountConnection, at: Microseconds) -> "_Turn":
        connection.insert_missing(ItemCatalogueTable, [ItemCatalogue()._asdict()])
        before = _catalogue(connection, held=True)
        return cls(before, max(at, before.revision + 1))

    def put(self, connection: AccountConnection, changes: Sequence[ItemChange], *, creates: bool) -> list[str]:
        stored = _stored(connection, sorted({change.item_id for change in changes}))
        written, new, words = dict[str, ItemRow](), set[str](), list[str]()
        for item_id, fields in changes:
            old = stored.get(item_id)
            if old is None and not creates:
                words.append("missing")
                continue
            row = ItemRow(**{**(DEFAULTS if old is None else old._asdict()), **fields, "item_id": item_id})
            words.append("created" if old is None else "unchanged" if row == old else "updated")
            if row != old:
                self.items += old is None
                self.offered += row.offered - (old is not None and old.offered)
                stored[item_id] = written[item_id] = row._replace(updated_at=self.revision)
            if old is None:
                new.add(item_id)
        rows = [{**row._asdict(), "name_key": name_key(row.name)} for row in written.values()]
        connection.upsert(ItemTable, rows)
        if new:
            back = DeletedItemTable.item_id.in_(new)
            connection.execute(connection.delete(DeletedItemTable).where(back))
        self.changed |= bool(written)
        return words

    def delete(self, connection: AccountConnection, item_ids: Sequence[str]) -> int:
        stored = _stored(connection, item_ids)
        if not stored:
            return 0
        connection.execute(connection.delete(ItemTable).where(ItemTable.item_id.in_(stored)))
        connection.upsert(DeletedItemTable, [{"item_id": one, "deleted_at": self.revision} for one in stored])
        old = DeletedItemTable.deleted_at < self.revision - KEPT
        connection.execute(connection.delete(DeletedItemTable).where(old))
        for item_id in stored:
            record(connection, "item.deleted", item_id)
        self.items -= len(stored)
        self.offered -= sum(row.offered for row in stored.values())
        self.changed = True
        return len(stored)

    def end(self, connection: AccountConnection, most: int) -> None:
        if self.items > 0 and self.before.items + self.items > most:
            raise Conflict(f"An account has at most {most:,} items; delete what is sold no longer.", max_items=most)
        if self.changed:
            items, offered = self.before.items + self.items, self.before.offered + self.offered
            values = {"revision": self.revision, "items": items, "offered": offered}
            connection.execute(connection.update(ItemCatalogueTable).values(**values))


def _catalogue(connection: AccountConnection, *, held: bool = False) -> ItemCatalogue:
    table = ItemCatalogueTable
    statement = connection.select(table.revision, table.items, table.offered)
    row = connection.execute(statement.with_for_update() if held else statement).first()
    return ItemCatalogue() if row is None else ItemCatalogue(*row)


def _stored(connection: AccountConnection, item_ids: Sequence[str]) -> dict[str, ItemRow]:
    mine = connection.select(*COLUMNS).where(ItemTable.item_id.in_(item_ids)).order_by(ItemTable.item_id)
    return {row.item_id: row for row in (ItemRow(*found) for found in connection.execute(mine))}


def _by_id(connection: AccountConnection, which: ItemFilter, after: ItemPlace | None, limit: int) -> list[ItemRow]:
    table, index = ItemTable, None
    mine = [*_conditions(which), *([] if after is None else [table.item_id > after.item_id])]
    if which.prefix:
        mine += _begins(table.item_id, which.prefix)
    if which.active is not None:
        mine.append(table.active == which.active)
        index = ("active", "item_id")
    if which.category is not None:
        index = ("category", "item_id")
    return _listed(connection, mine, (table.item_id,), index, limit)


def _by_name(connection: AccountConnection, which: ItemFilter, after: ItemPlace | None, limit: int) -> list[ItemRow]:
    """List those whose name begins so, without those whose id does."""
    table = ItemTable
    mine = [*_conditions(which), *_begins(table.name_key, name_key(which.prefix))]
    mine.append(or_(table.item_id < which.prefix, table.item_id > which.prefix + _HIGHEST))
    order = (table.name_key, table.item_id)
    if after is not None:
        mine.append(tuple_(*order) > (after.name_key, after.item_id))
    index = ("active", "name_key", "item_id")
    found = [  # a range of the index each: few that are active may lie among many that are not, or the other way
        row
        for active in ((True, False) if which.active is None else (which.active,))
        for row in _listed(connection, [*mine, table.active == active], order, index, limit)
    ]
    return sorted(found, key=lambda row: (name_key(row.name), row.item_id))[:limit]


def _listed(
    connection: AccountConnection,
    which: Sequence[ColumnElement[bool]],
    order: Sequence[Any],
    index: Sequence[str] | None,
    limit: int,
) -> list[ItemRow]:
    statement = connection.select(*COLUMNS).where(*which).order_by(*order).limit(limit)
    if index is not None:  # without statistics SQLite would walk through all items
        statement = statement.with_hint(ItemTable, f"INDEXED BY ix_items_account_id_{'_'.join(index)}", "sqlite")
    return [ItemRow(*row) for row in connection.execute(statement)]


def _begins(column: Any, prefix: str) -> list[ColumnElement[bool]]:
    # A range, which an index serves on every database; LIKE it does not.
    return [column >= prefix, column <= prefix + _HIGHEST]


def _conditions(which: ItemFilter) -> list[ColumnElement[bool]]:
    return [] if which.category is None else [ItemTable.category == which.category]


def _revision(_: bool) -> SelectBase:
    return select_by_parameter(ItemCatalogueTable.revision)


_REVISION = Prepared(_revision)
