import json

import pytest

from shared.contracts.input_drift import InputDrift
from shared.contracts.rows import DAY, SECOND
from shared.store import PredictionRow, VersionRow

NOW = 1_780_000_000 * SECOND


def prediction(contact_id: str, score: int, band: str = "high", outcome: str = "customer") -> PredictionRow:
    body = {
        "contact_id": contact_id,
        "trend": "steady",
        "detail": None,
        "data_quality": ["no_timezone"],
        "reasons": [{"feature": "f", "value": 4, "effect": "raises", "contribution": 0.8, "text": "Clicked 4 emails"}],
    }
    return PredictionRow(
        contact_id=contact_id,
        capability="scoring",
        outcome=outcome,
        version="7",
        cutoff=NOW,
        asked_at=NOW,
        request_id="r",
        status="ok",
        probability=score / 100,
        score=score,
        band=band,
        source="model",
        body=json.dumps(body),
    )


def version(number: str, trained_at: int) -> VersionRow:
    return VersionRow(
        capability="scoring",
        outcome="customer",
        version=number,
        digest="d" * 64,
        kind="lightgbm",
        grade="A",
        trained_at=trained_at,
        horizon_days=90,
        run_id="run",
        figures={"log_loss": 0.3},
    )


async def test_built_in_outcomes_are_there_from_the_start(gateway) -> None:
    status, answer, _ = await gateway.request("GET", "/outcomes", gateway.key(scopes=("read",)))

    assert status == 200
    listed = [(one["capability"], one["name"], one["built_in"], one["default"]) for one in answer["outcomes"]]
    assert listed == [
        ("churn", "churn", True, True),
        ("messages", "clicked", True, True),
        ("scoring", "customer", True, False),
        ("scoring", "opportunity", True, False),
    ]


async def test_an_outcome_is_defined_shown_and_deleted(gateway) -> None:
    key = gateway.key()
    fields = {"event_types": ["form_submitted"], "horizon_days": 30, "every_days": 7}

    defined = await gateway.request("PUT", "/outcomes/demo_request", key, json=fields, params={"capability": "scoring"})
    shown = await gateway.request("GET", "/outcomes/demo_request", key)
    deleted = await gateway.request("DELETE", "/outcomes/demo_request", key)

    assert (defined[0], shown[0], deleted[0]) == (201, 200, 204)
    assert shown[1] == defined[1]
    assert (shown[1]["horizon_days"], shown[1]["built_in"]) == (30, False)
    assert (await gateway.request("GET", "/outcomes/demo_request", key))[1]["code"] == "not-found"


async def test_a_redefined_built_in_becomes_what_it_was_when_deleted(gateway) -> None:
    key = gateway.key()
    await gateway.request("PUT", "/outcomes/customer", key, json={"event_types": ["order_placed"], "horizon_days": 10})

    first = await gateway.request("DELETE", "/outcomes/customer", key)
    second = await gateway.request("DELETE", "/outcomes/customer", key)

    assert (first[0], second[0], second[1]["code"]) == (204, 409, "conflict")
    assert (await gateway.request("GET", "/outcomes/customer", key))[1]["horizon_days"] == 90


async def test_what_was_answered_about_attributes_stays_until_other_lists_are_given(gateway) -> None:
    key, fields = gateway.key(), {"attribute": "converted"}

    async def put(**lists: list[str]) -> tuple[list[str], list[str]]:
        _, answer, _ = await gateway.request("PUT", "/outcomes/won", key, json={**fields, **lists})
        return answer["allowed"], answer["forbidden"]

    first = await put(allowed=["tags"], forbidden=["stage"])
    redefined = await put()
    changed = await put(forbidden=["tags"])
    cleared = await put(allowed=[], forbidden=[])

    assert first == redefined == (["tags"], ["stage"])
    assert changed == ([], ["tags"])
    assert cleared == ([], [])


async def test_an_answer_leaves_a_built_in_outcome_built_in_and_can_be_taken_back(gateway) -> None:
    key = gateway.key()
    fields = {"event_types": ["deal_won", "order_placed"], "allowed": ["plan"]}

    _, answered, _ = await gateway.request("PUT", "/outcomes/customer", key, json=fields)
    deleted = await gateway.request("DELETE", "/outcomes/customer", key)

    assert (answered["built_in"], answered["allowed"]) == (True, ["plan"])
    assert deleted[0] == 204
    assert (await gateway.request("GET", "/outcomes/customer", key))[1]["allowed"] == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/outcomes/demo", {}),
        ("/outcomes/demo", {"attribute": "b", "allowed": ["a"], "forbidden": ["a"]}),
        ("/outcomes/demo", {"event_types": ["a"], "attribute": "b"}),
        ("/outcomes/demo", {"event_types": ["Not Snake"]}),
        ("/outcomes/demo", {"event_types": ["a"], "horizon": 30}),
        ("/outcomes/demo", {"event_types": ["a"], "at": [{"event_type": "b", "after_seconds": 1}], "every_days": 2}),
        ("/outcomes/Not-A-Name", {"event_types": ["a"]}),
        ("/outcomes/demo?capability=astrology", {"event_types": ["a"]}),
    ],
)
async def test_an_outcome_that_does_not_fit_is_422(gateway, path: str, fields: dict) -> None:
    status, problem, _ = await gateway.request("PUT", path, gateway.key(), json=fields)

    assert (status, problem["code"]) == (422, "invalid-request")
    assert problem["errors"]


