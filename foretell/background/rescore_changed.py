"""Score contacts again soon after something new was recorded about them."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from foretell.background.detect_changes import BATCH, ChangeDetector
from foretell.background.loops import LoopMetrics, LoopParts
from shared.contracts.rows import Microseconds
from shared.store import ChampionRow, Database

BATCHES_PER_TURN = 20
"""Batches of one account before the next account has its turn."""
MAX_REST_SECONDS = 60.0
"""The longest pause for a champion whose service failed repeatedly."""


@dataclass(frozen=True, slots=True)
class RescoreChanged:
    """Scores stale contacts for every champion of their account; after that they are no longer stale."""

    database: Database
    detector: ChangeDetector
    debounce: Microseconds
    """How long a contact must have no new event before it is scored."""
    patience: Microseconds
    """After this time it is scored in any case."""
    stop: threading.Event
    now: Callable[[], Microseconds]
    seconds: Callable[[], float] = time.monotonic
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    _scored: dict[ChampionRow, dict[str, Microseconds]] = field(default_factory=dict)
    """Contacts that a champion answered while others did not: none is scored twice because another service is away."""
    _rests: dict[ChampionRow, tuple[int, float]] = field(default_factory=dict)
    """How often a champion failed in a row, and until when it is paused."""
    _places: dict[str, str] = field(default_factory=dict)
    """The contact after which the next turn goes on, if a turn did not reach the end of an account."""

    def turn(self) -> None:
        """Score due contacts; a failure of one account or champion does not delay the others.

        Raises:
            Exception: the last failure, once every champion had its turn.
        """
        parts = LoopParts("following", self.metrics)
        champions = self.database.champions()
        self._forget_all_but(champions)
        for account in self.database.stale_accounts():
            mine = [champion for champion in champions if champion.account == account]
            parts.attempt(self._follow, account, mine, parts, account=account)
        parts.end()

    def _follow(self, account: str, champions: Sequence[ChampionRow], parts: LoopParts) -> None:
        """Score some batches of an account; the next turn goes on after them, and begins anew at the end."""
        store, now = self.database.of(account), self.now()
        for _ in range(BATCHES_PER_TURN):
            after = self._places.pop(account, "")
            taken = {} if self.stop.is_set() else store.changes.due(
                BATCH, quiet_since=now - self.debounce, waiting_since=now - self.patience, after=after
            )  # fmt: skip
            if not taken:
                return
            self._places[account] = max(taken)
            answer = [self._attempt(champion, taken, parts) for champion in champions]
            if all(answer):
                store.changes.clear(taken)
                self._forget(champions, taken)

    def _attempt(self, champion: ChampionRow, taken: Mapping[str, Microseconds], parts: LoopParts) -> bool:
        named = {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}
        answer = parts.attempt(self._has_answered, champion, taken, **named)
        if answer is None:
            self._let_rest(champion)
        return bool(answer)

    def _has_answered(self, champion: ChampionRow, taken: Mapping[str, Microseconds]) -> bool:
        scored = self._scored.setdefault(champion, {})
        wanted = [contact_id for contact_id, touched_at in taken.items() if scored.get(contact_id) != touched_at]
        if not wanted:
            return True
        _, until = self._rests.get(champion, (0, 0.0))
        if self.stop.is_set() or self.seconds() < until:
            return False
        self.detector.score(champion, wanted, stale=taken)
        scored.update((contact_id, taken[contact_id]) for contact_id in wanted)
        self._rests.pop(champion, None)
        return True

    def _let_rest(self, champion: ChampionRow) -> None:
        failures = self._rests.get(champion, (0, 0.0))[0] + 1
        self._rests[champion] = failures, self.seconds() + min(MAX_REST_SECONDS, 2.0 ** min(failures, 20))

    def _forget(self, champions: Sequence[ChampionRow], taken: Mapping[str, Microseconds]) -> None:
        for champion in champions:
            for contact_id in taken:
                self._scored[champion].pop(contact_id, None)

    def _forget_all_but(self, champions: Sequence[ChampionRow]) -> None:
        for gone in (self._scored.keys() | self._rests.keys()) - set(champions):
            self._scored.pop(gone, None)
            self._rests.pop(gone, None)
