"""What churn declares: what may be requested, what is added to the head of a prediction, and which answers are kept."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.churn.capability import CAPABILITY
from services.churn.model import ChurnQuery
from services.churn.schemas import ChurnPrediction, ChurnRequest

ADDED = ("horizon_days", "horizons", "survival", "days_to_leave", "days_to_next_activity", "value_at_risk")


def request(**fields: Any) -> ChurnRequest:
    return ChurnRequest.model_validate({"contacts": [{"id": "c-1"}], **fields})


def test_without_a_word_the_version_s_own_horizon_is_answered() -> None:
    asked = request()

    assert (asked.horizon_days, asked.horizons, asked.survival, asked.outcome_requested) == (None, (), False, None)
    assert request(outcome="lapsed").outcome_requested == "lapsed"


@pytest.mark.parametrize(
    "fields",
    [{"horizon_days": 1}, {"horizon_days": 365}, {"horizons": [1, 365]}, {"horizons": [7] * 20}, {"survival": True}],
)
def test_horizons_of_1_to_365_days_may_be_requested(fields: dict[str, Any]) -> None:
    assert request(**fields).model_dump(include=set(fields), mode="json") == fields


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"horizon_days": 0}, ("horizon_days",)),
        ({"horizon_days": -1}, ("horizon_days",)),
        ({"horizon_days": 366}, ("horizon_days",)),
        ({"horizon_days": 10_000}, ("horizon_days",)),
        ({"horizon_days": 30.5}, ("horizon_days",)),
        ({"horizon_days": "30"}, ("horizon_days",)),
        ({"horizon_days": True}, ("horizon_days",)),
        ({"horizon_days": "30d"}, ("horizon_days",)),
        ({"horizons": [30, 0]}, ("horizons", 1)),
        ({"horizons": [10_000]}, ("horizons", 0)),
        ({"horizons": ["7"]}, ("horizons", 0)),
        ({"horizons": 30}, ("horizons",)),
        ({"horizons": [7] * 21}, ("horizons",)),
        ({"survival": "yes"}, ("survival",)),
        ({"survival": 1}, ("survival",)),
        ({"horizon": 30}, ("horizon",)),
        ({"outcome": "No Such"}, ("outcome",)),
    ],
)
def test_other_horizons_are_refused_where_they_stand(fields: dict[str, Any], where: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        request(**fields)

    assert [error["loc"] for error in refused.value.errors()] == [where]


@pytest.mark.parametrize(
    ("own", "asked", "is_kept"), [(30, None, True), (30, 30, True), (30, 60, False), (None, None, True)]
)
def test_only_an_answer_about_the_version_s_own_horizon_becomes_the_latest_one(
    tiny: Any, own: int | None, asked: int | None, is_kept: bool
) -> None:
    assert CAPABILITY.is_stored(request(horizon_days=asked, horizons=[7]), tiny(horizon_days=own)) is is_kept


def test_the_request_reaches_the_model_as_it_was_sent(tiny: Any, account: Any, day: Any) -> None:
    model, pasts = tiny(weight=1.0), account(("c", "order_placed", 99, 5.0), a={"c": 1.0})
    asked = request(horizon_days=10, horizons=[7, 30], survival=True, reasons=2)

    found = model.answer(pasts, day(100), asked)

    assert found == model.predict(pasts, day(100), ChurnQuery(10, (7, 30), True, 2))


@pytest.mark.parametrize(
    ("contractual", "leaves", "returns"), [(True, pytest.approx(10.0), None), (False, None, pytest.approx(10.0))]
)
def test_the_median_is_named_for_what_is_waited_for(
    tiny: Any, account: Any, day: Any, contractual: bool, leaves: Any, returns: Any
) -> None:
    model = tiny(contractual=contractual, value_types=("order_placed",))
    pasts = account(("c", "order_placed", 50, 50.0), c=0)

    (scored,) = model.predict(pasts, day(100), ChurnQuery(10, (7,), True))
    added = scored.own_fields()

    assert tuple(added) == ADDED
    assert (added["days_to_leave"], added["days_to_next_activity"]) == (leaves, returns)
    assert added["horizon_days"] == 10
    assert [one["days"] for one in added["horizons"]] == [7]
    assert [one["days"] for one in added["survival"]] == [7, 14, 21, 28]
    assert added["value_at_risk"] == pytest.approx(0.5 * 0.5 * 10)


def test_what_was_not_requested_is_null(tiny: Any, account: Any, day: Any) -> None:
    (scored,) = tiny().predict(account(a={"c": 1.0}), day(100), ChurnQuery())

    added = scored.own_fields()

    assert (added["horizons"], added["survival"], added["value_at_risk"]) == (None, None, None)


def test_without_a_prediction_everything_that_is_added_is_null() -> None:
    assert CAPABILITY.absent_fields == dict.fromkeys(ADDED)


def test_every_added_field_is_one_of_the_response() -> None:
    assert set(ADDED) <= set(ChurnPrediction.model_fields)


def test_a_version_is_loaded_as_it_was_saved(tiny: Any, tmp_path: Any) -> None:
    tiny().save(tmp_path)

    assert CAPABILITY.load(tmp_path).horizon_days == 30
