"""What a version answers to a table of the registry: one row is one contact and one hour of its local week. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity
from services.sendtime.model.local_week import DAY_NAMES, HOUR_OF, HOURS, SLOTS, Matrix, Vector, by_hour
from services.sendtime.model.slot_choice import ENOUGH_SENDS, UNTRIED
from services.sendtime.model.timing import NAMES, PARTS, Timing
from shared.learners.simple import chance, log_odds
from shared.registry.artifact import InputColumn, OutputColumn, category_column, number_column
from shared.ties import falling

CONTACT = "contact"
"""Rows with the same text are hours of the same contact, the best of which is named; without it all rows are."""
_PLACE = {name: place for place, name in enumerate(NAMES)}
_NOTHING_KNOWN = tuple(_PLACE[name] for name in (*PARTS[1:], "active_then"))
"""Columns that are 0 for a contact of whom nothing is known."""
NEVER_BEST = -1e9
"""Below anything that an hour may promise."""
_EXAMPLES = {"hour": 9.0, "population": -2.0, "sends": 2.4, "days_since_send": 3.0}


def table_inputs() -> tuple[InputColumn, ...]:
    """Describe the columns of a row; only the hour and the weekday must be there."""
    groups: dict[str, float] = {}
    contact = InputColumn(
        CONTACT, "string", lambda text: groups.setdefault(str(text), float(len(groups))), "anna", required=False
    )
    return (*(_column(name) for name in NAMES), contact)


def _column(name: str) -> InputColumn:
    if name == "weekday":
        return category_column(name, DAY_NAMES, required=True)
    return number_column(name, example=_EXAMPLES.get(name, 0.1), required=name == "hour")


def table_outputs(timing: Timing | None) -> tuple[OutputColumn, ...]:
    """Describe what is answered: a chance, or a share where only activity is known; and which hour is the best."""
    value = "activity_share" if timing is None else "probability"
    return OutputColumn(value, "double"), OutputColumn("send_at", "string"), OutputColumn("is_best", "boolean")


def answers(timing: Timing | None, activity: Activity, values: Matrix) -> Mapping[str, Any]:
    """Answer rows with the columns of `table_inputs`.

    Args:
        timing: of the default engagement; None where sends are not known.
        activity: of the population.
        values: shape (n, p + 1), the contact last; NaN is missing.
    """
    slot = _slots(values)
    known = slot >= 0
    value, preferred = np.full(len(values), np.nan), np.full(len(values), NEVER_BEST)
    rows = _completed(timing, values[known, :-1], slot[known])
    value[known], preferred[known] = (
        _by_activity(activity, rows, slot[known]) if timing is None else _by_answers(timing, rows, slot[known])
    )
    clock = np.array([*(f"{DAY_NAMES[at // HOURS]} {at % HOURS:02d}:00" for at in range(SLOTS)), None], dtype=object)
    return {
        table_outputs(timing)[0].name: value,
        "send_at": clock[slot],
        "is_best": _best(values[:, -1], preferred) & known,
    }


def _slots(values: Matrix) -> NDArray[np.int64]:
    """Read the slot of each row; -1 where it does not say one."""
    day, hour = values[:, _PLACE["weekday"]], values[:, _PLACE["hour"]]
    stated = np.isin(day, np.arange(len(DAY_NAMES))) & np.isin(hour, np.arange(HOURS))
    return np.where(stated, np.nan_to_num(day) * HOURS + np.nan_to_num(hour), -1).astype(np.int64)


def _completed(timing: Timing | None, values: Matrix, slot: NDArray[np.int64]) -> Matrix:
    """Put in what holds for a contact of whom nothing is known."""
    whole = values.copy()
    for place in _NOTHING_KNOWN:
        whole[:, place] = np.nan_to_num(whole[:, place])
    if timing is not None:
        usual = timing.response.population[slot]
        whole[:, 0] = np.where(np.isnan(whole[:, 0]), usual, whole[:, 0])
    return whole


def _by_answers(timing: Timing, rows: Matrix, slot: NDArray[np.int64]) -> tuple[Vector, Vector]:
    hour = HOUR_OF[slot]
    margins = timing.margins(rows)
    probability = chance(margins)
    if timing.varied:
        untried = by_hour(timing.response.sent)[hour] < ENOUGH_SENDS
        return probability, margins + np.where(untried, UNTRIED, 0.0)
    apart = np.abs(hour - timing.usual_hour)
    away = np.minimum(apart, HOURS - apart)
    return np.where(away == 0, probability, np.nan), -away.astype(np.float64)


def _by_activity(activity: Activity, rows: Matrix, slot: NDArray[np.int64]) -> tuple[Vector, Vector]:
    share: Vector = activity.population[slot] * np.exp(rows[:, _PLACE["active_then"]])
    return share, log_odds(share)


def _best(contact: Vector, preferred: Vector) -> NDArray[np.bool_]:
    """Mark the best row of each contact, of equally good ones the first."""
    best = np.zeros(len(contact), dtype=bool)
    whose = np.nan_to_num(contact, nan=-1.0)
    for one in np.unique(whose):
        mine = np.flatnonzero(whose == one)
        best[mine[falling(preferred[mine])[0]]] = True
    return best
