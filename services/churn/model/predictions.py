"""What a version of churn answers about contacts: horizons, curve, median, value at risk, and the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.churn.model.churn import ChurnModel
from services.churn.model.periods import Matrix
from shared.contracts.prediction import Prediction, Source
from shared.contracts.rows import DAY, Microseconds
from shared.features import ReasonPart, observed
from shared.features.inputs import Observed
from shared.timeline import ContactPast, ContactPasts, Pasts
from shared.timeline.pasts import known_since
from shared.timeline.risk import recently_active, was_active

LOOK_BACK_DAYS = 365
LEAST_DAYS = 30
"""A contact known for a shorter time is taken to have spent over so many days: one order is no rhythm yet."""


def value_rates(pasts: Pasts, cutoffs: NDArray[np.int64], types: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the value that each contact brought a day, over the last year or since it is known or was first seen.

    Args:
        pasts: one row a contact.
        cutoffs: microseconds, shape (n,).
        types: event types whose values count.

    Returns:
        Per day, shape (n,); NaN where there was no such event with a value.
    """
    codes = [pasts.type_code(name) for name in types if pasts.type_code(name) >= 0]
    n = len(pasts)
    owner = np.repeat(np.arange(n), np.diff(pasts.offsets))
    before = pasts.at < cutoffs[owner]
    recent = pasts.at >= cutoffs[owner] - LOOK_BACK_DAYS * DAY
    rows = np.isin(pasts.type, codes) & before & recent & ~np.isnan(pasts.value)
    total = np.bincount(owner[rows], weights=pasts.value[rows], minlength=n)
    count = np.bincount(owner[rows], minlength=n)
    since = np.minimum(known_since(pasts), cutoffs)
    np.minimum.at(since, owner[before], pasts.at[before])  # a contact moved here from elsewhere ordered before
    days = np.clip((cutoffs - since) / DAY, LEAST_DAYS, LOOK_BACK_DAYS)
    rates: NDArray[np.float64] = np.where(count > 0, total / days, np.nan)
    return rates


def value_rate(past: ContactPast, cutoff: Microseconds, types: tuple[str, ...]) -> float:
    """Return the same of one contact."""
    least, values, at = cutoff - LOOK_BACK_DAYS * DAY, [], past.at
    for name, when, value in zip(past.type, at, past.value, strict=True):
        if name in types and least <= when < cutoff and value == value:
            values.append(value)
    if not values:
        return np.nan
    since = min(past.created_at, cutoff, at[0])
    total = list(accumulate(values))[-1]  # `sum` adds in another way from Python 3.12 on
    return total / min(max((cutoff - since) / DAY, LEAST_DAYS), LOOK_BACK_DAYS)


MEDIAN = float(np.log(2))
"""The cumulative hazard at which half have had the event."""
CURVE_STEP_DAYS = 7
BEYOND = "horizon_beyond_data"
NO_HORIZON = "no_horizon"


class ChurnQuery(NamedTuple):
    """What a request wants to know of each contact."""

    horizon_days: int | None = None
    """None: the version's own."""
    horizons: tuple[int, ...] = ()
    survival: bool = False
    reasons: int = 0


@dataclass(slots=True, kw_only=True)
class ScoredChurn(Prediction):
    """What is answered about one contact: the probability of leaving within the horizon, and what is read beside it.

    Probability, score and band are None beyond what the data can know. The margin is the mean log-odds of the periods
    up to the horizon, each weighted by how likely the event is to come in it; for silence with its sign turned, so
    that more is more likely to leave.
    """

    source: Source | None = "model"
    horizon_days: int | None
    horizons: list[tuple[int, float | None]]
    """Day and probability of leaving."""
    survival: list[tuple[int, float]]
    """Day and chance that the event has not come by then."""
    days_to_event: float | None
    """Median; None where it lies beyond the curve."""
    contractual: bool
    """Whether the event is that the contact leaves, or its next activity."""
    value_at_risk: float | None

    def own_fields(self) -> Mapping[str, object]:
        """Return what churn adds to the head; the median is named for what is waited for."""
        return {
            "horizon_days": self.horizon_days,
            "horizons": [{"days": days, "probability": risk} for days, risk in self.horizons] or None,
            "survival": [{"days": days, "survival": left} for days, left in self.survival] or None,
            "days_to_leave": self.days_to_event if self.contractual else None,
            "days_to_next_activity": None if self.contractual else self.days_to_event,
            "value_at_risk": self.value_at_risk,
        }


def predict(
    model: ChurnModel, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64], query: ChurnQuery
) -> list[ScoredChurn]:
    """Answer about every contact of the pasts.

    Args:
        model: the version.
        pasts: one row a contact.
        cutoffs: microseconds, shape (len(pasts),).
        query: horizons, curve and reasons.

    Returns:
        One ScoredChurn a contact, in order.
    """
    seen = observed(model.feature_set, model.inputs, pasts, cutoffs)
    rates, active = _rates_and_activity(model, pasts, cutoffs)
    answers = _answers(model, rates, seen, cutoffs, query)
    for one, may in zip(answers, active, strict=True):
        if not may:
            one.status, one.detail = "not_eligible", _why_not_eligible(model)
    return answers


