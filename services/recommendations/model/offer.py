"""What the catalogue says of a version's items now: which may be shown, what they are called, what they cost. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class CatalogueItem(Protocol):
    """An item of the catalogue."""

    @property
    def item_id(self) -> str:
        """As the `item` of an event."""

    @property
    def name(self) -> str | None:
        """For people."""

    @property
    def category(self) -> str | None:
        """What it belongs to."""

    @property
    def price(self) -> float | None:
        """In its currency."""

    @property
    def currency(self) -> str | None:
        """ISO 4217."""

    @property
    def url(self) -> str | None:
        """Its page."""

    @property
    def offered(self) -> bool:
        """Whether it may be recommended."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The catalogue at one time, seen by the items of one version."""

    open: NDArray[np.bool_]
    """(items,) whether each may be shown; an item that the catalogue does not know may."""
    names: Sequence[str | None]
    """(items,)"""
    rows: Mapping[int, CatalogueItem]
    """By code; only those that the catalogue knows."""
    category: NDArray[np.int32]
    """(items,) index into `categories`, -1 where there is none."""
    categories: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[CatalogueItem], code_of: Mapping[str, int]) -> "Offer":
        """Compile the rows of a catalogue; those that the version does not know are skipped.

        Args:
            rows: all of them.
            code_of: codes by item.
        """
        items = len(code_of)
        nothing = cls(np.ones(items, dtype=bool), [None] * items, {}, np.full(items, -1, dtype=np.int32), ())
        return nothing.changed(rows, (), code_of)

    def changed(self, rows: Iterable[CatalogueItem], deleted: Collection[str], code_of: Mapping[str, int]) -> "Offer":
        """Return it with rows put in, and what was deleted taken out: what did not change is not looked at."""
        opened, category = self.open.copy(), self.category.copy()
        names, mine = list(self.names), dict(self.rows)
        places = {name: place for place, name in enumerate(self.categories)}
        for row in rows:
            code = code_of.get(row.item_id)
            if code is not None:
                mine[code], opened[code], names[code] = row, row.offered, row.name
                category[code] = -1 if row.category is None else places.setdefault(row.category, len(places))
        for item_id in deleted:
            code = code_of.get(item_id)
            if code is not None and mine.pop(code, None) is not None:
                opened[code], names[code], category[code] = True, None, -1
        return Offer(opened, names, mine, category, tuple(places))

    def of_category(self, wanted: Collection[str]) -> NDArray[np.bool_]:
        """Return which items belong to one of some categories, shape (items,)."""
        codes = [place for place, name in enumerate(self.categories) if name in wanted]
        return np.isin(self.category, codes)

    def about(self, code: int) -> Mapping[str, Any]:
        """Return what is known of an item beside its id."""
        row = self.rows.get(code)
        if row is None:
            return self.nothing()
        return {
            "name": row.name,
            "category": row.category,
            "price": row.price,
            "currency": row.currency,
            "url": row.url,
        }

    @staticmethod
    def nothing() -> Mapping[str, Any]:
        """Return what is known of an item that the catalogue does not have."""
        return {"name": None, "category": None, "price": None, "currency": None, "url": None}
