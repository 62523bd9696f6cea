"""What churn answers over HTTP, about contacts of every sort."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from shared.store import AccountStore

NOW = datetime(2026, 6, 1, tzinfo=UTC)


async def answers(running: Any, *contacts: str, outcome: str = "left", **fields: Any) -> dict[str, Any]:
    payload = {"contacts": [{"id": name} for name in contacts], "outcome": outcome, **fields}
    async with running() as client:
        reply = await client.post("/churn-risk", payload)
    assert reply.status == 200, reply.body
    return {one["contact_id"]: one for one in reply.json["predictions"]}


EVERY_SORT = ("member", "left", "returned", "never-began", "bare", "newborn", "busy", "silent", "faithful", "nobody")


async def test_contacts_of_every_sort_are_answered_sensibly_about_leaving(running: Any) -> None:
    found = await answers(running, *EVERY_SORT)

    assert {name: one["status"] for name, one in found.items()} == {
        "member": "ok",
        "left": "outcome_reached",
        "returned": "ok",
        "never-began": "not_eligible",
        "bare": "insufficient_data",
        "newborn": "ok",
        "busy": "ok",
        "silent": "ok",  # a subscriber is at risk however quiet
        "faithful": "ok",  # who began before the lookback
        "nobody": "unknown_contact",
    }
    assert "new_contact" in found["newborn"]["data_quality"]
    assert "truncated_history" in found["busy"]["data_quality"]
    for one in found.values():
        if one["status"] == "ok":
            assert 0 < one["probability"] < 1
            assert (one["horizon_days"], one["days_to_next_activity"], one["source"]) == (30, None, "model")
            assert one["band"]
        else:
            assert one["probability"] is one["band"] is one["horizon_days"] is one["value_at_risk"] is None
            assert one["detail"]
    assert found["busy"]["probability"] < found["member"]["probability"]


async def test_contacts_of_every_sort_are_answered_sensibly_about_silence(running: Any) -> None:
    found = await answers(running, *EVERY_SORT, outcome="quiet")

    assert {name: one["status"] for name, one in found.items()} == {
        "member": "ok",
        "left": "ok",  # nothing that is waited for can have ended
        "returned": "ok",
        "never-began": "ok",
        "bare": "insufficient_data",
        "newborn": "ok",
        "busy": "ok",
        "silent": "not_eligible",
        "faithful": "ok",
        "nobody": "unknown_contact",
    }
    assert found["silent"]["detail"] == (
        "No page_viewed in the last 60 days; only contacts active so lately are asked about."
    )
    assert (found["silent"]["probability"], found["silent"]["reasons"]) == (None, [])
    assert found["busy"]["probability"] < found["member"]["probability"]
    assert found["busy"]["days_to_next_activity"] < found["member"]["days_to_next_activity"]
    assert found["busy"]["days_to_leave"] is None


async def test_the_risk_is_by_hand_what_curve_and_rate_say(running: Any) -> None:
    one = (await answers(running, "member", horizons=[7]))["member"]

    # A page viewed: log 2 times -0.3, on top of -2.5 and -1.5; the plan is none that weighs.
    stays = [1 / (1 + np.exp(base - 0.3 * np.log(2))) for base in (-2.5, -1.5)]
    assert one["horizons"] == [{"days": 7, "probability": pytest.approx(1 - stays[0])}]
    assert one["probability"] == pytest.approx(1 - stays[0] * stays[1])
    assert one["value_at_risk"] == pytest.approx(one["probability"] * 73 / 365 * 30)
    # Two such periods, the second nearly four times as likely: the reason lowers it by about a fifth of one.
    assert [(part["feature"], part["effect"], part["contribution"]) for part in one["reasons"]] == [
        ("page_viewed_90d", "lowers", pytest.approx(-0.3 * np.log(2)))
    ]
    assert one["reasons"][0]["text"] == "Viewed 1 page in the last 90 days"


async def test_what_lowers_a_silence_is_what_brings_the_next_activity_nearer(running: Any) -> None:
    one = (await answers(running, "member", outcome="quiet"))["member"]

    assert [(part["effect"], part["contribution"]) for part in one["reasons"]] == [
        ("lowers", pytest.approx(-0.3 * np.log(2)))
    ]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"horizon_days": 0}, "/horizon_days"),
        ({"horizon_days": 10_000}, "/horizon_days"),
        ({"horizons": [30, 10_000]}, "/horizons/1"),
        ({"survival": "yes"}, "/survival"),
    ],
)
async def test_a_horizon_out_of_bounds_is_refused_where_it_stands(
    running: Any, fields: dict[str, Any], pointer: str
) -> None:
    async with running() as client:
        reply = await client.post("/churn-risk", {"contacts": [{"id": "busy"}], "outcome": "left", **fields})

    assert (reply.status, reply.json["code"]) == (422, "invalid-request")
    assert [error["pointer"] for error in reply.json["errors"]] == [pointer]


async def test_one_curve_answers_all_horizons_as_far_as_it_reaches(running: Any) -> None:
    found = await answers(running, "busy", "member", horizons=[7, 30, 60, 90, 91, 365], survival=True)

    for one in found.values():
        risks = {risk["days"]: risk["probability"] for risk in one["horizons"]}
        assert list(risks) == [7, 30, 60, 90, 91, 365]
        assert risks[7] < risks[30] < risks[60] < risks[90]
        assert risks[30] == one["probability"]
        assert (risks[91], risks[365]) == (None, None)
        assert "horizon_beyond_data" in one["data_quality"]
        survival = {point["days"]: point["survival"] for point in one["survival"]}
        assert list(survival) == list(range(7, 91, 7))
        assert survival[7] == pytest.approx(1 - risks[7])


async def test_a_silence_grows_less_likely_with_the_horizon(running: Any) -> None:
    found = await answers(running, "newborn", outcome="quiet", horizons=[1, 7, 14, 30, 60])

    risks = [risk["probability"] for risk in found["newborn"]["horizons"]]
    assert risks == sorted(risks, reverse=True)
    assert len(set(risks)) == 5


async def test_a_horizon_beyond_the_data_is_null_and_noted(running: Any) -> None:
    one = (await answers(running, "busy", horizon_days=365))["busy"]

    assert one["status"] == "ok"
    assert (one["probability"], one["score"], one["band"], one["reasons"]) == (None, None, None, [])
    assert one["horizon_days"] == 365
    assert "horizon_beyond_data" in one["data_quality"]


async def test_an_answer_about_another_horizon_does_not_become_the_latest_one(
    running: Any, store: AccountStore
) -> None:
    latest = (await answers(running, "member"))["member"]["probability"]
    other = (await answers(running, "member", horizon_days=7))["member"]["probability"]
    further = await answers(running, "member", horizon_days=30, horizons=[7], survival=True)

    (row,) = (one for one in store.predictions.ranked("churn", "left", limit=100) if one.contact_id == "member")
    assert other != latest
    assert row.probability == latest == further["member"]["probability"]


async def test_without_a_name_the_default_outcome_is_meant(running: Any) -> None:
    """It is the automatic one, of which there is no version here: the answer names the command."""
    async with running() as client:
        reply = await client.post("/churn-risk", {"contacts": [{"id": "busy"}]})

    assert (reply.status, reply.json["code"], reply.json["outcome"]) == (409, "no-model-trained", "churn")
    assert "foretell train churn --outcome churn" in reply.json["detail"]


async def test_an_old_cutoff_is_answered_from_what_lay_before_it(running: Any) -> None:
    found = await answers(running, "left", cutoff=(NOW - timedelta(days=25)).isoformat())

    assert found["left"]["status"] == "ok"


async def test_a_cancellation_in_the_call_itself_ends_the_question(running: Any) -> None:
    ended = {"type": "subscription_cancelled", "occurred_at": "2026-05-31T00:00:00Z"}
    async with running() as client:
        payload = {"contacts": [{"id": "member", "events": [ended]}, {"id": "member"}], "outcome": "left"}
        reply = await client.post("/churn-risk", payload)

    assert [one["status"] for one in reply.json["predictions"]] == ["outcome_reached", "ok"]
