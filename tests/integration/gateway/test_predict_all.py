import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from shared.capabilities import NAMES, TABLE
from shared.contracts.rows import SECOND
from tests.integration.gateway.conftest import LONG_AGO
from tests.integration.gateway.test_contacts_by_email import put

ONE = {"contacts": [{"id": "c-1"}]}
PATHS = {line.path: line.name for line in TABLE}


class Services:
    """All services on one socket: each answers its name, or what a test says in its place."""

    def __init__(self) -> None:
        self.instead: dict[str, Any] = {}

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/healthz":
            return web.json_response({})
        name = PATHS[request.path]
        contacts = len((await request.json())["contacts"])
        if name in self.instead:
            return await self.instead[name](request)
        body = f'{{"model":{{"capability":"{name}"}},"request_id":"{request.headers["X-Request-Id"]}"}}'
        return web.Response(
            text=body, content_type="application/json", headers={"Foretell-Contacts-Served": str(contacts)}
        )


async def away(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def at_work(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


def refusing(status: int, code: str, **members: Any) -> Any:
    async def refused(_: web.Request) -> web.StreamResponse:
        problem = {"status": status, "code": code, "detail": "why", **members}
        return web.json_response(problem, status=status, content_type="application/problem+json")

    return refused


@pytest.fixture
def services(upstream) -> Services:
    upstream.answer = made = Services()
    return made


@pytest.fixture
def trained(gateway) -> Any:
    """The gateway, with a champion of every capability in its account."""
    crown(gateway, *NAMES)
    return gateway


def crown(gateway: Any, *names: str) -> None:
    for name in names:
        models = gateway.store.of("acme").models
        models.promote(name, "", "1", f"digest of {name}", at=LONG_AGO + SECOND, reason="test")


def sent(upstream: Any) -> dict[str, dict[str, Any]]:
    """Return what each service was asked."""
    return {PATHS[one.target]: json.loads(one.body) for one in upstream.seen if one.target in PATHS}


async def test_every_capability_with_a_model_answers_in_one_body(trained, services) -> None:
    status, answer, headers = await trained.request(
        "POST", "/predict", trained.key(scopes=("predict",)), json=ONE, headers={"X-Request-Id": "mine-1"}
    )

    assert status == 200
    assert answer == {
        "answers": {name: {"model": {"capability": name}} for name in NAMES},
        "problems": {},
        "request_id": "mine-1",
    }
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Request-Id"] == "mine-1"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_all_services_get_the_same_contacts_cutoff_and_reasons(trained, services, upstream) -> None:
    contacts = [{"id": "c-1", "attributes": {"plan": "é"}}, {"id": "c-2"}]

    await trained.request("POST", "/predict", trained.key(), json={"contacts": contacts, "reasons": 2})

    asked = sent(upstream)
    assert asked.keys() == set(NAMES)
    assert all((one["contacts"], one["reasons"]) == (contacts, 2) for one in asked.values())
    [cutoff] = {one["cutoff"] for one in asked.values()}
    assert datetime.fromisoformat(cutoff).tzinfo is not None


async def test_a_cutoff_that_is_given_is_passed_on(trained, services, upstream) -> None:
    body = {**ONE, "cutoff": "2026-06-01T02:00:00+02:00"}

    await trained.request("POST", "/predict", trained.key(), json=body)

    assert {one["cutoff"] for one in sent(upstream).values()} == {"2026-06-01T00:00:00+00:00"}


async def test_only_the_capabilities_that_are_named_are_called(trained, services, upstream) -> None:
    body = {**ONE, "capabilities": ["churn", "scoring"]}

    _, answer, _ = await trained.request("POST", "/predict", trained.key(), json=body)

    assert list(answer["answers"]) == ["scoring", "churn"]
    assert sent(upstream).keys() == {"scoring", "churn"}


async def test_options_go_to_their_capability_alone(trained, services, upstream) -> None:
    options = {"scoring": {"outcome": "customer"}, "churn": {"horizon_days": 90}}

    await trained.request("POST", "/predict", trained.key(), json={**ONE, "options": options})

    asked = sent(upstream)
    shared = {"contacts", "cutoff", "reasons"}
    named = {"scoring": {"outcome"}, "churn": {"horizon_days"}, "messages": {"purpose"}}
    own = {**{name: set() for name in NAMES}, **named}
    assert {name: one.keys() - shared for name, one in asked.items()} == own
    assert (asked["scoring"]["outcome"], asked["churn"]["horizon_days"]) == ("customer", 90)
    assert asked["messages"]["purpose"] == "preview"


async def test_capabilities_without_a_model_are_left_out_and_not_called(gateway, services, upstream) -> None:
    crown(gateway, "scoring")

    _, answer, _ = await gateway.request("POST", "/predict", gateway.key(), json=ONE)

    assert (list(answer["answers"]), answer["problems"]) == (["scoring"], {})
    assert sent(upstream).keys() == {"scoring"}


async def test_one_whose_default_outcome_has_no_model_is_left_out_too(trained, services) -> None:
    services.instead["churn"] = refusing(409, "no-model-trained")

    _, answer, _ = await trained.request("POST", "/predict", trained.key(), json=ONE)

    assert list(answer["answers"]) == [name for name in NAMES if name != "churn"]
    assert answer["problems"] == {}


async def test_one_that_is_named_and_has_no_model_says_so(trained, services) -> None:
    services.instead["churn"] = refusing(409, "no-model-trained")
    body = {**ONE, "capabilities": ["scoring", "churn"]}

    status, answer, _ = await trained.request("POST", "/predict", trained.key(), json=body)

    assert (status, list(answer["answers"])) == (200, ["scoring"])
    assert answer["problems"]["churn"]["code"] == "no-model-trained"


async def test_an_account_without_any_model_is_409(gateway, services, upstream) -> None:
    status, problem, _ = await gateway.request("POST", "/predict", gateway.key(), json=ONE)

    assert (status, problem["code"]) == (409, "no-model-trained")
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (away, "service-unavailable"),
        (at_work, "deadline-exceeded"),
        (refusing(500, "internal-error"), "internal-error"),
    ],
    ids=["away", "slow", "broken"],
)
async def test_one_service_that_fails_keeps_no_other_from_its_answer(trained, services, fault, code) -> None:
    services.instead["churn"] = fault

    status, answer, _ = await trained.request("POST", "/predict", trained.key(), json=ONE)

    assert (status, list(answer["answers"])) == (200, [name for name in NAMES if name != "churn"])
    assert {name: one["code"] for name, one in answer["problems"].items()} == {"churn": code}


