"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import json
from pathlib import Path

import numpy as np
import pytest

from services.sendtime.model.sendtime import SendTimeModel
from services.sendtime.model.timing import of_population
from shared.learners.simple import chance

HERE = Path(__file__).parent


def test_the_artifact_loads_and_answers_as_it_did() -> None:
    model = SendTimeModel.load(HERE)

    timing = model.timings["click"]
    answers = chance(timing.margins(of_population(timing.response, np.arange(168))))

    assert answers.tolist() == pytest.approx(json.loads((HERE / "answers.json").read_text()), abs=1e-9)
