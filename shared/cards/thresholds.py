"""The cut-off that pays: for each score, whom one would address, and what that would bring.

Counts come from held-out frames by score (`shared/training/evidence.py`), spread over today's contacts by their
scores where these are stored. Profit = value x true positives - cost x contacts addressed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import Any, Final

from shared.capabilities import OUTCOME_NAMES, TABLE
from shared.contracts.model_card import BestCut, Cut, Population, Thresholds
from shared.errors import Conflict, NotFound
from shared.store import VersionRow

MOST_MONEY: Final = 1e12
"""The most that value and cost may be."""
SCORES: Final = 99
PER: Final = 1_000
"""Contacts that counts are of where no scores are stored."""
Z95: Final = 1.959964
Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ThresholdQuery:
    """What a marketer gives."""

    value: float
    """Of a contact that is addressed and reaches the outcome; above 0, at most `MOST_MONEY`."""
    cost: float
    """Of addressing one contact, 0 to `MOST_MONEY`."""
    capacity: int | None = None
    """Contacts that can be addressed; None: all, or as `capacity_share` says."""
    capacity_share: float | None = None
    """The same as a share of the population, 0 to 1."""


def thresholds(row: VersionRow, name: str, query: ThresholdQuery, stored: Mapping[int, int]) -> Thresholds:
    """Find the cut-off of the highest expected profit.

    Args:
        row: a version of scoring or churn.
        name: of the model.
        query: value, cost and capacity.
        stored: how many contacts have each score by this version's latest predictions; empty: none are stored.

    Raises:
        NotFound: the question has no scores at all.
        Conflict: the version keeps no counts by score, or a number of contacts is given and no scores are stored.
    """
    refuse_without_scores(row.capability)
    counts = _counts(row)
    current = [stored.get(score, 0) for score in range(1, SCORES + 1)]
    if not any(current):
        if query.capacity is not None:
            raise Conflict(
                f"No scores of version {row.version} are stored, so that a number of contacts says nothing: let the "
                "worker score all contacts, make a batch, or give the capacity as a share."
            )
        frames = counts["frames"]
        current = [PER * n / sum(frames) for n in frames]
    cuts = _cuts(current, _rates(counts), query)
    capacity = query.capacity
    if query.capacity_share is not None:
        capacity = int(query.capacity_share * sum(current) + 1e-9)
    source = "latest_predictions" if any(stored.values()) else "held_out"
    population = Population(contacts=round(sum(current)), source=source)
    best = _best(cuts, counts, query, capacity)
    return Thresholds(
        name=name,
        version=row.version,
        value=query.value,
        cost=query.cost,
        capacity=capacity,
        break_even_probability=query.cost / query.value,
        break_even_score=_break_even(counts["chance"], query.cost / query.value),
        population=population,
        best=best,
        everybody=cuts[-1],
        sentence=_sentence(best, cuts[-1], population, capacity),
        cuts=cuts,
    )


def refuse_without_scores(capability: str) -> None:
    """Refuse a question whose answers are no scores: no training would change that.

    Raises:
        NotFound: says which questions have scores.
    """
    if capability not in OUTCOME_NAMES:
        question = next((line.question for line in TABLE if line.name == capability), capability)
        raise NotFound(
            f"The question {capability} ({question}) has no scores, so there is no score from which on it pays. "
            f"{' and '.join(OUTCOME_NAMES).capitalize()} have one."
        )


def _counts(row: VersionRow) -> Figures:
    counts: Figures | None = row.report.get("evidence", {}).get("scores")
    if counts is None:
        raise Conflict(
            f"Version {row.version} keeps no counts by score: it was trained by an earlier release. Train it again."
        )
    return counts


def _rates(counts: Figures) -> list[float]:
    """Return the share that reached the outcome at each score; of the nearest lower one where nobody had it."""
    found: list[float | None] = [
        hits / n if n else None for hits, n in zip(counts["positives"], counts["frames"], strict=True)
    ]
    first = next(rate for rate in found if rate is not None)
    return list(accumulate(found, lambda before, rate: before if rate is None else rate, initial=first))[1:]


def _cuts(current: Sequence[float], rates: Sequence[float], query: ThresholdQuery) -> list[Cut]:
    """List every cut-off, the highest score first."""
    total = sum(current)
    all_hits = sum(n * rate for n, rate in zip(current, rates, strict=True))
    cuts, addressed, hits = [], 0.0, 0.0
    for score in range(SCORES, 0, -1):
        addressed += current[score - 1]
        hits += current[score - 1] * rates[score - 1]
        cuts.append(
            Cut(
                from_score=score,
                contacts=round(addressed),
                share=round(min(1.0, addressed / total), 6),
                true_positives=round(hits, 4),
                false_positives=round(addressed - hits, 4),
                precision=round(min(1.0, hits / addressed), 6) if addressed else 0.0,
                recall=round(min(1.0, hits / all_hits), 6) if all_hits else 0.0,
                profit=_amount(query.value * hits - query.cost * addressed),
            )
        )
    return cuts


def _best(cuts: Sequence[Cut], counts: Figures, query: ThresholdQuery, capacity: int | None) -> BestCut | None:
    """Choose the most profitable cut that the capacity holds; of equal ones the one with the fewest contacts."""
    somebody = [cut for cut in cuts if cut.contacts]
    within = [cut for cut in somebody if capacity is None or cut.contacts <= capacity]
    if within:
        best = max(within, key=lambda cut: cut.profit)
        return _sure(best, counts, query, only_first=False) if best.profit > 0 else None
    if not capacity or somebody[0].profit <= 0:
        return None
    # Not even all with the highest score fit: the list goes by score, and any of them is as good as the others.
    part = capacity / somebody[0].contacts
    shrunk = {name: getattr(somebody[0], name) * part for name in _OF_ALL}
    first = somebody[0].model_copy(update={**shrunk, "contacts": capacity})
    return _sure(first, counts, query, only_first=True)


_OF_ALL = ("share", "true_positives", "false_positives", "recall", "profit")


def _sure(cut: Cut, counts: Figures, query: ThresholdQuery, *, only_first: bool) -> BestCut:
    half_low, half_high = precision_interval(counts, cut.from_score)
    low, high = max(0.0, cut.precision - half_low), min(1.0, cut.precision + half_high)
    return BestCut(
        **cut.model_dump(),
        precision_low=round(low, 6),
        precision_high=round(high, 6),
        profit_low=_amount(cut.profit - query.value * cut.contacts * (cut.precision - low)),
        profit_high=_amount(cut.profit + query.value * cut.contacts * (high - cut.precision)),
        only_first=only_first,
    )


def precision_interval(counts: Figures, score: int) -> tuple[float, float]:
    """Return how far below and above the precision at a cut its 95 % interval reaches.

    A contact's frames resemble each other: the variance of the ratio over contacts gives how many independent frames
    they are worth, and these the interval. Source: Cochran (1977), Sampling techniques, section 2.11 (ratio); Wilson
    (1927) (interval).

    Args:
        counts: of held-out frames by score.
        score: the lowest one that is addressed.
    """
    frames, hits = sum(counts["frames"][score - 1 :]), sum(counts["positives"][score - 1 :])
    if not frames:
        return 1.0, 1.0
    squares, contacts = counts["squares_from"], counts["contacts_from"][score - 1]
    p = hits / frames
    spread = (
        squares["positives"][score - 1] - 2 * p * squares["both"][score - 1] + p * p * squares["frames"][score - 1]
    ) / frames**2
    variance = spread * contacts / max(contacts - 1, 1)
    n = min(float(frames), p * (1 - p) / variance) if variance > 0 else float(min(frames, contacts))
    middle = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n)) / (1 + Z95**2 / n)
    return p - (middle - half), middle + half - p


def _break_even(chances: Sequence[float | None], probability: float) -> int | None:
    """Find the lowest score from which on every predicted chance is high enough."""
    lowest = None
    for score in range(SCORES, 0, -1):
        chance = chances[score - 1]
        if chance is not None and chance < probability:
            break
        if chance is not None:
            lowest = score
    return lowest


def _sentence(best: BestCut | None, everybody: Cut, population: Population, capacity: int | None) -> str:
    of_all = f"{population.contacts:,}"
    if capacity == 0:
        return (
            f"Address nobody: the capacity holds not one contact. Addressing all {of_all} would bring "
            f"{_money(everybody.profit)}."
        )
    if best is None:
        return (
            f"Address nobody: even the contacts with the highest scores cost more than they are expected to bring. "
            f"Addressing all {of_all} would bring {_money(everybody.profit)}."
        )
    who = f"Address contacts with score {best.from_score} or more: {best.contacts:,} of {of_all}."
    if best.only_first:
        who = f"Address the first {best.contacts:,} of the list, all with score {best.from_score} or more."
    return (
        f"{who} About {_people(best.true_positives)} of them are expected to reach the outcome and "
        f"{_people(best.false_positives)} not; that finds {best.recall:.0%} of all who will. Expected profit: "
        f"{_money(best.profit)} ({_money(best.profit_low)} to {_money(best.profit_high)} with 95 % confidence); "
        f"addressing everybody: {_money(everybody.profit)}."
    )


def _people(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.1f}"


def _amount(number: float) -> float:
    """Round to ten figures: to decimals, a contact worth a thousandth of a cent would be worth nothing."""
    return float(f"{number:.10g}")


def _money(amount: float) -> str:
    """Write an amount of any currency.

    >>> _money(1234.5), _money(12.3), _money(-0.0), _money(-0.00042)
    ('1,234', '12.30', '0.00', '-0.00042')
    """
    if amount == 0:
        return "0.00"
    if abs(amount) < 0.01:
        return f"{amount:.2g}"
    return f"{amount:,.0f}" if abs(amount) >= 100 else f"{amount:,.2f}"