async def test_services_are_called_at_the_same_time(trained, services) -> None:
    under_way, together = set[str](), asyncio.Event()

    async def waits_for_all(request: web.Request) -> web.StreamResponse:
        under_way.add(request.path)
        if under_way == set(PATHS):
            together.set()
        await together.wait()
        return web.json_response({"request_id": "r"})

    services.instead = dict.fromkeys(NAMES, waits_for_all)
    _, answer, _ = await trained.request("POST", "/predict", trained.key(), json=ONE)

    assert answer["answers"] == {name: {} for name in NAMES}


async def test_when_all_are_away_the_answer_is_503(trained, services) -> None:
    services.instead = dict.fromkeys(NAMES, away)

    status, problem, headers = await trained.request("POST", "/predict", trained.key(), json=ONE)

    assert (status, problem["code"], headers["Retry-After"]) == (503, "service-unavailable", "2")
    assert headers["Content-Type"].startswith("application/problem+json")
    assert problem["problems"].keys() == set(NAMES)


async def test_when_none_can_answer_the_problem_that_may_pass_is_the_answer(trained, services) -> None:
    services.instead = {
        **dict.fromkeys(NAMES, refusing(422, "unknown-outcome")),
        "churn": refusing(503, "model-not-ready", retry_after_seconds=5),
    }

    status, problem, headers = await trained.request("POST", "/predict", trained.key(), json=ONE)

    assert (status, problem["code"], headers["Retry-After"]) == (503, "model-not-ready", "5")


@pytest.mark.parametrize(
    ("status", "media_type", "body"),
    [
        (200, "text/html", "<html>"),
        (200, "application/json", "[1]"),
        (200, "application/json", '{"a": 1} and more'),
        (502, "text/html", "<html>"),
        (502, "application/json", '{"code": "bad-gateway", "message": "no healthy upstream"}'),
        (502, "application/problem+json", "<html>"),
    ],
)
async def test_what_a_proxy_answers_in_the_place_of_a_service_keeps_no_other_from_its_answer(
    trained, services, status: int, media_type: str, body: str
) -> None:
    async def in_between(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, content_type=media_type, text=body)

    services.instead["churn"] = in_between

    reached, answer, _ = await trained.request("POST", "/predict", trained.key(), json=ONE)

    assert (reached, answer["problems"]["churn"]["code"]) == (200, "service-unavailable")
    assert answer["answers"].keys() == set(NAMES) - {"churn"}