async def test_the_ranked_list_goes_page_by_page_and_by_band(gateway) -> None:
    key = gateway.key()
    scores = {"c-1": 93, "c-2": 50, "c-3": 93, "c-4": 12}
    rows = [prediction(name, score, "high" if score > 60 else "low") for name, score in scores.items()]
    gateway.store.of("acme").predictions.log(rows)
    query = {"capability": "scoring", "outcome": "customer", "limit": "2", "sort": "-score"}

    first = (await gateway.request("GET", "/predictions", key, params=query))[1]
    second = (await gateway.request("GET", "/predictions", key, params={**query, "cursor": first["next_cursor"]}))[1]
    low = (await gateway.request("GET", "/predictions", key, params={**query, "band": "low"}))[1]

    assert [one["contact_id"] for one in first["predictions"]] == ["c-1", "c-3"]
    assert [one["contact_id"] for one in second["predictions"]] == ["c-2", "c-4"]
    assert [one["contact_id"] for one in low["predictions"]] == ["c-2", "c-4"]
    assert first["predictions"][0] == {
        "contact_id": "c-1",
        "capability": "scoring",
        "outcome": "customer",
        "version": "7",
        "status": "ok",
        "detail": None,
        "probability": 0.93,
        "score": 93,
        "band": "high",
        "trend": "steady",
        "reasons": [
            {"feature": "f", "value": 4.0, "effect": "raises", "contribution": 0.8, "text": "Clicked 4 emails"}
        ],
        "source": "model",
        "data_quality": ["no_timezone"],
        "data_quality_details": None,
        "details": None,
        "cutoff": "2026-05-28T20:26:40Z",
        "asked_at": "2026-05-28T20:26:40Z",
    }


async def test_a_cursor_does_not_fit_other_filters(gateway) -> None:
    key = gateway.key()
    gateway.store.of("acme").predictions.log([prediction("c-1", 9), prediction("c-2", 8)])
    query = {"capability": "scoring", "outcome": "customer", "limit": "1"}
    cursor = (await gateway.request("GET", "/predictions", key, params=query))[1]["next_cursor"]

    status, _, _ = await gateway.request("GET", "/predictions", key, params={**query, "band": "high", "cursor": cursor})

    assert status == 422


async def test_an_unknown_outcome_lists_the_known_ones(gateway) -> None:
    query = {"capability": "scoring", "outcome": "nothing"}

    status, problem, _ = await gateway.request("GET", "/predictions", gateway.key(), params=query)

    assert (status, problem["code"], problem["outcomes"]) == (422, "unknown-outcome", ["customer", "opportunity"])


async def test_a_contacts_predictions_come_all_at_once(gateway) -> None:
    key = gateway.key()
    rows = [prediction("c-1", 90), prediction("c-1", 20, outcome="opportunity"), prediction("c-2", 1)]
    gateway.store.of("acme").predictions.log(rows)

    status, answer, _ = await gateway.request("GET", "/contacts/c-1/predictions", key)

    assert status == 200
    assert [(one["outcome"], one["score"]) for one in answer["predictions"]] == [("customer", 90), ("opportunity", 20)]


async def test_predictions_stay_in_their_account(gateway) -> None:
    gateway.store.of("acme").predictions.log([prediction("c-1", 90)])
    theirs = gateway.key("other")

    listed = await gateway.request("GET", "/predictions?capability=scoring&outcome=customer", theirs)
    shown = await gateway.request("GET", "/contacts/c-1/predictions", theirs)

    assert listed[1]["predictions"] == []
    assert shown[0] == 404


async def test_the_catalogue_shows_which_version_answers(gateway) -> None:
    store = gateway.store.of("acme")
    for number, trained_at in (("1", NOW - DAY), ("2", NOW)):
        store.models.add(version(number, trained_at))
    store.models.promote("scoring", "customer", "1", "d" * 64, at=NOW, reason="test")

    status, answer, _ = await gateway.request("GET", "/models", gateway.key())

    assert status == 200
    assert [(one["version"], one["champion"]) for one in answer["models"]] == [("2", False), ("1", True)]
    assert answer["models"][0]["trained_at"] == "2026-05-28T20:26:40Z"
    assert answer["models"][0]["input_drift"] is None


async def test_the_catalogue_shows_whether_the_inputs_of_a_version_have_drifted(gateway) -> None:
    store = gateway.store.of("acme")
    store.models.add(version("1", NOW))
    store.models.put_input_drift("scoring", "customer", "1", InputDrift(200, 30, 60, 5, 7, NOW))

    _, answer, _ = await gateway.request("GET", "/models", gateway.key())

    assert answer["models"][0]["input_drift"] == {
        "has_drifted": True,
        "answered": 200,
        "insufficient": 7,
        "drifted_share": 0.15,
        "out_of_range": 60,
        "unseen_categories": 5,
        "measured_at": "2026-05-28T20:26:40Z",
    }


async def test_a_stored_prediction_names_the_attributes_behind_its_data_quality(gateway) -> None:
    key = gateway.key()
    details = {"missing_attributes": ["plan"], "unknown_attributes": [], "unreadable_values": [],
               "unseen_categories": [], "out_of_range": ["age", "spend"], "missing_weight": 0.3}  # fmt: skip
    named = json.dumps({"data_quality": ["missing_attributes", "out_of_range"], "data_quality_details": details})
    rows = [prediction("c-1", 90)._replace(body=named), prediction("c-2", 80)]
    gateway.store.of("acme").predictions.log(rows)
    query = "/predictions?capability=scoring&outcome=customer"

    _, listed, _ = await gateway.request("GET", query, key)
    _, table, _ = await gateway.request("GET", query, key, headers={"Accept": "text/csv"})

    found = [one["data_quality_details"] for one in listed["predictions"]]
    assert found == [{**details, "further": 0}, None]
    assert b"missing_attributes: plan; out_of_range: age, spend" in table
