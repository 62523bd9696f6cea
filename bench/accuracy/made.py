"""A made table of a telephone company: few leave, and only columns together say who. CatBoost is the reference."""

from collections.abc import Callable

import numpy as np

from bench.accuracy.judging import Result, fit_frames, flat_pasts, predicted, result
from shared.contracts.outcome import Outcome
from shared.timeline import NEVER
from shared.timeline.pasts import Frames

LEARNED, ASKED = 5_000, 20_000
CATBOOST = (0.877, 0.228)
"""AUC and log loss of CatBoost 1.2.10 with its defaults on the same rows, `state` as a category."""


def table(rows: int, *, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Make customers and who left: chances that hang on two or three columns at once, a state and noise beside them."""
    draw = np.random.default_rng(seed)
    day, evening, night = draw.normal(180, 54, rows), draw.normal(200, 50, rows), draw.normal(200, 50, rows)
    abroad, calls_abroad = draw.gamma(6, 1.7, rows), draw.poisson(4.4, rows)
    complaints = draw.poisson(1.56, rows)
    plan, voicemail = draw.random(rows) < 0.1, draw.random(rows) < 0.27
    bill = 0.17 * day + 0.085 * evening + 0.045 * night + 0.27 * abroad
    chance = np.full(rows, 0.035)
    chance[(bill > 74) & ~voicemail] = 0.88
    chance[complaints >= 4] = np.where(day[complaints >= 4] < 160, 0.80, 0.25)
    chance[plan & ((calls_abroad <= 2) | (abroad > 13.1))] = 0.92
    columns = {
        "minutes_by_day": day,
        "minutes_in_the_evening": evening,
        "minutes_at_night": night,
        "minutes_abroad": abroad,
        "calls_abroad": calls_abroad.astype(np.float64),
        "complaints": complaints.astype(np.float64),
        "plan_for_abroad": plan.astype(np.float64),
        "voicemail": voicemail.astype(np.float64),
        "state": draw.integers(0, 50, rows),
        **{f"noise_{number}": draw.normal(size=rows) for number in range(4)},
    }
    return columns, (draw.random(rows) < chance).astype(np.float64)


def telephone(progress: Callable[[str], None]) -> Result:
    """Learn from 5,000 customers, ask about 20,000 others."""
    progress("made telephone company")
    columns, labels = table(LEARNED + ASKED, seed=0)
    columns["state"] = np.array([f"state {number}" for number in columns["state"]])
    records = [
        dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]
    pasts = flat_pasts(records)
    whole = Frames(np.arange(len(labels), dtype=np.int32), np.full(len(labels), NEVER - 1), labels)
    learned, asked = whole.take(np.arange(LEARNED)), whole.take(np.arange(LEARNED, LEARNED + ASKED))
    outcome = Outcome(name="left", capability="scoring", attribute="left")
    fit = fit_frames(outcome, pasts, learned)
    return result(
        "Made telephone company",
        asked.label,
        predicted(fit, pasts, asked),
        owner=asked.contact,
        constant=np.full(ASKED, learned.label.mean()),
        kinds=[fit.model.kind],
        reference=CATBOOST,
    )
