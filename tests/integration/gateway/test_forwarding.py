import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway.forwarding import add_forwarding
from shared.capabilities import TABLE, Capability
from shared.contracts.call import verified


async def test_a_request_is_passed_on_as_bytes_and_the_answer_back(door, upstream) -> None:
    key = door.key(scopes=("predict",))
    body = b'{ "contacts" : [ {"id":"c-1"} ] }\n'

    status, answer, headers = await door.ask(
        "POST", "/score?x=%20y", key, data=body, headers={"Content-Type": "application/json"}
    )

    assert (status, answer) == (200, {"predictions": []})
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert [(one.method, one.target, one.body) for one in upstream.seen] == [("POST", "/score?x=%20y", body)]


async def test_the_service_learns_who_asks_from_a_signed_header(door, upstream) -> None:
    key = door.key("acme", scopes=("predict",))

    await door.ask("POST", "/score", key, data=b"{}", headers={"X-Request-Id": "mine-1"})

    sent = upstream.seen[0].headers
    call = verified(sent["Foretell-Call"], "POST", "/score", b"a signing key of the tests, long enough", now=0)
    assert (call.account, call.scopes, call.request_id) == ("acme", ("predict",), "mine-1")
    assert time.time() < call.deadline_at < time.time() + 3
    assert sent["X-Request-Id"] == "mine-1"


async def test_an_admin_key_arrives_with_every_scope(door, upstream) -> None:
    await door.ask("POST", "/score", door.key(scopes=("admin",)), data=b"{}")

    call = verified(
        upstream.seen[0].headers["Foretell-Call"],
        "POST",
        "/score",
        b"a signing key of the tests, long enough",
        now=0,
    )
    assert "predict" in call.scopes


async def test_a_call_header_from_outside_is_never_passed_on(door, upstream) -> None:
    forged = {"Foretell-Call": "forged", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "X-Other": "kept out"}

    await door.ask("POST", "/score", door.key(), data=b"{}", headers=forged)

    sent = upstream.seen[0].headers
    assert sent["Foretell-Call"] != "forged"
    assert {name.lower() for name in sent} <= {
        "host",
        "content-length",
        "content-type",
        "foretell-call",
        "x-request-id",
    }


async def test_what_is_between_gateway_and_service_stays_there(door, upstream) -> None:
    _, _, headers = await door.ask("POST", "/score", door.key(), data=b"{}")

    assert "Foretell-Contacts-Served" not in headers
    assert "Server" not in headers
    metrics = door.metrics()
    assert b'foretell_contacts_served_total{capability="scoring"} 3.0' in metrics


async def test_a_problem_of_the_service_is_passed_back(door, upstream) -> None:
    async def refused(request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"code": "model-not-ready"},
            status=503,
            headers={"Retry-After": "5"},
            content_type="application/problem+json",
        )

    upstream.answer = refused
    status, problem, headers = await door.ask("POST", "/score", door.key(), data=b"{}")

    assert (status, problem["code"], headers["Retry-After"]) == (503, "model-not-ready", "5")
    assert headers["Content-Type"].startswith("application/problem+json")


async def test_a_service_that_is_down_is_503_at_once_and_only_for_its_path(door, upstream) -> None:
    await upstream.server.close()
    key = door.key()

    began = time.monotonic()
    status, problem, headers = await door.ask("POST", "/score", key, data=b"{}")

    assert (status, problem["code"]) == (503, "service-unavailable")
    assert headers["Retry-After"] == "2"
    assert time.monotonic() - began < 1
    assert (await door.ask("GET", "/contacts", key))[0] == 200
    assert (await door.ask("GET", "/readyz"))[1]["upstreams"] == {line.name: "away" for line in TABLE}


