"""Write the golden artifact anew: `PYTHONPATH=. python tests/contract/golden/sendtime/regenerate.py`.

To be run only when answers are meant to change (a new ENGINE_VERSION or artifact FORMAT); the difference belongs
into the same commit as the reason for it.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.local_week import HOURS, SLOTS, Zones
from services.sendtime.model.response import Pulling, Response, Sent
from services.sendtime.model.sendtime import SendTimeModel
from services.sendtime.model.timing import Timing, of_population
from shared.evaluation.calibration import Calibrator
from shared.learners.simple import chance

HERE = Path(__file__).parent
CONTACTS, EACH = 60, 40


def response() -> Response:
    """Learn from contacts of whom half answer at 9, half at 19."""
    draw = np.random.default_rng(8)
    who = np.repeat(np.arange(CONTACTS), EACH)
    hour = draw.integers(7, 22, len(who))
    margin = -2.0 + 2.0 * np.exp(-(((hour - np.where(who % 2, 19, 9)) / 1.5) ** 2))
    engaged = (draw.random(len(who)) < chance(margin)).astype(float)
    slot = draw.integers(0, 7, len(who)) * HOURS + hour
    sent = Sent(who, slot, np.zeros(len(who), np.int64), engaged, np.ones(len(who)))
    return Response.fit(sent, ("may",), Pulling(groups=2, half_life_days=365.0))


def activity() -> Activity:
    """Learn from contacts of whom half are about at 8, half at 20."""
    counts = np.zeros((CONTACTS, SLOTS))
    for row in range(CONTACTS):
        counts[row, np.arange(7) * HOURS + (20 if row % 2 else 8)] = 4.0
    return Activity.fit(counts, Pooling(groups=2, strength=20.0, half_life_days=365.0))


def fit() -> SendTimeModel:
    """Fit the model."""
    return SendTimeModel(
        grade="B",
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        zones=Zones("Europe/Paris", {"country": {"us": "America/New_York"}}),
        activity=activity(),
        timings={"click": Timing("click", response(), Calibrator(0.9, 0.1), None, varied=True)},
        default="click",
    )


def answers(model: SendTimeModel) -> list[float]:
    """Return the chance of a click in each hour of the week, for somebody of whom nothing is known, shape (168,)."""
    timing = model.timings["click"]
    return chance(timing.margins(of_population(timing.response, np.arange(SLOTS)))).tolist()


def main() -> None:
    """Write artifact and answers."""
    model = fit()
    model.save(HERE)
    lines = ",\n ".join(json.dumps(answer) for answer in answers(model))
    (HERE / "answers.json").write_text(f"[\n {lines}\n]\n")


if __name__ == "__main__":
    main()
