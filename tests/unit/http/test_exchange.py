import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest
from starlette.responses import PlainTextResponse

from shared.contracts.call import Deadline
from shared.errors import ForetellError, LimitReached, NotAllowed, NotAuthenticated
from shared.http import problem
from shared.http.exchange import BoundedBody, Exchange, FlatApp, FlatRoute, Handler, HttpAnswer
from shared.http.middleware import RequestContext, refuse_unknown_names
from shared.http.telemetry import RequestMetrics

LIMIT = 100
MINE = {"X-Request-Id": "mine-1"}


async def echo(exchange: Exchange) -> HttpAnswer:
    return HttpAnswer(200, [(b"content-type", b"text/plain")], await exchange.body())


def flat(handler: Handler, **more: Any) -> FlatRoute:
    return FlatRoute("/flat", handler, metrics=RequestMetrics(), max_body_bytes=LIMIT, **more)


@pytest.fixture
def client_of(asgi: Any) -> Callable[[FlatRoute], Any]:
    """A client of an app that has one flat route."""

    def client(route: FlatRoute) -> Any:
        app = FlatApp(openapi_url=None, redirect_slashes=False)
        app.mount("/", PlainTextResponse("the app"))
        app.flat_routes = {"/flat": route}
        return asgi(app)

    return client


def raising(error: Exception) -> Handler:
    async def handler(_: Exchange) -> HttpAnswer:
        raise error

    return handler


def framework_with(error: Exception) -> FastAPI:
    app = FastAPI()
    problem.install(app)
    app.add_middleware(RequestContext, metrics=RequestMetrics())

    @app.post("/flat")
    async def route() -> None:
        raise error

    return app


async def raw(route: FlatRoute, receive: Callable[[], Any], **more: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await route({"type": "http", "method": "POST", "path": "/flat", "headers": [], **more}, receive, send)
    return sent


async def test_what_was_read_is_answered_with_length_and_request_id(client_of: Any) -> None:
    answer = await client_of(flat(echo)).send("POST", "/flat", b"hello", headers=MINE)

    assert (answer.status, answer.body) == (200, b"hello")
    assert dict(answer.headers) == {"content-type": "text/plain", "content-length": "5", "x-request-id": "mine-1"}


async def test_an_answer_is_one_start_and_one_body() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"hello"}

    sent = await raw(flat(echo), receive)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert "more_body" not in sent[1]


@pytest.mark.parametrize(
    "error",
    [
        ForetellError("A bug.", count=3),
        NotAuthenticated("No key."),
        NotAllowed("This key lacks the scope predict.", scope="predict"),
        LimitReached("Slow down.", policies=["calls"], retry_after_seconds=7),
        ZeroDivisionError("secret"),
    ],
)
async def test_an_error_is_answered_as_the_framework_answers_it(client_of: Any, asgi: Any, error: Exception) -> None:
    of_flat = await client_of(flat(raising(error))).send("POST", "/flat", headers=MINE)
    of_framework = await asgi(framework_with(error)).send("POST", "/flat", headers=MINE)

    assert (of_flat.status, of_flat.body) == (of_framework.status, of_framework.body)
    assert dict(of_flat.headers) == dict(of_framework.headers)


async def test_a_bug_is_logged_without_its_message(client_of: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = await client_of(flat(raising(ZeroDivisionError("secret")))).send("POST", "/flat", headers=MINE)

    assert answer.json["code"] == "internal-error"
    record = next(one for one in caplog.records if one.getMessage() == "request.failed")
    assert (record.error, record.request_id) == ("ZeroDivisionError", "mine-1")
    assert "secret" not in str(record.__dict__)


async def test_a_body_past_the_limit_is_413_before_the_handler_runs(client_of: Any) -> None:
    ran = list[bool]()

    async def handler(_: Exchange) -> HttpAnswer:
        ran.append(True)
        return HttpAnswer(200, [], b"")

    answer = await client_of(flat(handler)).send("POST", "/flat", headers={"Content-Length": str(LIMIT + 1)})

    assert (answer.status, answer.json["code"], ran) == (413, "body-too-large", [])


async def test_a_body_of_unknown_length_is_413_once_it_is_past_the_limit() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 30, "more_body": True}

    sent = await raw(flat(echo), receive)

    assert (sent[0]["status"], orjson.loads(sent[1]["body"])["code"]) == (413, "body-too-large")