async def test_a_service_that_drops_a_pooled_connection_is_asked_once_more(door, upstream) -> None:
    async def dropped_once(request: web.Request) -> web.StreamResponse:
        if len(upstream.seen) == 2:
            request.transport.close()
        return web.json_response({})

    upstream.answer = dropped_once
    key = door.key()
    await door.ask("POST", "/score", key, data=b"{}")

    status, _, _ = await door.ask("POST", "/score", key, data=b"{}")

    assert (status, len(upstream.seen)) == (200, 3)


async def test_a_slow_service_is_504_at_the_deadline(door, upstream) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    upstream.answer = never
    status, problem, _ = await door.ask("POST", "/score", door.key(), data=b"{}")

    assert (status, problem["code"]) == (504, "deadline-exceeded")
    assert problem["request_id"]


@pytest.mark.parametrize("path", ["/best-send-time/plan", "/experiments/may"])
async def test_a_path_whose_work_takes_minutes_has_a_deadline_of_its_own(door, upstream, path: str) -> None:
    asked_at = time.time()

    status, _, _ = await door.ask("POST", path, door.key(), data=b"{}")

    header, signing_key = upstream.seen[-1].headers["Foretell-Call"], b"a signing key of the tests, long enough"
    call = verified(header, "POST", path, signing_key, now=0)
    assert status == 200
    assert asked_at + 299 < call.deadline_at < time.time() + 301


async def test_a_service_that_refuses_the_signature_is_not_the_clients_fault(door, upstream) -> None:
    async def unsigned(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "invalid-key"}, status=401)

    upstream.answer = unsigned
    status, problem, _ = await door.ask("POST", "/score", door.key(), data=b"{}")

    assert (status, problem["code"]) == (503, "service-unavailable")


async def test_a_body_past_the_limit_is_413(door, upstream) -> None:
    status, problem, _ = await door.ask("POST", "/score", door.key(), data=b"x" * 1_000_001)

    assert (status, problem["code"]) == (413, "body-too-large")
    assert upstream.seen == []


async def test_a_chunked_body_without_a_length_is_limited_too(door, upstream) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    status, problem, _ = await door.ask("POST", "/score", door.key(), data=chunks())

    assert (status, problem["code"]) == (413, "body-too-large")
    assert upstream.seen == []


async def test_a_body_within_the_limit_arrives_whole(door, upstream) -> None:
    body = json.dumps({"x": "y" * 900_000}).encode()

    status, _, _ = await door.ask("POST", "/score", door.key(), data=body)

    assert (status, upstream.seen[0].body == body) == (200, True)


async def test_a_compressed_body_is_refused_in_words(door, upstream) -> None:
    status, problem, _ = await door.ask(
        "POST", "/score", door.key(), data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}
    )

    assert (status, problem["code"]) == (422, "invalid-request")


async def test_other_methods_and_unknown_paths_are_problems(door) -> None:
    method = await door.ask("GET", "/score", door.key())
    path = await door.ask("GET", "/nothing-here", door.key())

    assert (method[0], method[1]["code"], method[2]["Allow"]) == (405, "method-not-allowed", "POST")
    assert (path[0], path[1]["code"]) == (404, "not-found")


async def test_the_request_id_is_the_same_in_header_body_and_service(door, upstream) -> None:
    _, _, headers = await door.ask("POST", "/score", door.key(), data=b"{}")

    assert upstream.seen[0].headers["X-Request-Id"] == headers["X-Request-Id"]


async def test_everything_under_a_prefix_goes_to_its_service(door, upstream) -> None:
    add_forwarding(door.app, (Capability("scoring", "/plan", "?", prefixes=("/plans",)),))
    reader = door.key(scopes=("read",))

    listed = await door.ask("GET", "/plans", reader)
    shown = await door.ask("GET", "/plans/a%2Fb/members?limit=2", reader)
    written = await door.ask("PUT", "/plans/a", reader, data=b"{}")
    beside = await door.ask("GET", "/plansx", reader)

    assert [answer[0] for answer in (listed, shown, written, beside)] == [200, 200, 403, 404]
    assert [one.target for one in upstream.seen] == ["/plans", "/plans/a%2Fb/members?limit=2"]
