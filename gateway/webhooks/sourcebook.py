"""Sources as requests name them, remembered for seconds with their secrets opened."""

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
from shared.contracts.credentials import Seal, random_text
from shared.contracts.rows import Microseconds
from shared.errors import SettingsRefused, StoreUnavailable
from shared.store import SourceRow, active_secrets

log = logging.getLogger(__name__)

PREFIX: Final = "src_"
_LENGTH: Final = 22
"""131 random bits: an address nobody guesses."""
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_LENGTH}}}")
_REMEMBERED: Final = 10_000


class SourceStore(Protocol):
    """The part of the store that knows sources."""

    def source(self, source_id: str) -> SourceRow | None:
        """Find a source by its address."""


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source and its secrets in the clear, with the instant from which each is no longer good."""

    row: SourceRow
    secrets: tuple[tuple[str, Microseconds | None], ...]

    def credentials(self, at: Microseconds) -> Credentials:
        """Tell what a request at an instant may prove itself with."""
        good = [secret for secret, expires_at in self.secrets if expires_at is None or expires_at > at]
        return Credentials(good, self.row.settings)


def new_source_id() -> str:
    """Make an address."""
    return PREFIX + random_text(_LENGTH)


def is_source_id(text: str) -> bool:
    """Tell whether a text could be an address at all."""
    return _SHAPE.fullmatch(text) is not None


class SourceBook:
    """Looks sources up; called from threads."""

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
        self._known: OrderedDict[str, tuple[float, KnownSource | None]] = OrderedDict()
        self._turn = threading.Lock()

    def source(self, source_id: str, at: Microseconds) -> KnownSource | None:
        """Find a source; None: there is none.

        Raises:
            StoreUnavailable: nobody can say, or its secrets cannot be read; the provider tries again.
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

    def remembers(self, source_id: str) -> bool:
        """Whether this was a source's address when it was last looked up; the store is not asked."""
        with self._turn:
            found = self._known.get(source_id)
        return found is not None and found[1] is not None

    def forget(self, source_id: str) -> None:
        """Ask the store the next time: the source was changed here."""
        with self._turn:
            self._known.pop(source_id, None)

    def _opened(self, row: SourceRow, at: Microseconds) -> KnownSource:
        try:
            opened = [(one, self._seal.opened(one.sealed)) for one in active_secrets(row, at)]
        except SettingsRefused as error:
            raise StoreUnavailable(error.detail) from error
        weak = {problem.secret_id: problem for problem in stored_problems(row, self._providers, self._seal)}
        for secret, _ in opened:
            if secret.secret_id in weak:
                self._warn(row, weak[secret.secret_id])
        believed = [one for one in opened if one[0].secret_id not in weak or weak[one[0].secret_id].believed]
        return KnownSource(row, tuple((text, secret.expires_at) for secret, text in believed))

    def _warn(self, row: SourceRow, problem: StoredProblem) -> None:
        """Name a weak secret in the log, once as long as the process lives."""
        if problem.secret_id in self._warned or len(self._warned) >= _REMEMBERED:
            return
        self._warned.add(problem.secret_id)
        facts = {"account": row.account, "source": row.name, "provider": row.provider}
        log.warning("webhooks.weak_secret", extra={**facts, "secret": problem.secret_id, "believed": problem.believed})
