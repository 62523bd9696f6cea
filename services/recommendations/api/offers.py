"""The catalogue as a running service knows it: looked at again after a second, read anew where it changed."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import StoreUnavailable
from shared.store import AccountStore, ChangedItems

if TYPE_CHECKING:
    from services.recommendations.model.offer import Offer
    from services.recommendations.model.recommender import RecommendationModel

CHECKED_SECONDS = 1.0
"""How long nobody asks again whether the catalogue changed."""
MOST_KNOWN, MOST_OF_ONE = 256, 2
"""Catalogues in memory, and of one account: by the items of a version and of the one that shadows it."""
_Key = tuple[str, int]


class CatalogueStore(Protocol):
    """What is read of an account's items."""

    def revision(self) -> int:
        """Return what another one than before says that something changed."""

    def scan(self) -> Any:
        """Stream all items."""

    def changed_since(self, revision: int) -> ChangedItems | None:
        """Return what changed after a revision; None: too much."""


@dataclass(frozen=True, slots=True)
class _KnownOffer:
    """An account's catalogue, seen by the items of one version."""

    code_of: Mapping[str, int]
    offer: "Offer | None"
    """None: there is no catalogue."""
    revision: int
    checked_at: float


class KnownOffers:
    """The catalogues of the accounts that were asked about last.

    Args:
        seconds: a clock.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
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
        key = (account, id(code_of))  # held by what is known, so that no other has its id meanwhile
        known = self._known.get(key)
        now = self._seconds()
        if known is not None and now - known.checked_at < CHECKED_SECONDS:
            return known.offer
        with self._lock:
            try:
                fresh = self._read(items, code_of, known, now)
            except StoreUnavailable:
                if known is None:
                    raise
                return known.offer
            self._keep(key, fresh)
        return fresh.offer

    def _keep(self, key: _Key, fresh: _KnownOffer) -> None:
        self._known[key] = fresh
        self._known.move_to_end(key)
        mine = [one for one in self._known if one[0] == key[0]]
        for old in mine[:-MOST_OF_ONE]:
            del self._known[old]
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _read(
        self, items: CatalogueStore, code_of: Mapping[str, int], known: _KnownOffer | None, now: float
    ) -> _KnownOffer:
        from services.recommendations.model.offer import Offer

        revision = items.revision()
        if known is not None and known.revision == revision:
            return replace(known, checked_at=now)
        if not revision:
            return _KnownOffer(code_of, None, revision, now)
        changed = None if known is None or known.offer is None else items.changed_since(known.revision)
        if changed is None or known is None or known.offer is None:
            rows = (row for part in items.scan() for row in part)
            return _KnownOffer(code_of, Offer.of(revision, rows, code_of), revision, now)
        offer = known.offer.changed(changed.revision, changed.rows, changed.deleted, code_of)
        return _KnownOffer(code_of, offer, changed.revision, now)


OFFERS = KnownOffers()
"""Of this process."""


def with_offer(account: AccountStore, model: "RecommendationModel") -> "RecommendationModel":
    """Return the model with what the account's catalogue says of its items now."""
    offer = OFFERS.of(f"{account.account}", account.items, model.code_of)
    return model if offer is model.offer else replace(model, offer=offer)
