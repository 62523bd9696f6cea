import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest
import yarl
from aiohttp import web

from gateway.forwarding import add_forwarding
from shared.capabilities import TABLE, Capability
from shared.contracts.call import Call, SignedContent, verified

KEY = b"a signing key of the tests, long enough"


def call_of(sent) -> Call:
    """Read the header of a request that arrived, as its service would."""
    covered = SignedContent(sent.method, sent.target.encode(), sent.body)
    return verified(sent.headers["Foretell-Call"], covered, KEY, now=time.time())


async def test_a_request_is_passed_on_as_bytes_and_the_answer_back(gateway, upstream) -> None:
    key = gateway.key(scopes=("predict",))
    body = b'{ "contacts" : [ {"id":"c-1"} ] }\n'

    status, answer, headers = await gateway.request(
        "POST", "/score?x=%20y", key, data=body, headers={"Content-Type": "application/json"}
    )

    assert (status, answer) == (200, {"predictions": []})
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert [(one.method, one.target, one.body) for one in upstream.seen] == [("POST", "/score?x=%20y", body)]


async def test_the_service_learns_who_asks_from_a_signed_header(gateway, upstream) -> None:
    key = gateway.key("acme", scopes=("predict",))

    await gateway.request("POST", "/score", key, data=b"{}", headers={"X-Request-Id": "mine-1"})

    sent = upstream.seen[0].headers
    call = call_of(upstream.seen[0])
    assert (call.account, call.scopes, call.request_id) == ("acme", ("predict",), "mine-1")
    assert time.time() < call.deadline_at < time.time() + 3
    assert sent["X-Request-Id"] == "mine-1"


async def test_an_admin_key_arrives_with_every_scope(gateway, upstream) -> None:
    await gateway.request("POST", "/score", gateway.key(scopes=("admin",)), data=b"{}")

    call = call_of(upstream.seen[0])
    assert "predict" in call.scopes


async def test_a_call_header_from_outside_is_never_passed_on(gateway, upstream) -> None:
    forged = {"Foretell-Call": "forged", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "X-Other": "kept out"}

    await gateway.request("POST", "/score", gateway.key(), data=b"{}", headers=forged)

    sent = upstream.seen[0].headers
    assert sent["Foretell-Call"] != "forged"
    assert {name.lower() for name in sent} <= {
        "host",
        "content-length",
        "content-type",
        "foretell-call",
        "x-request-id",
    }


async def test_what_is_between_gateway_and_service_stays_there(gateway, upstream) -> None:
    _, _, headers = await gateway.request("POST", "/score", gateway.key(), data=b"{}")

    assert "Foretell-Contacts-Served" not in headers
    assert "Server" not in headers
    metrics = gateway.metrics()
    assert b'foretell_contacts_served_total{capability="scoring"} 3.0' in metrics


async def test_a_prediction_is_logged_with_its_route_and_whom_it_was_for(gateway, upstream, caplog) -> None:
    caplog.set_level("INFO", "shared.http")
    await gateway.request("POST", "/score/", gateway.key(), data=b"{}", headers={"X-Request-Id": "mine-1"})

    [line] = [record for record in caplog.records if record.getMessage() == "request.answered"]
    assert (line.request_id, line.method, line.route, line.status) == ("mine-1", "POST", "/score", 200)
    assert (line.account, line.contacts, len(line.key)) == ("acme", 3, 10)
    assert upstream.seen[0].target == "/score"


async def test_a_problem_of_the_service_is_passed_back(gateway, upstream) -> None:
    async def refused(request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"code": "model-not-ready"},
            status=503,
            headers={"Retry-After": "5"},
            content_type="application/problem+json",
        )

    upstream.answer = refused
    status, problem, headers = await gateway.request("POST", "/score", gateway.key(), data=b"{}")

    assert (status, problem["code"], headers["Retry-After"]) == (503, "model-not-ready", "5")
    assert headers["Content-Type"].startswith("application/problem+json")


async def test_a_service_that_is_down_is_503_at_once_and_only_for_its_path(gateway_with, upstream) -> None:
    async with gateway_with(request_timeout_seconds=120.0) as gateway:
        port = upstream.server.port
        await upstream.server.close()
        held = socket.socket()  # or another test's server may get the port
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        key = gateway.key()

        began = time.monotonic()
        status, problem, headers = await gateway.request("POST", "/score", key, data=b"{}")
        seconds = time.monotonic() - began

        contacts = await gateway.request("GET", "/contacts", key)
        ready = await gateway.request("GET", "/readyz")
        held.close()

    assert (status, problem["code"]) == (503, "service-unavailable")
    assert headers["Retry-After"] == "2"
    assert seconds < 60  # it did not wait for the deadline
    assert contacts[0] == 200
    assert ready[1]["upstreams"] == {line.name: "away" for line in TABLE}


