"""A model made by hand: clicks at 9 on weekdays and at 19, learned from contacts whose habits are known."""

from datetime import UTC, datetime

import numpy as np
import pytest

from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.local_week import HOURS, SLOTS, Zones
from services.sendtime.model.response import Pulling, Response, Sent
from services.sendtime.model.sendtime import SendTimeModel
from services.sendtime.model.timing import Timing
from shared.evaluation.calibration import Calibrator
from shared.learners.simple import chance

CONTACTS, EACH = 300, 60


@pytest.fixture(scope="session")
def response() -> Response:
    """Half of the contacts answer at 9, half at 19; sends are spread."""
    draw = np.random.default_rng(8)
    who = np.repeat(np.arange(CONTACTS), EACH)
    hour = draw.integers(7, 22, len(who))
    peak = np.where(who % 2, 19, 9)
    margin = -2.0 + 2.0 * np.exp(-(((hour - peak) / 1.5) ** 2))
    engaged = (draw.random(len(who)) < chance(margin)).astype(float)
    sent = Sent(
        who, draw.integers(0, 7, len(who)) * HOURS + hour, np.zeros(len(who), np.int64), engaged, np.ones(len(who))
    )
    return Response.fit(sent, ("may",), Pulling(groups=2, half_life_days=365.0))


@pytest.fixture(scope="session")
def activity() -> Activity:
    counts = np.zeros((120, SLOTS))
    for row in range(120):
        counts[row, np.arange(7) * HOURS + (20 if row % 2 else 8)] = 4.0
    return Activity.fit(counts, Pooling(groups=2, strength=20.0, half_life_days=365.0))


@pytest.fixture(scope="session")
def model(response: Response, activity: Activity) -> SendTimeModel:
    timing = Timing("click", response, Calibrator(0.9, 0.1), None, varied=True)
    return SendTimeModel(
        grade="B",
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        zones=Zones("Europe/Paris", {"country": {"us": "America/New_York"}}),
        activity=activity,
        timings={"click": timing},
        default="click",
    )
