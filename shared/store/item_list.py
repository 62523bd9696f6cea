"""The catalogue of items as a list: filtered, searched by the beginning of an id or a name, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, or_, tuple_

from shared.store.item_tables import COLUMNS, ItemRow, ItemTable, name_key, stored_items
from shared.store.scope import AccountConnection, batches

_HIGHEST: Final = "\U0010ffff"
"""Sorts behind every other character."""


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


def list_items(connection: AccountConnection, which: ItemFilter, after: ItemPlace | None, limit: int) -> list[ItemRow]:
    """List items by id, and behind those whose id begins with a prefix, by name, those whose name does."""
    found: list[ItemRow] = []
    if after is None or after.name_key is None:
        found = _by_id(connection, which, after, limit)
    if which.prefix and len(found) < limit:
        place = None if after is None or after.name_key is None else after
        found += _by_name(connection, which, place, limit - len(found))
    return found


def _by_id(connection: AccountConnection, which: ItemFilter, after: ItemPlace | None, limit: int) -> list[ItemRow]:
    table = ItemTable
    mine = [] if after is None else [table.item_id > after.item_id]
    if which.prefix:
        mine += _begins(table.item_id, which.prefix)
    if which.category is None and which.active is None:
        ordered = connection.select(*COLUMNS).where(*mine).order_by(table.item_id).limit(limit)
        return [ItemRow(*row) for row in connection.execute(ordered)]
    return _sought(connection, which, mine, [table.item_id], limit)


def _by_name(connection: AccountConnection, which: ItemFilter, after: ItemPlace | None, limit: int) -> list[ItemRow]:
    """List those whose name begins so, without those whose id does."""
    table = ItemTable
    order = [table.name_key, table.item_id]
    mine = [*_begins(table.name_key, name_key(which.prefix))]
    mine.append(or_(table.item_id < which.prefix, table.item_id > which.prefix + _HIGHEST))
    if after is not None:
        mine.append(tuple_(*order) > (after.name_key, after.item_id))
    return _sought(connection, which, mine, order, limit)


def _sought(
    connection: AccountConnection,
    which: ItemFilter,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[Any],
    limit: int,
) -> list[ItemRow]:
    """List items by a range of an index for each state: few that are active may lie among many that are not.

    First their keys alone, all of which an index holds: for whole rows SQLite would walk through the items instead.
    """
    table, keys = ItemTable, list[tuple[str, ...]]()
    mine = [*conditions, *([] if which.category is None else [table.category == which.category])]
    for active in (True, False) if which.active is None else (which.active,):
        one = connection.select(*order).where(*mine, table.active == active).order_by(*order).limit(limit)
        keys += [tuple(row) for row in connection.execute(one)]
    ids = [key[-1] for key in sorted(keys)[:limit]]
    rows = {item_id: row for part in batches(ids) for item_id, row in stored_items(connection, part).items()}
    return [rows[item_id] for item_id in ids]


def _begins(column: Any, prefix: str) -> list[ColumnElement[bool]]:
    # A range, which an index serves on every database; LIKE it does not.
    return [column >= prefix, column <= prefix + _HIGHEST]