async def test_a_body_that_dawdles_is_408() -> None:
    async def never() -> Any:
        await asyncio.Event().wait()

    body = BoundedBody(never, max_bytes=LIMIT, within_seconds=0.01)

    with pytest.raises(ForetellError, match="did not arrive within") as caught:
        await body.read()
    assert caught.value.status == 408


async def test_a_compressed_body_is_422(client_of: Any) -> None:
    answer = await client_of(flat(echo)).send("POST", "/flat", b"x", headers={"Content-Encoding": "gzip"})

    assert (answer.status, answer.json["code"]) == (422, "invalid-request")


async def test_a_client_that_leaves_in_its_body_is_logged_as_such_and_gets_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def left() -> Any:
        return {"type": "http.disconnect"}

    with caplog.at_level(logging.INFO):
        sent = await raw(flat(echo), left)

    assert sent == []
    assert [(one.getMessage(), one.status) for one in caplog.records] == [("request.answered", 499)]


async def test_a_request_is_logged_and_counted_with_its_route_and_facts(
    client_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(exchange: Exchange) -> HttpAnswer:
        exchange.facts["account"] = "acme"
        return HttpAnswer(204, [], b"")

    route = flat(handler)
    with caplog.at_level(logging.INFO, "shared"):
        await client_of(route).send("POST", "/flat/", headers=MINE)

    [line] = caplog.records
    assert (line.getMessage(), line.request_id, line.method, line.route) == (
        "request.answered",
        "mine-1",
        "POST",
        "/flat",
    )
    assert (line.status, line.account, line.milliseconds >= 0) == (204, "acme", True)
    counted = generate_latest(route._metrics.registry)
    assert b'foretell_requests_total{method="POST",route="/flat",status="204"} 1.0' in counted
    assert b'foretell_request_seconds_count{route="/flat"} 1.0' in counted


async def test_headers_of_the_exchange_go_with_a_problem_too_and_the_routes_headers_hide_none(client_of: Any) -> None:
    async def handler(exchange: Exchange) -> HttpAnswer:
        exchange.answer_headers += [(b"ratelimit", b"1"), (b"cache-control", b"private")]
        raise NotAuthenticated("No key.")

    route = flat(handler, headers=[(b"cache-control", b"no-store"), (b"x-frame-options", b"DENY")])
    answer = await client_of(route).send("POST", "/flat")

    assert answer.status == 401
    assert (answer.headers["ratelimit"], answer.headers["x-frame-options"]) == ("1", "DENY")
    assert answer.headers["cache-control"] == "private"


async def test_the_handler_has_a_deadline(client_of: Any) -> None:
    left = list[float | None]()

    async def handler(_: Exchange) -> HttpAnswer:
        left.append(Deadline.seconds_left())
        return HttpAnswer(200, [], b"")

    await client_of(flat(handler, within_seconds=3.0)).send("POST", "/flat")

    assert left[0] is not None
    assert 2.0 < left[0] <= 3.0


@pytest.mark.parametrize(
    ("method", "path", "taken"),
    [
        ("POST", "/flat", True),
        ("POST", "/flat/", True),
        ("POST", "/flat//", False),
        ("POST", "/flat%2F", False),
        ("GET", "/flat", False),
        ("OPTIONS", "/flat", False),
        ("POST", "/other", False),
    ],
)
async def test_only_the_post_of_its_path_is_a_flat_routes(
    client_of: Any, method: str, path: str, *, taken: bool
) -> None:
    answer = await client_of(flat(echo)).send(method, path)

    assert (answer.body != b"the app") == taken


def test_of_a_header_that_comes_twice_the_first_counts() -> None:
    scope = {"headers": [(b"authorization", b"first"), (b"authorization", b"second")]}

    async def exchange() -> Exchange:
        return Exchange(scope, BoundedBody(lambda: None, max_bytes=1))  # type: ignore[arg-type, return-value]

    assert asyncio.run(exchange()).header(b"authorization") == "first"


def test_a_query_of_a_path_that_takes_none_is_refused() -> None:
    with pytest.raises(ForetellError) as caught:
        refuse_unknown_names(b"x=%20y")

    assert caught.value.members["errors"] == [
        {"pointer": "/x", "detail": "This query parameter is not known here; this path takes none."}
    ]
