"""A cache of sources with their secrets opened, fresh for seconds."""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.webhooks.provider import Credentials, Provider
from gateway.webhooks.secrets import StoredProblem, stored_problems
from shared.contracts.call import random_text
from shared.contracts.rows import Microseconds
from shared.contracts.seal import Seal
from shared.errors import SettingsRefused, StoreUnavailable
from shared.store import SourceRow, active_secrets

log = logging.getLogger(__name__)

PREFIX: Final = "src_"
_LENGTH: Final = 22
"""131 random bits: nobody can guess the id."""
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_LENGTH}}}")
_REMEMBERED: Final = 10_000


class SourceStore(Protocol):
    """The part of the store that knows sources."""

    def source(self, source_id: str) -> SourceRow | None:
        """Find a source by its address."""


@dataclass(frozen=True, slots=True)
class CachedSource:
    """A source and its opened secrets, each with the instant at which it expires."""

    row: SourceRow
    secrets: tuple[tuple[str, Microseconds | None], ...]

    def credentials(self, at: Microseconds) -> Credentials:
        """Return the credentials that are valid at an instant."""
        good = [secret for secret, expires_at in self.secrets if expires_at is None or expires_at > at]
        return Credentials(good, self.row.settings)


def new_source_id() -> str:
    """Return a new random id of a source."""
    return PREFIX + random_text(_LENGTH)


def is_source_id(text: str) -> bool:
    """Whether a text has the form of a source's id."""
    return _SHAPE.fullmatch(text) is not None


class SourceCache:
    """Looks sources up by id; called from threads."""

    def __init__(
        self,
        store: SourceStore,
        seal: Seal,
        *,
        fresh_seconds: float,
        providers: Mapping[str, Provider] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._seal = seal
        self._fresh_seconds = fresh_seconds
        self._providers = providers or {}
        self._warned = set[str]()
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, CachedSource | None]] = OrderedDict()
        self._turn = threading.Lock()

    def source(self, source_id: str, at: Microseconds) -> CachedSource | None:
        """Find a source; None: there is none.

        Raises:
            StoreUnavailable: the store or the secrets cannot be read; the provider tries again.
        """
        if not is_source_id(source_id):
            return None
        with self._turn:
            remembered = self._known.get(source_id)
        if remembered is not None and self._monotonic() < remembered[0]:
            return remembered[1]
        row = self._store.source(source_id)
        known = None if row is None else self._opened(row, at)
        with self._turn:
            self._known[source_id] = (self._monotonic() + self._fresh_seconds, known)
            self._known.move_to_end(source_id)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known

    def has_usable_key(self, source_id: str) -> bool:
        """Whether this was the id of a source at its last lookup; the store is not read."""
        with self._turn:
            found = self._known.get(source_id)
        return found is not None and found[1] is not None

    def forget(self, source_id: str) -> None:
        """Read the store the next time, because the source was changed."""
        with self._turn:
            self._known.pop(source_id, None)

    def _opened(self, row: SourceRow, at: Microseconds) -> CachedSource:
        try:
            opened = [(one, self._seal.opened(one.sealed)) for one in active_secrets(row, at)]
        except SettingsRefused as error:
            raise StoreUnavailable(error.detail) from error
        weak = {problem.secret_id: problem for problem in stored_problems(row, self._providers, self._seal)}
        for secret, _ in opened:
            if secret.secret_id in weak:
                self._warn(row, weak[secret.secret_id])
        believed = [one for one in opened if one[0].secret_id not in weak or weak[one[0].secret_id].believed]
        return CachedSource(row, tuple((text, secret.expires_at) for secret, text in believed))

    def _warn(self, row: SourceRow, problem: StoredProblem) -> None:
        """Log a weak secret, once in the life of the process."""
        if problem.secret_id in self._warned or len(self._warned) >= _REMEMBERED:
            return
        self._warned.add(problem.secret_id)
        facts = {"account": row.account, "source": row.name, "provider": row.provider}
        log.warning("webhooks.weak_secret", extra={**facts, "secret": problem.secret_id, "believed": problem.believed})
