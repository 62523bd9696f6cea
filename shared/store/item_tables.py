"""The tables of the catalogue of items, and their rows."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.store.schema import CLUSTERED, Instant, KeyText, OptionalKeyText, OptionalLongText, StoreTable
from shared.store.scope import AccountConnection


class ItemTable(StoreTable):
    """What an account says of its items, clustered by id."""

    __tablename__ = "items"
    __table_args__: Any = (
        Index(None, "account_id", "updated_at", "item_id"),
        Index(None, "account_id", "category", "active", "item_id"),
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
    """Which items were deleted lately, for those who hold a view of an older revision."""

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


NAME_KEY_CHARACTERS: Final = 100
COLUMNS = tuple(getattr(ItemTable, name) for name in ItemRow._fields)


def name_key(name: str | None) -> str:
    """Return how a name is searched: by its beginning, small and capital letters alike.

    >>> name_key("  Red Shoes")
    'red shoes'
    """
    return "" if name is None else name.strip().casefold()[:NAME_KEY_CHARACTERS]


def stored_items(connection: AccountConnection, item_ids: Sequence[str]) -> dict[str, ItemRow]:
    """Read the items of some ids, at most a batch, by id."""
    mine = connection.select(*COLUMNS).where(ItemTable.item_id.in_(item_ids)).order_by(ItemTable.item_id)
    return {row.item_id: row for row in (ItemRow(*found) for found in connection.execute(mine))}
