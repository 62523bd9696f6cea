import asyncio
import logging
from typing import Any

import pytest
from prometheus_client import generate_latest

from shared.contracts.call import CALL_HEADER, Call, SignedContent, signed
from shared.serving.service import Service

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_3", True), ("x" * 65, False), ("a b", False), ("é", False), ("", False)]
)
async def test_a_sane_request_id_is_kept_and_any_other_replaced(running: Any, given: str, kept: bool) -> None:
    async with running() as client:
        reply = await client.send("GET", "/healthz", headers={"X-Request-Id": given})

    assert (reply.headers["x-request-id"] == given) is kept
    assert 0 < len(reply.headers["x-request-id"]) <= 64


async def tried(client: Any) -> None:
    """Wait until the champions of the start were tried."""
    while not client.app.state.service.champions.tried:
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_open(running: Any, path: str) -> None:
    async with running() as client:
        await tried(client)
        reply = await client.get(path)

    assert reply.status == 200


BODY = b'{"contacts": [{"id": "c-1"}]}'


def call_header(
    path: str = "/score", key: bytes = KEY, deadline_at: float = 4e9, body: bytes = BODY, at: float = 0.0
) -> str:
    covered = SignedContent("POST", path.encode(), body)
    return signed(Call("demo", ("predict",), "r-1", deadline_at), covered, key, now=at)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {CALL_HEADER: "nonsense"},
        {CALL_HEADER: call_header(key=b"x" * 32)},
        {CALL_HEADER: call_header(path="/segment")},
        {CALL_HEADER: call_header(path="/score?cutoff=x")},
        {CALL_HEADER: call_header(body=BODY + b" ")},
        {CALL_HEADER: call_header(body=b"")},
        {CALL_HEADER: call_header(deadline_at=-1.0)},
    ],
)
async def test_a_call_the_gateway_did_not_sign_is_refused(running: Any, headers: dict[str, str]) -> None:
    async with running() as client:
        reply = await client.send("POST", "/score", BODY, headers)

    assert (reply.status, reply.json["code"]) == (401, "invalid-key")


@pytest.mark.parametrize("at", [-59.0, 0.0, 59.0])
async def test_clocks_may_differ_by_a_minute(running: Any, at: float) -> None:
    headers = {CALL_HEADER: call_header(at=at, deadline_at=at + 10)}

    async with running() as client:
        await tried(client)
        reply = await client.send("POST", "/score", BODY, headers)
        ready = await client.get("/readyz")

    assert (reply.status, ready.json["status"], ready.json["causes"]) == (200, "ready", [])


@pytest.mark.parametrize(("at", "skew"), [(-61.0, 61.0), (61.0, -61.0)])
async def test_clocks_that_differ_by_more_are_reported_everywhere(
    running: Any, caplog: pytest.LogCaptureFixture, at: float, skew: float
) -> None:
    headers = {CALL_HEADER: call_header(at=at, deadline_at=at + 10)}

    async with running() as client:
        await tried(client)
        replies = [await client.send("POST", "/score", BODY, headers) for _ in range(2)]
        ready = await client.get("/readyz")
        skewed = client.app.state.metrics.registry.get_sample_value("foretell_clock_skew_seconds")
        await client.send("POST", "/score", BODY, {CALL_HEADER: call_header()})
        later = await client.get("/readyz")

    assert [(reply.status, reply.json["code"], reply.json["skew_seconds"]) for reply in replies] == [
        (503, "clock-skew", skew)
    ] * 2
    assert (ready.status, ready.json["status"], ready.json["causes"]) == (200, "degraded", ["clock-skew"])
    assert skewed == skew
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["clock.skewed"]
    assert later.json["status"] == "ready"


async def test_a_body_past_the_limit_is_413_though_it_is_read_before_the_routes(running: Any) -> None:
    chunks = [b"x" * 5_000_000] * 2

    async with running() as client:
        reply = await client.send("POST", "/score", chunks, {CALL_HEADER: call_header()})

    assert (reply.status, reply.json["code"]) == (413, "body-too-large")


async def test_a_call_whose_deadline_passes_while_it_waits_is_not_computed(running: Any, model: Any) -> None:
    clock = iter([1.0, 99.0])

    async with running(unix_seconds=lambda: next(clock)) as client:
        reply = await client.send("POST", "/score", BODY, {CALL_HEADER: call_header(deadline_at=50.0)})

    assert (reply.status, reply.json["code"], model.entered.is_set()) == (504, "deadline-exceeded", False)


@pytest.mark.parametrize("path", ["/openapi.json", "/metrics", "/nowhere"])
async def test_nothing_else_is_open(running: Any, path: str) -> None:
    async with running() as client:
        reply = await client.get(path)

    assert reply.status == 401