def _rates_and_activity(
    model: ChurnModel, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], Sequence[bool]]:
    """Return what contacts brought a day, and who was active lately; of flat data everybody was."""
    if isinstance(pasts, ContactPasts) and pasts.are_few:
        mine = list(zip(pasts.one_by_one, cutoffs.tolist(), strict=True))
        rates = np.array([value_rate(past, cutoff, model.value_types) for past, cutoff in mine])
        return rates, [model.is_flat or was_active(model.episode, past, cutoff) for past, cutoff in mine]
    columns = pasts.columns if isinstance(pasts, ContactPasts) else pasts
    rates = value_rates(columns, cutoffs, model.value_types)
    if model.is_flat:
        return rates, [True] * len(columns)
    contact = np.arange(len(columns), dtype=np.int32)
    return rates, recently_active(model.episode, columns, contact, cutoffs).tolist()


def _answers(
    model: ChurnModel, rates: NDArray[np.float64], seen: Observed, cutoffs: NDArray[np.int64], query: ChurnQuery
) -> list[ScoredChurn]:
    values, n = seen.values, len(seen.values)
    rows = model.rows(values, cutoffs)
    margins = model.margins(rows).reshape(n, len(model.periods))
    hazard = model.cumulative(margins)
    days = query.horizon_days or model.horizon_days
    marks = _marks(model, query)
    known = model.is_flat or (days is not None and days <= model.periods.last_day)
    at = model.periods.last_day if model.is_flat else float(min(days or 0, model.periods.last_day))
    upto = model.periods.cumulative(hazard, [at])[:, 0]
    risk = model.leaving(upto)
    scores = model.reference.scores(model.periods, upto, at, contractual=model.episode.contractual)
    bands = model.reference.bands(model.periods, risk, at, model.band_lifts)
    explained = _explained(model, values, rows, margins, at, query.reasons) if query.reasons and known else None
    medians = np.full(n, np.nan) if model.is_flat else model.periods.day_of(hazard, MEDIAN)
    horizons, survival = _read(model, hazard, query)
    worth = rates * (np.nan if model.is_flat else at)
    return [
        ScoredChurn(
            probability=float(risk[i]) if known else None,
            horizon_days=None if model.is_flat else days,
            margin=None if explained is None else explained.margins[i],
            base=None if explained is None else explained.bases[i],
            score=int(scores[i]) if known else None,
            band=bands[i] if known else None,
            reasons=[] if explained is None else explained.reasons[i],
            horizons=horizons[i],
            survival=survival[i],
            days_to_event=None if np.isnan(medians[i]) else float(medians[i]),
            contractual=model.episode.contractual,
            value_at_risk=float(risk[i] * worth[i]) if known and np.isfinite(worth[i]) else None,
            truncated=seen.truncated[i],
            inputs=seen.inputs[i],
            data_quality=marks,
        )
        for i in range(n)
    ]


def _marks(model: ChurnModel, query: ChurnQuery) -> tuple[str, ...]:
    """Name what was requested and cannot be known."""
    wanted = [query.horizon_days or model.horizon_days or 0, *query.horizons]
    if model.is_flat:
        return (NO_HORIZON,) if query.horizon_days or query.horizons or query.survival else ()
    return (BEYOND,) if max(wanted) > model.periods.last_day else ()


def _read(
    model: ChurnModel, hazard: Matrix, query: ChurnQuery
) -> tuple[list[list[tuple[int, float | None]]], list[list[tuple[int, float]]]]:
    """Read the further horizons and the curve of each contact; None beyond what the data can know."""
    n = len(hazard)
    known = [day for day in query.horizons if not model.is_flat and day <= model.periods.last_day]
    at = model.leaving(model.periods.cumulative(hazard, known)).tolist() if known else [[]] * n
    horizons = [[(day, dict(zip(known, one, strict=True)).get(day)) for day in query.horizons] for one in at]
    if not query.survival or model.is_flat:
        return horizons, [[] for _ in range(n)]
    steps = list(range(CURVE_STEP_DAYS, int(model.periods.last_day) + 1, CURVE_STEP_DAYS))
    curve = np.exp(-model.periods.cumulative(hazard, steps)).tolist()
    return horizons, [list(zip(steps, one, strict=True)) for one in curve]


def _explained(
    model: ChurnModel, values: Matrix, rows: Matrix, margins: Matrix, days: float, most: int
) -> "_Explained":
    """Share the event-weighted mean log-odds up to the horizon among the features."""
    n, p, k = len(values), len(model.feature_set), len(model.periods)
    used = 1 if model.is_flat else int(np.count_nonzero(model.periods.starts < days))
    weight = model.weights(margins, days)[:, :used]
    sign = 1.0 if model.episode.contractual else -1.0
    within = rows.reshape(n, k, -1)[:, :used].reshape(n * used, -1)
    shares = model.learner.contributions(within).reshape(n, used, -1) * model.calibrator.slope
    mean = sign * np.einsum("nk,nkc->nc", weight, shares)
    total = sign * np.einsum("nk,nk->n", weight, margins[:, :used])
    # What stands in for a missing value is no reason: its share goes to the base.
    mean[:, :p][np.isnan(values) & ~np.isnan(model.filled(values))] = 0.0
    base = total - mean[:, :p].sum(axis=1)
    return _Explained(total.tolist(), base.tolist(), model.things.reasons(values, mean, most, expected=model.expected))


def _why_not_eligible(model: ChurnModel) -> str:
    named = " or ".join(model.episode.waited_for) if not model.episode.contractual else "activity"
    days = model.episode.active_within_days
    if days is None:
        return f"No {named} yet; only contacts with one are asked about."
    return f"No {named} in the last {days} days; only contacts active so lately are asked about."


class _Explained(NamedTuple):
    margins: list[float]
    bases: list[float]
    reasons: list[list[ReasonPart]]
