"""What churn means, defined and shown over HTTP."""

from typing import Any

import pytest

OF_CHURN = {"capability": "churn"}


async def put(gateway: Any, name: str, fields: dict[str, Any]) -> tuple[int, Any]:
    status, answer, _ = await gateway.request("PUT", f"/outcomes/{name}", gateway.key(), json=fields, params=OF_CHURN)
    return status, answer


async def test_every_account_has_the_automatic_outcome_as_churn_s_default(gateway) -> None:
    status, answer, _ = await gateway.request("GET", "/outcomes", gateway.key(scopes=("read",)), params=OF_CHURN)

    assert status == 200
    assert answer["outcomes"] == [
        {
            "name": "churn",
            "capability": "churn",
            "event_types": [],
            "silence": [],
            "horizon_days": 90,
            "repeatable": False,
            "first_only": True,
            "at": [],
            "every_days": None,
            "active_within_days": 180,
            "attribute": None,
            "positive": None,
            "sums_value": False,
            "band_lifts": [1.0, 2.0, 4.0],
            "allowed": [],
            "forbidden": [],
            "built_in": True,
            "default": True,
        }
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"event_types": ["subscription_cancelled"]},
            {"horizon_days": 60, "active_within_days": None},
        ),
        (
            {"event_types": ["subscription_cancelled"], "horizon_days": 90, "active_within_days": 180},
            {"horizon_days": 90, "active_within_days": 180},
        ),
        (
            {"silence": ["order_placed", "page_viewed"], "horizon_days": 28, "band_lifts": [1, 3, 9]},
            {"horizon_days": 28, "active_within_days": 180, "band_lifts": [1.0, 3.0, 9.0]},
        ),
        ({"silence": ["order_placed"], "active_within_days": None}, {"horizon_days": 90, "active_within_days": None}),
        ({"attribute": "Churn", "positive": "Yes"}, {"attribute": "Churn", "positive": "Yes"}),
        ({}, {"event_types": [], "silence": [], "horizon_days": 90}),
    ],
)
async def test_churn_is_defined_shown_and_listed(gateway, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    status, defined = await put(gateway, "lapsed", fields)
    _, shown, _ = await gateway.request("GET", "/outcomes/lapsed", gateway.key(), params=OF_CHURN)
    _, listed, _ = await gateway.request("GET", "/outcomes", gateway.key())

    assert status == 201
    assert {name: defined[name] for name in expected} == expected
    assert shown == defined
    assert shown in listed["outcomes"]
    assert (defined["capability"], defined["built_in"], defined["default"]) == ("churn", False, False)


async def test_a_redefined_churn_is_still_the_default_and_becomes_automatic_again(gateway) -> None:
    _, mine = await put(gateway, "churn", {"silence": ["order_placed"]})
    deleted, _, _ = await gateway.request("DELETE", "/outcomes/churn", gateway.key(), params=OF_CHURN)
    _, again, _ = await gateway.request("GET", "/outcomes/churn", gateway.key(), params=OF_CHURN)
    refused, problem, _ = await gateway.request("DELETE", "/outcomes/churn", gateway.key(), params=OF_CHURN)

    assert (mine["built_in"], mine["default"]) == (False, True)
    assert deleted == 204
    assert (again["silence"], again["built_in"], again["default"]) == ([], True, True)
    assert (refused, problem["code"]) == (409, "conflict")


async def test_an_outcome_of_scoring_knows_nothing_of_churn_s_of_that_name(gateway) -> None:
    await put(gateway, "lapsed", {"silence": ["order_placed"]})

    status, problem, _ = await gateway.request("GET", "/outcomes/lapsed", gateway.key())

    assert (status, problem["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    "fields",
    [
        {"event_types": ["subscription_cancelled"], "silence": ["order_placed"]},
        {"silence": ["order_placed"], "attribute": "Churn"},
        {"silence": ["order_placed"], "repeatable": True},
        {"event_types": ["a"], "at": [{"event_type": "b", "after_seconds": 1}]},
        {"silence": ["Not Snake"]},
        {"silence": ["order_placed"], "horizon_days": 0},
        {"silence": ["order_placed"], "horizon_days": 366},
        {"silence": ["order_placed"], "active_within_days": 3_651},
        {"silence": ["order_placed"], "band_lifts": [1, 2]},
        {"silence": ["order_placed"], "band_lifts": [4, 2, 1]},
        {"silence": ["order_placed"], "band_lifts": [0, 2, 4]},
        {"silence": ["order_placed"], "quiet": True},
        {"horizon_days": 30},
        {"event_types": [], "active_within_days": 30},
    ],
)
async def test_churn_that_makes_no_sense_is_422_and_nothing_is_stored(gateway, fields: dict[str, Any]) -> None:
    status, problem = await put(gateway, "lapsed", fields)
    shown, _, _ = await gateway.request("GET", "/outcomes/lapsed", gateway.key(), params=OF_CHURN)

    assert (status, problem["code"]) == (422, "invalid-request")
    assert problem["errors"]
    assert shown == 404


@pytest.mark.parametrize("fields", [{"silence": ["order_placed"]}, {"event_types": ["a"], "silence": ["b"]}])
async def test_scoring_takes_no_silence(gateway, fields: dict[str, Any]) -> None:
    status, problem, _ = await gateway.request("PUT", "/outcomes/quiet", gateway.key(), json=fields)

    assert (status, problem["code"]) == (422, "invalid-request")
