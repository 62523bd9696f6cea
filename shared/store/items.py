"""The catalogue of an account's items: what `item` of an event names, as far as the account says it.

A service that holds a compiled view of it asks for the `revision` alone, a read of one row, and then for what
`changed_since` its own. A revision is the instant of a write, moved on where the one before is not earlier: writers
of one account take turns, so whoever has read a revision has seen all before it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import SelectBase

from shared.contracts.rows import DAY, ItemChange, Microseconds
from shared.errors import Conflict
from shared.store.bulk_pacing import BulkPacing
from shared.store.driver import Prepared
from shared.store.import_tables import ImportLease, count_items
from shared.store.item_list import ItemFilter, ItemPlace, list_items
from shared.store.item_tables import (
    COLUMNS,
    DeletedItemTable,
    ItemCatalogue,
    ItemCatalogueTable,
    ItemRow,
    ItemTable,
    name_key,
    stored_items,
)
from shared.store.scope import BATCH, AccountConnection, Scope, batches, select_by_parameter


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
                found |= stored_items(connection, part)
        return found

    def page(self, limit: int, *, after: ItemPlace | None = None, which: ItemFilter | None = None) -> list[ItemRow]:
        """List items by id; with a prefix first those whose id begins so, then by name those whose name does.

        Args:
            limit: at most so many; fewer only at the end.
            after: the place of the last one seen.
            which: None: all.
        """
        with self._scope.reading() as connection:
            return list_items(connection, which or ItemFilter(), after, limit)

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
        stored = stored_items(connection, sorted({change.item_id for change in changes}))
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
        stored = stored_items(connection, item_ids)
        if not stored:
            return 0
        connection.execute(connection.delete(ItemTable).where(ItemTable.item_id.in_(stored)))
        connection.upsert(DeletedItemTable, [{"item_id": one, "deleted_at": self.revision} for one in stored])
        old = DeletedItemTable.deleted_at < self.revision - KEPT
        connection.execute(connection.delete(DeletedItemTable).where(old))
        for item_id in stored:
            connection.audit("item.deleted", item_id)
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


def _revision(_: bool) -> SelectBase:
    return select_by_parameter(ItemCatalogueTable.revision)


_REVISION = Prepared(_revision)