async def test_a_request_is_one_info_line_without_contacts(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with running() as client:
            await client.get("/healthz")
            await client.post("/score", {"contacts": [{"id": "c-secret"}]})

    (line,) = [vars(record) for record in caplog.records if record.getMessage() == "request.answered"]
    told = {name: line[name] for name in ("request_id", "method", "route", "status", "account", "version", "contacts")}
    assert told == {
        "request_id": "r-1", "method": "POST", "route": "/score", "status": 200,
        "account": "demo", "version": "7", "contacts": 1,
    }  # fmt: skip
    assert "c-secret" not in str(line)


async def test_requests_and_predictions_are_counted(running: Any) -> None:
    async with running() as client:
        await client.post("/score", {"contacts": [{"id": "c-1"}, {"id": "nobody"}]})
        await client.get("/nowhere/at/all")
        text = generate_latest(client.app.state.metrics.registry).decode()

    assert 'foretell_requests_total{method="POST",route="/score",status="200"} 1.0' in text
    assert 'foretell_requests_total{method="GET",route="unmatched",status="401"} 1.0' in text
    assert 'foretell_predictions_total{status="ok"} 1.0' in text
    assert 'foretell_predictions_total{status="unknown_contact"} 1.0' in text
    assert "foretell_models 1.0" in text


async def test_a_process_without_store_and_model_is_not_ready(running: Any, store: Any) -> None:
    store.away = True

    async with running() as client:
        reply = await client.get("/readyz")

    assert reply.status == 503


async def test_a_missing_model_does_not_make_it_unready(running: Any, store: Any) -> None:
    store.rows = []

    async with running() as client:
        await tried(client)
        reply = await client.get("/readyz")

    assert reply.status == 200


async def test_a_model_in_memory_keeps_it_ready_while_the_store_is_away(running: Any, store: Any) -> None:
    async with running() as client:
        await client.post("/score", {"contacts": [{"id": "c-1"}]})
        store.away = True
        reply = await client.get("/readyz")

    assert (reply.status, reply.json["store"]) == (200, "away")


async def ready_of(client: Any) -> tuple[int, Any]:
    while not client.app.state.service.champions.tried:
        await asyncio.sleep(0)
    reply = await client.get("/readyz")
    return reply.status, reply.json


async def test_a_service_is_unready_while_champions_are_tried(running: Any) -> None:
    gate = asyncio.Event()

    async def slow(*_: Any) -> Any:
        await gate.wait()
        raise OSError

    async with running(fetch=slow) as client:
        while not client.app.state.service.champions._loading:
            await asyncio.sleep(0)
        before = await client.get("/readyz")
        gate.set()
        after = await ready_of(client)

    assert (before.status, before.json["status"], before.json["causes"]) == (503, "unready", ["models-loading"])
    assert (after[0], after[1]["status"], after[1]["causes"]) == (200, "degraded", ["registry-away"])


async def test_the_wait_for_champions_has_an_end(running: Any, settings: Any) -> None:
    gate = asyncio.Event()

    async def never(*_: Any) -> Any:
        await gate.wait()

    async with running(fetch=never) as client:
        service: Service = client.app.state.service
        while not service.champions._loading:
            await asyncio.sleep(0)
        service._started_at -= settings.ready_within_seconds
        reply = await client.get("/readyz")

    assert (reply.status, reply.json["status"], reply.json["causes"]) == (200, "degraded", ["models-loading"])


async def test_a_store_that_cannot_be_written_degrades_a_service(running: Any, store: Any) -> None:
    store.log_away = True

    async with running() as client:
        status, answer = await ready_of(client)

    assert (status, answer) == (
        200,
        {"status": "degraded", "causes": ["store-not-writable"], "store": "not-writable"},
    )


async def test_predictions_that_were_not_logged_degrade_a_service(running: Any, store: Any) -> None:
    async with running() as client:
        client.app.state.service.predictions._drop(3)
        status, answer = await ready_of(client)

    assert (status, answer["status"], answer["causes"]) == (200, "degraded", ["predictions-dropped"])


async def test_a_process_that_is_about_to_end_sends_others_elsewhere(running: Any) -> None:
    async with running() as client:
        client.app.state.draining = True
        status, answer = await ready_of(client)

    assert (status, answer["status"]) == (503, "draining")


async def test_other_methods_of_the_prediction_path_are_left_to_the_app(running: Any) -> None:
    async with running() as client:
        reply = await client.send("GET", "/score", headers={CALL_HEADER: client.signed("GET", "/score")})

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_a_query_parameter_is_refused_by_name(running: Any) -> None:
    async with running() as client:
        reply = await client.post("/score?cutof=x", {"contacts": [{"id": "c-1"}]})

    assert (reply.status, reply.json["errors"][0]["pointer"], reply.json["parameters"]) == (422, "/cutof", [])


async def test_a_slash_at_the_end_of_the_path_means_nothing(running: Any) -> None:
    async with running() as client:
        header = client.signed("POST", "/score", BODY)
        reply = await client.send("POST", "/score/", BODY, {CALL_HEADER: header})

    assert reply.status == 200


async def test_an_unexpected_error_is_a_500_that_says_nothing(
    running: Any, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model.lookback_days = "secret"

    async with running() as client:
        reply = await client.post("/score", {"contacts": [{"id": "c-1"}]})

    assert (reply.status, reply.json["code"]) == (500, "internal-error")
    assert "secret" not in reply.body.decode() + caplog.text
