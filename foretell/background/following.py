"""Following: contacts of whom something new was recorded are scored again soon after."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from foretell.background.loops import LoopMetrics, Parts
from foretell.background.noticing import BATCH, Noticing
from shared.contracts.rows import Microseconds
from shared.store import ChampionRow, Database

BATCHES_BY_TURNS = 20
"""Batches of one account before another one has its turn."""
LONGEST_REST = 60.0
"""Seconds for which a champion whose service failed again and again is left alone."""


@dataclass(frozen=True, slots=True)
class Following:
    """Scores contacts that are stale, for every champion of their account; only then they are stale no more."""

    database: Database
    noticing: Noticing
    debounce: Microseconds
    """Of silence before a contact is scored."""
    patience: Microseconds
    """After which it is scored without that."""
    stop: threading.Event
    now: Callable[[], Microseconds]
    seconds: Callable[[], float] = time.monotonic
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    _scored: dict[ChampionRow, dict[str, Microseconds]] = field(default_factory=dict)
    """For whom a champion answered while others did not: nobody is asked twice because another service is away."""
    _rests: dict[ChampionRow, tuple[int, float]] = field(default_factory=dict)
    """How often a champion failed in a row, and until when it is left alone."""
    _places: dict[str, str] = field(default_factory=dict)
    """After whom the next turn goes on, where one did not reach the end of an account."""

    def turn(self) -> None:
        """Score who is due; one account's or champion's failure does not keep the others waiting.

        Raises:
            Exception: the last failure, once every champion had its turn.
        """
        parts = Parts("following", self.metrics)
        champions = self.database.champions()
        self._forget_all_but(champions)
        for account in self.database.stale_accounts():
            mine = [champion for champion in champions if champion.account == account]
            parts.attempt(self._follow, account, mine, parts, account=account)
        parts.end()

    def _follow(self, account: str, champions: Sequence[ChampionRow], parts: Parts) -> None:
        """Score some batches of an account; the next turn goes on after them, and begins anew at the end."""
        store, now = self.database.of(account), self.now()
        for _ in range(BATCHES_BY_TURNS):
            after = self._places.pop(account, "")
            taken = {} if self.stop.is_set() else store.changes.due(
                BATCH, quiet_since=now - self.debounce, waiting_since=now - self.patience, after=after
            )  # fmt: skip
            if not taken:
                return
            self._places[account] = max(taken)
            answered = [self._attempt(champion, taken, parts) for champion in champions]
            if all(answered):
                store.changes.clear(taken)
                self._forget(champions, taken)

    def _attempt(self, champion: ChampionRow, taken: Mapping[str, Microseconds], parts: Parts) -> bool:
        named = {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}
        answered = parts.attempt(self._has_answered, champion, taken, **named)
        if answered is None:
            self._let_rest(champion)
        return bool(answered)

    def _has_answered(self, champion: ChampionRow, taken: Mapping[str, Microseconds]) -> bool:
        scored = self._scored.setdefault(champion, {})
        wanted = [contact_id for contact_id, touched_at in taken.items() if scored.get(contact_id) != touched_at]
        if not wanted:
            return True
        _, until = self._rests.get(champion, (0, 0.0))
        if self.stop.is_set() or self.seconds() < until:
            return False
        self.noticing.score(champion, wanted, stale=taken)
        scored.update((contact_id, taken[contact_id]) for contact_id in wanted)
        self._rests.pop(champion, None)
        return True

    def _let_rest(self, champion: ChampionRow) -> None:
        failures = self._rests.get(champion, (0, 0.0))[0] + 1
        self._rests[champion] = failures, self.seconds() + min(LONGEST_REST, 2.0 ** min(failures, 20))

    def _forget(self, champions: Sequence[ChampionRow], taken: Mapping[str, Microseconds]) -> None:
        for champion in champions:
            for contact_id in taken:
                self._scored[champion].pop(contact_id, None)

    def _forget_all_but(self, champions: Sequence[ChampionRow]) -> None:
        for gone in (self._scored.keys() | self._rests.keys()) - set(champions):
            self._scored.pop(gone, None)
            self._rests.pop(gone, None)
