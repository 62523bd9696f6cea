"""The messages of an account as a running service knows them: each call asks for the revision alone."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.contracts.message_variant import MessageVariant
from shared.errors import StoreUnavailable
from shared.store import AccountStore

if TYPE_CHECKING:
    from services.messages.model.catalogue import Catalogue
    from services.messages.model.contact_policy import ContactPolicy
    from services.messages.model.messages import MessagePolicy
    from services.messages.model.policy import Policy

MOST_KNOWN = 256
"""Catalogues in memory, and policies over them."""


class MessageStore(Protocol):
    """What is read of an account's messages."""

    def revision(self) -> int:
        """Return what another one than before says that something changed; 0: there never was a message."""

    def salt(self) -> str | None:
        """Return by what the control group is drawn."""

    def all(self) -> list[MessageVariant]:
        """List all messages by id."""


@dataclass(frozen=True, slots=True)
class _KnownPolicy:
    """What a version promises of a catalogue's messages."""

    learned: "ContactPolicy"
    """Held, so that no other has its id meanwhile."""
    revision: int
    policy: "Policy"


class KnownCatalogues:
    """The catalogues of the accounts that were asked about last."""

    def __init__(self) -> None:
        """Know none."""
        self._catalogues: OrderedDict[str, Catalogue] = OrderedDict()
        self._policies: OrderedDict[tuple[str, int], _KnownPolicy] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, account: str, messages: MessageStore) -> "Catalogue":
        """Return an account's catalogue as it is now; while the store is away, as it was last.

        Raises:
            StoreUnavailable: it could not be read, and was not before.
        """
        known = self._catalogues.get(account)
        try:
            revision = messages.revision()
            if known is None or known.revision != revision:
                with self._lock:
                    known = _read(messages, revision)
                    _keep(self._catalogues, account, known)
        except StoreUnavailable:
            if known is None:
                raise
        return known

    def policy(self, account: str, catalogue: "Catalogue", learned: "ContactPolicy | None") -> "Policy | None":
        """Return what a version promises of a catalogue's messages; None where nothing is learned."""
        if learned is None:
            return None
        key = (account, id(learned))
        known = self._policies.get(key)
        if known is None or known.revision != catalogue.revision:
            with self._lock:
                known = _KnownPolicy(learned, catalogue.revision, learned.policy.with_messages(catalogue.traits))
                _keep(self._policies, key, known)
        return known.policy


def _keep(known: "OrderedDict[Any, Any]", key: object, fresh: object) -> None:
    known[key] = fresh
    known.move_to_end(key)
    while len(known) > MOST_KNOWN:
        known.popitem(last=False)


def _read(messages: MessageStore, revision: int) -> "Catalogue":
    from services.messages.model.catalogue import Catalogue

    # The revision was read before: what changes meanwhile has another one, and is read with the next call.
    return Catalogue.of(messages.all() if revision else (), salt=messages.salt() or "", revision=revision)


CATALOGUES = KnownCatalogues()
"""Of this process."""


def with_catalogue(account: AccountStore, model: "MessagePolicy") -> "MessagePolicy":
    """Return the model over the messages that the account has now."""
    catalogue = CATALOGUES.of(account.account, account.experiments.messages)
    return model.offering(catalogue, CATALOGUES.policy(account.account, catalogue, model.learned))
