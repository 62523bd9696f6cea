"""What a report of churn says on top: errors at 30, 60 and 90 days, the whole curve under censoring, calibration."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.churn.model.periods import Periods
from services.churn.train.curves import Curves, leaving
from services.churn.train.hazard import HazardRows, in_days
from services.churn.train.material import ChurnMaterial
from shared.contracts.rows import DAY
from shared.evaluation import metrics
from shared.evaluation.metrics import Interval, of_figures, of_mean
from shared.evaluation.survival import brier_losses, kaplan_meier, over_time
from shared.learners.simple import Vector, log_odds
from shared.ties import falling

HORIZONS = (30, 60, 90)
GROUPS = 4


def horizon_figures(stuff: ChurnMaterial, rows: HazardRows, found: Curves) -> dict[str, Interval | float]:
    """Judge the curve at several horizons and as a whole.

    Returns:
        For each of 30, 60 and 90 days and the graded horizon, where frames are closed: Brier, calibration slope and
        intercept; and the Brier score over the whole curve, weighted for frames that were not followed to its end.
        Source: Graf and others (1999).
    """
    figures: dict[str, Interval | float] = {}
    contractual = stuff.wanted.contractual
    for days in sorted({*HORIZONS, stuff.outcome.horizon_days}):
        closed = rows.waits.closed(days * DAY)[found.frames]
        if days > rows.periods.last_day or closed.sum() < 2:
            continue
        frames = found.frames[closed]
        came = rows.waits.came_within(days * DAY)[frames]
        labels = came if contractual else 1.0 - came
        risk = leaving(rows.periods, found.nested[closed], days, contractual=contractual)
        figures |= _at(days, labels, risk, rows.waits.contact[frames])
    return figures | _whole(rows, found)


def _at(days: int, labels: Vector, risk: Vector, owner: NDArray[np.int32]) -> dict[str, Interval | float]:
    margin = log_odds(risk)
    line = metrics.calibration_line(labels, margin)
    start = line if np.isfinite(line).all() else (1.0, 0.0)

    def line_of(times: Vector) -> dict[str, float]:
        slope, intercept = metrics.calibration_line(labels, margin, times, start=start)
        return {f"calibration_slope_{days}d": slope, f"calibration_intercept_{days}d": intercept}

    return {f"brier_{days}d": of_mean((risk - labels) ** 2, owner), **of_figures(line_of, owner)}


def _whole(rows: HazardRows, found: Curves) -> dict[str, Interval | float]:
    wait, followed = (column[found.frames] for column in in_days(rows.waits))
    durations, events = np.minimum(wait, followed), (wait < followed).astype(np.float64)
    ends = np.array(rows.periods.ends)
    times = ends[ends < durations.max()]
    if len(times) < 2:
        return {}
    survival = np.exp(-found.nested[:, : len(times)])
    losses = over_time(brier_losses(durations, events, survival, times), times)
    return {"integrated_brier": of_mean(losses, rows.waits.contact[found.frames])}


def curve_groups(rows: HazardRows, found: Curves, periods: Periods) -> dict[str, Any]:
    """Compare predicted and seen curves of four equal groups of judged frames, by how soon the event is expected.

    Returns:
        Days, and for each group the mean predicted share without the event and Kaplan-Meier's of what was seen.
    """
    wait, followed = (column[found.frames] for column in in_days(rows.waits))
    durations, events = np.minimum(wait, followed), (wait < followed).astype(np.float64)
    order = falling(-found.nested[:, len(periods) // 2])
    groups = []
    for part in np.array_split(order, GROUPS):
        seen = kaplan_meier(durations[part], events[part], np.array(periods.ends))
        predicted = np.exp(-found.nested[part]).mean(axis=0)
        groups.append(
            {
                "predicted": [round(float(share), 6) for share in predicted],
                "seen": [None if np.isnan(share) else round(float(share), 6) for share in seen],
            }
        )
    return {"days": list(periods.ends), "groups": groups}
