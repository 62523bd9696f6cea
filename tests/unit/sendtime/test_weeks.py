from dataclasses import replace

import numpy as np
import pytest

from services.sendtime.api.weeks import weeks
from services.sendtime.model.sendtime import SendTimeModel


def test_where_only_activity_is_known_the_weeks_are_shares_and_not_called_chances(model: SendTimeModel) -> None:
    found = weeks(replace(model, timings={}, default=None))

    assert (found["unit"], found["is_chance"]) == ("activity", False)
    for week in (found["everybody"], *found["groups"]):
        assert sum(week["values"]) == pytest.approx(1.0, abs=1e-4)
        assert week["finding"].startswith("Most active on ")
    assert sorted(week["best"] % 24 for week in found["groups"]) == [8, 20]


def test_where_all_are_alike_there_are_no_groups(model: SendTimeModel) -> None:
    activity = replace(
        model.activity,
        group_share=np.ones(1),
        group_hours=model.activity.group_hours[:1],
        group_days=model.activity.group_days[:1],
    )

    assert weeks(replace(model, timings={}, default=None, activity=activity))["groups"] == []


def test_where_all_was_sent_at_one_hour_that_hour_is_named(model: SendTimeModel) -> None:
    timing = replace(model.timings["click"], varied=False)

    found = weeks(replace(model, timings={"click": timing}))

    assert found["usual_hour"] == timing.usual_hour


def test_an_average_member_of_the_groups_is_near_everybody(model: SendTimeModel) -> None:
    found = weeks(model)
    tried = [slot for slot, value in enumerate(found["everybody"]["values"]) if value is not None]

    mean = [sum(week["share"] * week["values"][slot] for week in found["groups"]) for slot in tried]

    assert np.abs(np.array(mean) - [found["everybody"]["values"][slot] for slot in tried]).max() < 0.1
