"""The catalogue as a running service knows it: each call asks for its revision, and reads what changed since."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from shared.errors import StoreUnavailable
from shared.store import AccountStore, ChangedItems, ItemRow

if TYPE_CHECKING:
    from services.recommendations.model.offer import Offer
    from services.recommendations.model.recommender import RecommendationModel

MOST_KNOWN, MOST_OF_ONE = 256, 2
"""Catalogues in memory, and of one account: by the items of a version and of the one that shadows it."""
_Key = tuple[str, int]


class CatalogueStore(Protocol):
    """What is read of an account's items."""

    def revision(self) -> int:
        """Return what another one than before says that something changed; 0: there never was an item."""

    def scan(self) -> Iterable[Sequence[ItemRow]]:
        """Stream all items."""

    def changed_since(self, revision: int) -> ChangedItems | None:
        """Return what changed after a revision; None: too much."""


@dataclass(frozen=True, slots=True)
class _KnownOffer:
    """An account's catalogue, seen by the items of one version."""

    code_of: Mapping[str, int]
    """Held, so that no other has its id meanwhile."""
    offer: "Offer | None"
    """None: there is no catalogue."""
    revision: int


class KnownOffers:
    """The catalogues of the accounts that were asked about last."""

    def __init__(self) -> None:
        """Know none."""
        self._known: OrderedDict[_Key, _KnownOffer] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, account: str, items: CatalogueStore, code_of: Mapping[str, int]) -> "Offer | None":
        """Return what the catalogue says of a version's items now.

        Args:
            account: whose catalogue.
            items: its store.
            code_of: codes by item, of the version.

        Raises:
            StoreUnavailable: it could not be read, and was not before.
        """
        key = (account, id(code_of))
        known = self._known.get(key)
        try:
            revision = items.revision()
            if known is not None and known.revision == revision:
                return known.offer
            with self._lock:
                known = self._known.get(key)
                if known is None or known.revision != revision:
                    known = _read(items, code_of, known, revision)
                    self._keep(key, known)
        except StoreUnavailable:
            if known is None:
                raise
        return known.offer

    def _keep(self, key: _Key, fresh: _KnownOffer) -> None:
        self._known[key] = fresh
        self._known.move_to_end(key)
        mine = [one for one in self._known if one[0] == key[0]]
        for old in mine[:-MOST_OF_ONE]:
            del self._known[old]
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def _read(items: CatalogueStore, code_of: Mapping[str, int], known: _KnownOffer | None, revision: int) -> _KnownOffer:
    from services.recommendations.model.offer import Offer

    if not revision:
        return _KnownOffer(code_of, None, revision)
    changed = None if known is None else items.changed_since(known.revision)
    if known is None or known.offer is None or changed is None:
        rows = (row for part in items.scan() for row in part)
        return _KnownOffer(code_of, Offer.of(rows, code_of), revision)
    return _KnownOffer(code_of, known.offer.changed(changed.rows, changed.deleted, code_of), changed.revision)


OFFERS = KnownOffers()
"""Of this process."""


def with_offer(account: AccountStore, model: "RecommendationModel") -> "RecommendationModel":
    """Return the model with what the account's catalogue says of its items now."""
    offer = OFFERS.of(account.account, account.items, model.code_of)
    return model if offer is model.offer else replace(model, offer=offer)