async def test_a_service_that_drops_a_pooled_connection_is_called_once_more(gateway, upstream) -> None:
    async def dropped_once(request: web.Request) -> web.StreamResponse:
        if len(upstream.seen) == 2:
            request.transport.close()
        return web.json_response({})

    upstream.answer = dropped_once
    key = gateway.key()
    await gateway.request("POST", "/score", key, data=b"{}")

    status, _, _ = await gateway.request("POST", "/score", key, data=b"{}")

    assert (status, len(upstream.seen)) == (200, 3)


async def test_a_slow_service_is_504_at_the_deadline(gateway_with, upstream) -> None:
    async def at_work(request: web.Request) -> web.StreamResponse:
        if request.path == "/healthz":
            return web.json_response({})
        await asyncio.Event().wait()
        raise AssertionError

    upstream.answer = at_work
    async with gateway_with(request_timeout_seconds=0.5) as gateway:
        status, problem, _ = await gateway.request("POST", "/score", gateway.key(), data=b"{}")

    assert (status, problem["code"]) == (504, "deadline-exceeded")
    assert "is at work" in problem["detail"]
    assert "Ask about fewer contacts" in problem["detail"]
    assert problem["request_id"]


async def test_a_health_check_does_not_wait_behind_calls(gateway_with, upstream, monkeypatch) -> None:
    async def at_work(request: web.Request) -> web.StreamResponse:
        if request.path == "/healthz":
            return web.json_response({})
        await asyncio.Event().wait()
        raise AssertionError

    upstream.answer = at_work
    monkeypatch.setattr("gateway.upstream.MAX_CONNECTIONS", 1)
    async with gateway_with(request_timeout_seconds=0.5) as gateway:
        key = gateway.key()
        answers = await asyncio.gather(*(gateway.request("POST", "/score", key, data=b"{}") for _ in range(3)))

    assert [answer[1]["code"] for answer in answers] == ["deadline-exceeded"] * 3


async def test_a_service_that_hangs_is_left_alone_until_it_answers_its_health(gateway_with, upstream, caplog) -> None:
    hangs = True

    async def answer(request: web.Request) -> web.StreamResponse:
        if hangs:
            await asyncio.Event().wait()
        return web.json_response({})

    upstream.answer = answer
    async with gateway_with(request_timeout_seconds=0.3) as gateway:
        key, breaker = gateway.key(), gateway.parts.upstreams._of["scoring"].breaker
        first = await gateway.request("POST", "/score", key, data=b"{}")
        asked = len(upstream.seen)
        second = await gateway.request("POST", "/score", key, data=b"{}")
        refused_without_asking = len(upstream.seen) == asked
        metrics = gateway.metrics()
        hangs = False
        async with asyncio.timeout(60):
            third = second
            while third[0] != 200:  # a busy machine may not answer within so short a time
                breaker._rests_until = 0.0
                third = await gateway.request("POST", "/score", key, data=b"{}")

    assert (first[0], first[1]["code"], first[2]["Retry-After"]) == (503, "service-unavailable", "2")
    assert "it hangs" in first[1]["detail"]
    assert (second[0], second[1]["code"], second[2]["Retry-After"]) == (503, "service-unavailable", "2")
    assert refused_without_asking
    assert b'foretell_upstream_circuit_open{capability="scoring"} 1.0' in metrics
    events = [record.getMessage() for record in caplog.records]
    assert "upstream.left_alone" in events


async def test_a_clock_that_differs_is_reported_by_readiness_before_any_call(gateway, upstream, caplog) -> None:
    async def an_hour_ahead(request: web.Request) -> web.StreamResponse:
        return web.json_response({}, headers={"Date": formatdate(time.time() + 3_600, usegmt=True)})

    upstream.answer = an_hour_ahead
    ready = await gateway.request("GET", "/readyz")
    metrics = gateway.metrics()

    assert (ready[0], ready[1]["status"], ready[1]["causes"]) == (200, "degraded", ["clock-skew"])
    assert b'foretell_upstream_clock_skew_seconds{capability="scoring"} 3' in metrics
    assert "clock.skewed" in [record.getMessage() for record in caplog.records]