async def test_a_mistake_that_a_service_names_is_found_in_the_callers_own_body(trained, services) -> None:
    places = [{"pointer": "/horizon_days", "detail": "d"}, {"pointer": "/cutoff", "detail": "d"}]
    services.instead["churn"] = refusing(422, "invalid-request", errors=places)

    _, answer, _ = await trained.request("POST", "/predict", trained.key(), json=ONE)

    named = [one["pointer"] for one in answer["problems"]["churn"]["errors"]]
    assert named == ["/options/churn/horizon_days", "/cutoff"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"contacts": []}, "/contacts"),
        ({"reasons": 11}, "/reasons"),
        ({"capability": "churn"}, "/capability"),
        ({"capabilities": []}, "/capabilities"),
        ({"capabilities": ["fortune"]}, "/capabilities/0"),
        ({"capabilities": ["churn", "churn"]}, "/capabilities"),
        ({"options": {"fortune": {}}}, "/options/fortune"),
        ({"options": {"scoring": {"horizon": 9}}}, "/options/scoring/horizon"),
        ({"options": {"scoring": {"contacts": []}}}, "/options/scoring/contacts"),
        ({"options": {"sendtime": {"purpose": "experiment"}}}, "/options/sendtime/purpose"),
        ({"capabilities": ["churn"], "options": {"scoring": {}}}, "/options/scoring"),
    ],
)
async def test_what_does_not_fit_is_refused_before_any_service_is_called(
    trained, services, upstream, wrong, pointer
) -> None:
    status, problem, _ = await trained.request("POST", "/predict", trained.key(), json={**ONE, **wrong})

    assert (status, problem["code"]) == (422, "invalid-request")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]
    assert upstream.seen == []


async def test_more_than_100_contacts_are_refused(trained, services) -> None:
    contacts = [{"id": f"c-{number}"} for number in range(101)]

    status, problem, _ = await trained.request("POST", "/predict", trained.key(), json={"contacts": contacts})

    assert (status, problem["code"], problem["max_contacts"]) == (422, "too-many-contacts", 100)


async def test_a_large_body_is_answered_as_a_small_one(trained, services, upstream) -> None:
    contacts = [{"id": f"c-{number}", "attributes": {"text": "x" * 500}} for number in range(100)]

    status, _, _ = await trained.request("POST", "/predict", trained.key(), json={"contacts": contacts})

    assert status == 200
    assert all(one["contacts"] == contacts for one in sent(upstream).values())


async def test_a_query_is_refused(trained, services) -> None:
    status, problem, _ = await trained.request("POST", "/predict?cutoff=now", trained.key(), json=ONE)

    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, ["/cutoff"])


async def test_a_contact_is_named_by_its_address(trained, services, upstream) -> None:
    put(trained, "c-1", "ann@example.com")
    contacts = [{"email": "ann@example.com"}, {"email": "nobody@example.com"}]

    await trained.request("POST", "/predict", trained.key(), json={"contacts": contacts, "capabilities": ["churn"]})

    assert sent(upstream)["churn"]["contacts"] == [{"id": "c-1"}, {"unresolved": "unknown"}]


async def test_a_key_without_the_scope_is_refused(trained, services, upstream) -> None:
    status, problem, _ = await trained.request("POST", "/predict", trained.key(scopes=("read",)), json=ONE)

    assert (status, problem["code"]) == (403, "missing-scope")
    assert upstream.seen == []


async def test_a_call_counts_once_and_each_contact_once_a_capability(gateway_with, services, caplog) -> None:
    caplog.set_level("INFO", "shared.http")
    asked = 2 * len(NAMES)
    async with gateway_with(limits_calls=10, limits_contacts=asked + 2) as gateway:
        crown(gateway, *NAMES)
        key = gateway.key()
        first = await gateway.request("POST", "/predict", key, json={"contacts": [{"id": "a"}, {"id": "b"}]})
        second = await gateway.request("POST", "/predict", key, json=ONE)

    assert first[0] == 200
    assert '"calls";r=9' in first[2]["RateLimit"]
    assert '"contacts";r=2' in first[2]["RateLimit"]
    assert (second[0], second[1]["violated-policies"]) == (429, ["contacts"])
    [line, _] = [record for record in caplog.records if record.getMessage() == "request.answered"]
    assert (line.route, line.contacts) == ("/predict", asked)
