"""How good a list is: recall and NDCG of the first ten, against what was bought in the window after a cutoff.

Sources: Jarvelin and Kekalainen (2002) for NDCG; recall divides by what could be hit, at most ten.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.candidates import (
    ALIKE,
    OWN,
    POPULARITY,
    SINCE,
    TOGETHER,
    TREND,
    CandidateItems,
    candidates,
)
from services.recommendations.model.history import Rows, Vector
from services.recommendations.model.recommender import best
from services.recommendations.training.material import ItemSnapshot, bought_pairs
from shared.contracts.rows import Microseconds
from shared.ties import rounded
from shared.timeline import Pasts

TOP = 10
HABIT_FADE_DAYS = 60.0
POPULAR, TRENDING, REPEAT, ITEM_TO_ITEM, FACTORISATION = (
    "most popular",
    "trending",
    "repeat purchase",
    "item to item",
    "factorisation",
)


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """What contacts with a past bought after a cutoff, beside the candidates that were known at it."""

    candidates: CandidateItems
    label: Vector
    """(n,) 1.0 where the candidate was bought in the window."""
    targets: Vector
    """(contacts,) items that each bought in the window, of all items; 0 for those without a past."""
    new_targets: Vector
    """(contacts,) those of them that the contact had not bought before."""
    items: int

    @property
    def judged(self) -> Rows:
        """Return the contacts that bought something, ascending."""
        return np.flatnonzero(self.targets > 0)

    @classmethod
    def of(
        cls,
        pasts: Pasts,
        snapshot: ItemSnapshot,
        end: Microseconds,
        *,
        most: int | None = None,
        contacts: Rows | None = None,
    ) -> "JudgedWindow":
        """Frame a snapshot.

        Args:
            pasts: of everybody.
            snapshot: what was known at the cutoff.
            end: of the window.
            most: contacts that are drawn from those who bought; None: all.
            contacts: look at these, whatever is known of them; None: at those with a past.
        """
        history = snapshot.history
        owner, item = bought_pairs(pasts, snapshot.cutoff, end)
        if contacts is None:
            contacts = np.unique(owner[np.diff(history.offsets)[owner] > 0])
            if most is not None and len(contacts) > most:
                contacts = np.sort(np.random.default_rng(0).permutation(contacts)[:most])
        kept = np.isin(owner, contacts)
        owner, item = owner[kept], item[kept]
        before = np.stack(bought_pairs(pasts, -(2**62), snapshot.cutoff))
        width = max(len(pasts.items), 1)
        is_new = ~np.isin(owner * width + item, before[0] * width + before[1])
        found = candidates(snapshot.known, history.of(contacts), np.ones(len(snapshot.items), dtype=bool))
        found = CandidateItems(contacts[found.owner], found.item, found.values)
        code = np.array([*(snapshot.code_of.get(name, -1) for name in pasts.items), -1], dtype=np.int64)[item]
        known = code >= 0
        bought = owner[known] * len(snapshot.items) + code[known]
        n = history.contacts
        return cls(
            found,
            np.isin(found.owner * len(snapshot.items) + found.item, bought).astype(np.float64),
            np.bincount(owner, minlength=n).astype(np.float64),
            np.bincount(owner[is_new], minlength=n).astype(np.float64),
            len(snapshot.items),
        )

    def plain(self) -> Mapping[str, Vector]:
        """Return what each plain method says of the same candidates, by its name."""
        return plain_scores(self.candidates.values)


def plain_scores(values: NDArray[np.float64]) -> dict[str, Vector]:
    """Return the score of each plain method, shape (n,) each; what it knows nothing of goes by popularity."""
    own = values[:, OWN] * 0.5 ** (np.nan_to_num(values[:, SINCE]) / HABIT_FADE_DAYS)
    tie = 1e-6 * values[:, POPULARITY]
    return {
        POPULAR: values[:, POPULARITY],
        TRENDING: values[:, TREND],
        REPEAT: own + tie,
        ITEM_TO_ITEM: values[:, TOGETHER] + tie,
        FACTORISATION: values[:, ALIKE],
    }


@dataclass(frozen=True, slots=True)
class JudgedLists:
    """The first ten of one method, one value a contact who bought something."""

    recall: Vector
    ndcg: Vector
    shown: Rows
    """Items that were listed for anybody."""


def judged(window: JudgedWindow, score: Vector, *, new_only: bool = False) -> JudgedLists:
    """Judge a method by its score of the candidates.

    Args:
        window: with the candidates.
        score: of each, shape (n,).
        new_only: list only what a contact had not bought before, and look at such purchases alone.
    """
    found, label = window.candidates, window.label
    targets = window.new_targets if new_only else window.targets
    if new_only:
        fresh = found.values[:, OWN] == 0
        found, label, score = (
            CandidateItems(found.owner[fresh], found.item[fresh], found.values[fresh]),
            label[fresh],
            score[fresh],
        )
    n = len(targets)
    top = best(found, rounded(score), n, TOP)
    owner = found.owner[top]
    rank = np.arange(len(top)) - np.searchsorted(owner, owner)
    hits = np.bincount(owner, weights=label[top], minlength=n)
    gain = np.bincount(owner, weights=label[top] / np.log2(rank + 2.0), minlength=n)
    who = targets > 0
    possible = np.minimum(targets[who], TOP).astype(np.int64)
    ideal = np.cumsum(1.0 / np.log2(np.arange(TOP) + 2.0))
    return JudgedLists(hits[who] / possible, gain[who] / ideal[possible - 1], np.unique(found.item[top]))
