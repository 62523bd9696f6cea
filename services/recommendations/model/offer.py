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
    """The catalogue of one revision, seen by the items of one version."""

    revision: int
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
    def of(cls, revision: int, rows: Iterable[CatalogueItem], code_of: Mapping[str, int]) -> "Offer":
        """Compile the rows of a catalogue; those that the version does not know are skipped.

        Args:
            revision: of the catalogue.
            rows: all of them.
            code_of: codes by item.
        """
        return cls._of(revision, {code_of[row.item_id]: row for row in rows if row.item_id in code_of}, len(code_of))

    def changed(
        self, revision: int, rows: Iterable[CatalogueItem], gone: Collection[str], code_of: Mapping[str, int]
    ) -> "Offer":
        """Return it with rows put in, and what was deleted taken out."""
        mine = {**self.rows, **{code_of[row.item_id]: row for row in rows if row.item_id in code_of}}
        for item_id in gone:
            mine.pop(code_of.get(item_id, -1), None)
        return self._of(revision, mine, len(code_of))

    @classmethod
    def _of(cls, revision: int, rows: Mapping[int, CatalogueItem], items: int) -> "Offer":
        opened = np.ones(items, dtype=bool)
        names: list[str | None] = [None] * items
        category = np.full(items, -1, dtype=np.int32)
        places: dict[str, int] = {}
        for code, row in rows.items():
            opened[code] = row.offered
            names[code] = row.name
            if row.category is not None:
                category[code] = places.setdefault(row.category, len(places))
        return cls(revision, opened, names, rows, category, tuple(places))

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
