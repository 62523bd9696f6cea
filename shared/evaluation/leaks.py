"""Leaks: columns that know the answer because they were filled in, or changed, with it or after it."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import auc
from shared.ties import rounded

Vector = NDArray[np.float64]
Evidence = Literal["alone", "strong", "name", "after"]
ALONE_AUC = 0.95
"""From here on a column's value nearly knows the answer by itself: what is known before rarely reaches it."""
FILLED_AUC = 0.90
"""The same for being filled in at all: what is filled in for those who reach the outcome is mostly written after it."""
STRONG_AUC = 0.80
"""From here on somebody has to say whether it is known before the outcome; until then it is learned from."""
NAMED_AUC = 0.65
"""The same for a column whose name speaks of what happens with the outcome."""
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_NAMED = re.compile(
    r"\b(call|talk|last contact|conversation) ?(duration|length|time|seconds|minutes)\b"
    r"|^duration\b|\bduration (of|in)\b|\blead profile\b"
    r"|\blast (notable )?(activity|touch|interaction|action|step|status|engagement)\b"
    r"|\b(lead|deal|sales|opportunity|account|pipeline|lifecycle|funnel) (quality|status|stage|state|rating|grade)\b"
    r"|\b(close|closed|closing|won|lost|conversion|converted|signed) ?(date|on|at|day|time|by|reason)?$"
    r"|\b(lost|win|won|loss|churn|cancell?ation|exit|leaving|closing) reason\b|\breason (for|of) "
    r"|\b(tags?|disposition|follow ?up|next step|sales notes?)\b|\b(outcome|result)\b"
    r"|\b(cancell?ed|churned|left|resigned|terminated) ?(date|on|at)?$"
)
_EARLIER = re.compile(r"\b(prev|previous|prior|earlier|past)\b")


@dataclass(frozen=True, slots=True)
class Leak:
    """A suspect column."""

    name: str
    auc: float
    by_missingness: bool
    """Whether being filled in at all, not the value, gives the answer away."""
    evidence: Evidence = "alone"

    def __str__(self) -> str:
        """Say what was found."""
        what = "being filled in" if self.by_missingness else "its value"
        found = f"{self.name}: {what} alone predicts the outcome with an AUC of {self.auc:.2f}"
        return found + {
            "alone": "",
            "strong": ", which is rare for what is known before",
            "name": ", and its name speaks of something that happens with the outcome",
            "after": ", and it was mostly filled in or changed after the outcome",
        }.get(self.evidence, "")


def leaks(
    matrix: NDArray[np.float64],
    labels: Vector,
    names: Sequence[str],
    margins_of: Callable[[int], Vector],
    *,
    later: Collection[str] = (),
) -> list[Leak]:
    """Name every column about which somebody has to say whether it is known before the outcome.

    Args:
        matrix: shape (n, p).
        labels: shape (n,).
        names: of the columns.
        margins_of: gives a column's out-of-fold margins, shape (n,); NaN where a row is not judged.
        later: columns that were mostly filled in or changed after the outcome.
    """
    found = []
    for column, name in enumerate(names):
        missing = np.isnan(matrix[:, column])
        by_missingness = 0.5
        if 0 < missing.mean() < 1:
            by_missingness = auc(labels, missing.astype(np.float64))
            by_missingness = max(by_missingness, 1 - by_missingness)
        margins = margins_of(column)
        judged = ~np.isnan(margins)
        by_value = auc(labels[judged], margins[judged])
        by_value, by_missingness = (float(area) for area in rounded([by_value, by_missingness]))
        area = float(np.nanmax([by_value, by_missingness]))
        alone = bool(by_value >= ALONE_AUC or by_missingness >= FILLED_AUC)
        evidence = _evidence(area, name, is_alone=alone, is_later=name in later)
        if evidence is not None:
            found.append(Leak(name, area, not by_value > by_missingness, evidence))
    return found


def _evidence(area: float, name: str, *, is_alone: bool, is_later: bool) -> Evidence | None:
    if is_alone:
        return "alone"
    if is_later:
        return "after"
    if area >= NAMED_AUC and speaks_of_the_outcome(name):
        return "name"
    return "strong" if area >= STRONG_AUC else None


def speaks_of_the_outcome(name: str) -> bool:
    """Whether a column's name speaks of something that usually happens with the outcome, or after it.

    >>> speaks_of_the_outcome("Last Notable Activity"), speaks_of_the_outcome("closeDate")
    (True, True)
    >>> speaks_of_the_outcome("previous_outcome"), speaks_of_the_outcome("marital status")
    (False, False)
    """
    words = " ".join(_WORD_BREAK.split(name)).lower().strip()
    return bool(_NAMED.search(words)) and not _EARLIER.search(words)


SAMPLE_ROWS = 5_000
CALENDAR_AUC = 0.70
"""From here on a column that looks far back mostly tells how old the data is."""


def calendar_auc(values: NDArray[np.float64], cutoff: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.float64]:
    """Measure for each column how well it tells the last third of the frames from the first third.

    A past that was not recorded yet looks like a past in which nothing happened; windows longer than the data
    behind the early frames therefore grow with the calendar, and what is learned from them does not hold later.

    Args:
        values: matrix, shape (n, p).
        cutoff: microseconds, shape (n,).
        seed: of the sample.

    Returns:
        AUC of early against late by the column's numbers, folded to 0.5..1, shape (p,); 0.5 where the frames are
        of one moment or the column has no numbers.
    """
    early_end, late_start = np.quantile(cutoff, (1 / 3, 2 / 3))
    result = np.full(values.shape[1], 0.5)
    if early_end >= late_start:
        return result
    generator = np.random.default_rng(seed)
    early = generator.permutation(np.flatnonzero(cutoff <= early_end))[:SAMPLE_ROWS]
    late = generator.permutation(np.flatnonzero(cutoff >= late_start))[:SAMPLE_ROWS]
    rows = np.concatenate([early, late])
    is_late = np.concatenate([np.zeros(len(early)), np.ones(len(late))])
    for column in range(values.shape[1]):
        numbers = values[rows, column]
        present = ~np.isnan(numbers)
        area = auc(is_late[present], numbers[present]) if present.any() else float("nan")
        if np.isfinite(area):
            result[column] = max(area, 1 - area)
    return result