async def test_a_call_refused_for_its_clock_says_so_to_the_client_and_to_readiness(gateway, upstream) -> None:
    async def skewed(request: web.Request) -> web.StreamResponse:
        if request.path == "/readyz":
            return web.json_response({}, headers={"Date": "nonsense"})
        problem = {"code": "clock-skew", "skew_seconds": -95.0}
        return web.json_response(problem, status=503, content_type="application/problem+json")

    upstream.answer = skewed
    status, problem, _ = await gateway.request("POST", "/score", gateway.key(), data=b"{}")
    ready = await gateway.request("GET", "/readyz")

    assert (status, problem["code"]) == (503, "clock-skew")
    assert ready[1]["causes"] == ["clock-skew"]


@pytest.mark.parametrize("target", ["/experiments/may?x=%C3%A9&y=a%2Fb&z=%27", "/experiments/a%2Fb%20c", "/score?"])
async def test_what_is_signed_is_what_is_sent(gateway, upstream, target: str) -> None:
    method = "POST" if target.startswith("/score") else "GET"

    await gateway.request(method, yarl.URL(gateway.url + target, encoded=True), gateway.key(), data=b"{}")

    assert call_of(upstream.seen[-1]).account == "acme"


@pytest.mark.parametrize("path", ["/best-send-time/plan", "/experiments/may"])
async def test_a_path_whose_work_takes_minutes_has_a_deadline_of_its_own(gateway, upstream, path: str) -> None:
    asked_at = time.time()

    status, _, _ = await gateway.request("POST", path, gateway.key(), data=b"{}")

    call = call_of(upstream.seen[-1])
    assert status == 200
    assert asked_at + 299 < call.deadline_at < time.time() + 301


async def test_a_service_that_refuses_the_signature_is_not_the_clients_fault(gateway, upstream) -> None:
    async def unsigned(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "invalid-key"}, status=401)

    upstream.answer = unsigned
    status, problem, _ = await gateway.request("POST", "/score", gateway.key(), data=b"{}")

    assert (status, problem["code"]) == (503, "service-unavailable")


async def test_a_body_past_the_limit_is_413(gateway, upstream) -> None:
    status, problem, _ = await gateway.request("POST", "/score", gateway.key(), data=b"x" * 1_000_001)

    assert (status, problem["code"]) == (413, "body-too-large")
    assert upstream.seen == []


async def test_a_chunked_body_without_a_length_is_limited_too(gateway, upstream) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    status, problem, _ = await gateway.request("POST", "/score", gateway.key(), data=chunks())

    assert (status, problem["code"]) == (413, "body-too-large")
    assert upstream.seen == []


async def test_a_body_within_the_limit_arrives_whole(gateway, upstream) -> None:
    body = json.dumps({"x": "y" * 900_000}).encode()

    status, _, _ = await gateway.request("POST", "/score", gateway.key(), data=body)

    assert (status, upstream.seen[0].body == body) == (200, True)


async def test_a_compressed_body_is_refused_in_words(gateway, upstream) -> None:
    status, problem, _ = await gateway.request(
        "POST", "/score", gateway.key(), data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}
    )

    assert (status, problem["code"]) == (422, "invalid-request")


async def test_other_methods_and_unknown_paths_are_problems(gateway) -> None:
    method = await gateway.request("GET", "/score", gateway.key())
    path = await gateway.request("GET", "/nothing-here", gateway.key())

    assert (method[0], method[1]["code"], method[2]["Allow"]) == (405, "method-not-allowed", "POST")
    assert (path[0], path[1]["code"]) == (404, "not-found")


async def test_the_request_id_is_the_same_in_header_body_and_service(gateway, upstream) -> None:
    _, _, headers = await gateway.request("POST", "/score", gateway.key(), data=b"{}")

    assert upstream.seen[0].headers["X-Request-Id"] == headers["X-Request-Id"]


async def test_everything_under_a_prefix_goes_to_its_service(gateway, upstream) -> None:
    add_forwarding(gateway.app, (Capability("scoring", "/plan", "?", prefixes=("/plans",)),))
    reader = gateway.key(scopes=("read",))

    listed = await gateway.request("GET", "/plans", reader)
    shown = await gateway.request("GET", "/plans/a%2Fb/members?limit=2", reader)
    written = await gateway.request("PUT", "/plans/a", reader, data=b"{}")
    beside = await gateway.request("GET", "/plansx", reader)

    assert [answer[0] for answer in (listed, shown, written, beside)] == [200, 200, 403, 404]
    assert [one.target for one in upstream.seen] == ["/plans", "/plans/a%2Fb/members?limit=2"]
