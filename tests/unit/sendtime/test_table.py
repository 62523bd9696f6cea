"""What MLflow's table of send times answers where cells are missing, and where hours cannot be compared."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from services.sendtime.model.local_week import DAY_NAMES
from services.sendtime.model.sendtime import SendTimeModel
from shared.learners.simple import chance
from shared.registry.artifact import FeatureTable

WEEK = pd.DataFrame({"weekday": [day for day in DAY_NAMES for _ in range(24)], "hour": [*range(24)] * 7}, dtype=object)


def test_a_contact_of_whom_nothing_is_known_is_the_average_contact(model: SendTimeModel) -> None:
    answers = FeatureTable(model).predict(WEEK)

    assert_allclose(answers["probability"], chance(model.timings["click"].population_margins()), atol=1e-12)


def test_each_contact_has_one_best_hour_and_it_is_one_that_was_tried(model: SendTimeModel) -> None:
    later = WEEK.assign(contact="b", own_hours=[5.0 if hour == 15 else 0.0 for hour in WEEK["hour"]])
    asleep = WEEK.assign(contact="a", own_hours=[50.0 if hour == 3 else 0.0 for hour in WEEK["hour"]])

    answers = FeatureTable(model).predict(pd.concat([asleep, later], ignore_index=True))

    best = answers["send_at"][answers["is_best"]].tolist()
    assert len(best) == 2
    assert not best[0].endswith("03:00")
    assert best[1].endswith("15:00")


@pytest.mark.parametrize(
    ("weekday", "hour"), [(None, 9.0), ("Monday", None), ("Someday", 9.0), ("Monday", 24.0), ("Monday", 9.5)]
)
def test_a_row_that_names_no_hour_of_the_week_is_not_answered(
    model: SendTimeModel, weekday: str | None, hour: float | None
) -> None:
    answers = FeatureTable(model).predict(pd.DataFrame({"weekday": [weekday, "Monday"], "hour": [hour, 9.0]}))

    assert answers["probability"].isna().tolist() == [True, False]
    assert answers["send_at"].isna().tolist() == [True, False]
    assert answers["is_best"].tolist() == [False, True]


def test_without_comparable_hours_only_the_usual_one_has_a_chance(model: SendTimeModel) -> None:
    timing = replace(model.timings["click"], varied=False)
    usual = replace(model, timings={"click": timing})

    answers = FeatureTable(usual).predict(WEEK)

    known = answers["probability"].notna()
    assert set(answers["send_at"][known].str[-5:]) == {f"{timing.usual_hour:02d}:00"}
    assert answers["send_at"][answers["is_best"]].tolist() == [f"Monday {timing.usual_hour:02d}:00"]


def test_where_sends_are_not_known_it_is_a_share_of_activity(model: SendTimeModel) -> None:
    active = replace(model, timings={}, default=None)

    answers = FeatureTable(active).predict(WEEK)

    assert_allclose(answers["activity_share"], model.activity.population, atol=1e-12)
    assert int(np.flatnonzero(answers["is_best"])[0]) == int(np.argmax(model.activity.population))
