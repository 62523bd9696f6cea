"""Which outcome a call means, and what a model of it still needs."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.capabilities import Capability
from shared.contracts.defaults import LEAST_CONTACTS
from shared.contracts.outcome import Outcome, known_outcomes
from shared.errors import BadRequest, StoreUnavailable, UnknownOutcome
from shared.serving.champions import ChampionHolder, ServingStore
from shared.store import AccountStore

DEFAULT_SECONDS = 1.0
"""How long an account's default outcome, and what an outcome means, is taken for what it is."""
COUNTS_SECONDS = 60.0
"""How long the counts of a refusal are repeated."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What stands between an account and a model."""

    sentence: str
    counts: dict[str, Any]


class OutcomeResolver:
    """The outcomes of all accounts, as far as a service needs them."""

    def __init__(
        self,
        capability: Capability,
        store: ServingStore,
        champions: ChampionHolder,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._capability = capability
        self._store = store
        self._champions = champions
        self._defaults: dict[str, tuple[str, float]] = {}
        """Name, and until when it is taken for what it is."""
        self._counted: dict[str, tuple[float | None, dict[str, int]]] = {}
        self._counting = threading.Lock()
        self._found: dict[tuple[str, str], tuple[Outcome, float]] = {}
        """By account and name what an outcome means, and until when that is taken for what it is."""

    def recent_default(self, account: str) -> str | None:
        """Return the default outcome as it was at most a second ago; None: read it."""
        name, until = self._defaults.get(account, (None, 0.0))
        return name if self._monotonic() < until else None

    def default(self, account: str) -> str:
        """Return the account's default outcome; while the store is away, the last one seen or the only champion's.

        Raises:
            BadRequest: none was named and there is no default; the defined ones are listed.
            StoreUnavailable: it cannot be known now.
        """
        rows = self._store.of(account)
        try:
            name = rows.outcomes.default(self._capability.name)
            if name is None:
                known = sorted(outcome.name for outcome in rows.outcomes.of(self._capability.name))
                raise BadRequest(
                    "Name an outcome; this account has no default one.",
                    outcomes=known,
                    errors=[{"pointer": "/outcome", "detail": known_outcomes(self._capability.name, known)}],
                )
        except StoreUnavailable:
            with_champion = self._champions.outcomes_of(account)
            if account in self._defaults:
                return self._defaults[account][0]
            if len(with_champion) == 1:
                return with_champion[0]
            raise
        self._defaults[account] = name, self._monotonic() + DEFAULT_SECONDS
        return name

    def untrained(self, account: str, outcome: str) -> Outcome:
        """Return what an outcome means, as it did at most a second ago: to answer about it without a champion.

        Raises:
            UnknownOutcome: it is not defined; the defined ones are listed.
            StoreUnavailable: the store is away.
        """
        key = (account, outcome)
        found, until = self._found.get(key, (None, 0.0))
        if found is None or self._monotonic() >= until:
            found = _defined(self._store.of(account), self._capability, outcome)[outcome]
            self._found[key] = found, self._monotonic() + DEFAULT_SECONDS
        return found

    def missing(self, account: str, outcome: str) -> Missing:
        """Count what a model of an outcome has and needs.

        Raises:
            UnknownOutcome: it is not defined; the defined ones are listed.
            StoreUnavailable: the store is away.
        """
        if not self._capability.per_outcome:
            return Missing(self._command(), {})
        rows = self._store.of(account)
        defined = _defined(rows, self._capability, outcome)
        by_type = self._contacts_by_type(account, rows)
        wanted = next((name for name in defined[outcome].event_types if name in by_type), None)
        counts: dict[str, Any] = {
            "needed_with_outcome": LEAST_CONTACTS,
            "needed_without_outcome": LEAST_CONTACTS,
        }
        if defined[outcome].event_types:
            counts["with_outcome"] = by_type.get(wanted, 0) if wanted is not None else 0
        return Missing(self._command(outcome), counts)

    def _contacts_by_type(self, account: str, rows: AccountStore) -> dict[str, int]:
        """Count contacts by event type, at most once a minute an account: the store reads all events for it."""
        with self._counting:
            counted_at, counts = self._counted.get(account, (None, {}))
            if counted_at is None or self._monotonic() - counted_at > COUNTS_SECONDS:
                counts = {entry.type: entry.contacts for entry in rows.events.types()}
                self._counted[account] = (self._monotonic(), counts)
            return counts

    def _command(self, outcome: str = "") -> str:
        named = f" --outcome {outcome}" if outcome else ""
        return f"Train one with `foretell train {self._capability.name}{named}`."


def _defined(rows: AccountStore, capability: Capability, outcome: str) -> dict[str, Outcome]:
    """Return the outcomes of an account by name.

    Raises:
        UnknownOutcome: the one that is wanted is not among them.
    """
    defined = {entry.name: entry for entry in rows.outcomes.of(capability.name)}
    if outcome not in defined:
        listed = known_outcomes(capability.name, defined)
        raise UnknownOutcome(f"This outcome is not defined. {listed}", outcomes=sorted(defined))
    return defined
