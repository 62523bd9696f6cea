"""Following: contacts of whom something new was recorded are scored again soon after."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from foretell.background.noticing import BATCH, Noticing
from shared.contracts.rows import Microseconds
from shared.errors import ForetellError
from shared.store import ChampionRow, Database

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
    _scored: dict[ChampionRow, dict[str, Microseconds]] = field(default_factory=dict)
    """For whom a champion answered while others did not: nobody is asked twice because another service is away."""
    _rests: dict[ChampionRow, tuple[int, float]] = field(default_factory=dict)
    """How often a champion failed in a row, and until when it is left alone."""

    def turn(self) -> None:
        """Score who is due; one champion's failure does not keep the others waiting.

        Raises:
            ForetellError: the last failure, once every champion had its turn.
        """
        failed: ForetellError | OSError | None = None
        champions = self.database.champions()
        self._forget_all_but(champions)
        for account in self.database.stale_accounts():
            mine = [champion for champion in champions if champion.account == account]
            failed = self._follow(account, mine) or failed
        if failed is not None:
            raise failed

    def _follow(self, account: str, champions: Sequence[ChampionRow]) -> ForetellError | OSError | None:
        store, now, after = self.database.of(account), self.now(), ""
        failed: ForetellError | OSError | None = None
        while not self.stop.is_set():
            taken = store.take_stale(
                BATCH, quiet_since=now - self.debounce, waiting_since=now - self.patience, after=after
            )
            if not taken:
                return failed
            answered = True
            for champion in champions:
                try:
                    answered = self._has_answered(champion, taken) and answered
                except (ForetellError, OSError) as error:
                    self._let_rest(champion)
                    answered, failed = False, error
            if answered:
                store.clear_stale(taken)
                self._forget(champions, taken)
            after = max(taken)
        return failed

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
