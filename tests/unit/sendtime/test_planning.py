from dataclasses import replace
from typing import Any

import pytest

from services.sendtime.api.planning import assigned_parts, packed
from services.sendtime.model.sendtime import SendTimeModel
from shared.contracts.prediction import Prediction
from shared.contracts.rows import DAY, SECOND
from shared.contracts.send_rules import SendPlanOptions

NOW = 1_780_000_000 * SECOND
NOBODY: dict[str, Any] = {"capacity_per_hour": 5}


@pytest.mark.parametrize(
    ("parts", "options", "measure"),
    [
        (1, NOBODY, "engagements"),
        (0, NOBODY, "engagements"),
        (1, {**NOBODY, "engagement": "order"}, "activity_shares"),  # not learned: activity answers
    ],
)
def test_a_plan_without_any_valued_contact_is_measured_as_its_model_values_hours(
    model: SendTimeModel, parts: int, options: dict[str, Any], measure: str
) -> None:
    unknown = packed([Prediction(contact_id="c-1", status="unknown_contact")])

    found = assigned_parts(model, [unknown] * parts, SendPlanOptions.model_validate(options), NOW)

    assert found.summary["measure"] == measure


def test_a_plan_of_a_model_of_activity_is_measured_in_shares(model: SendTimeModel) -> None:
    activity = replace(model, timings={}, default=None)

    found = assigned_parts(activity, [], SendPlanOptions.model_validate(NOBODY), NOW + DAY)

    assert found.summary["measure"] == "activity_shares"
