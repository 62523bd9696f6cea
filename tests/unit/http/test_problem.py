from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware

from shared.errors import ModelNotReady, NotAuthenticated
from shared.http import problem
from shared.http.middleware import BodyLimit, RequestContext
from shared.http.telemetry import RequestMetrics

LIMIT = 200_000


class Parcel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weight: Annotated[float, Field(gt=0)]
    labels: dict[str, int | bool] = {}


@pytest.fixture
def client(asgi: Any) -> Any:
    app = FastAPI(
        middleware=[
            Middleware(RequestContext, metrics=RequestMetrics()),
            Middleware(BodyLimit, max_bytes=LIMIT),
        ]
    )
    problem.install(app)

    @app.post("/parcels")
    async def parcels(parcel: Parcel, limit: int = 1) -> Parcel:
        return parcel

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("secret@example.com")

    @app.get("/waiting")
    async def waiting() -> None:
        raise ModelNotReady("Being loaded.", status=200, outcome="customer")

    return asgi(app)


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"weight": -1}', "/weight"),
        (b'{"colour": 1, "weight": 1}', "/colour"),
        (b"{}", "/weight"),
        (b'{"weight": 1, "labels": {"a (b)": "secret"}}', "/labels/a (b)"),
    ],
)
async def test_a_body_that_does_not_fit_is_reported_by_place_without_its_value(
    client: Any, body: bytes, pointer: str
) -> None:
    reply = await client.send("POST", "/parcels", body, JSON)

    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert {error["pointer"] for error in reply.json["errors"]} == {pointer}
    assert b"secret" not in reply.body


async def test_broken_json_is_reported_by_its_position(client: Any) -> None:
    reply = await client.send("POST", "/parcels", b'{"weight": secret}', JSON)

    assert (reply.status, reply.json["code"], reply.json["position"]) == (422, "malformed-json", 11)
    assert b"secret" not in reply.body


@pytest.mark.parametrize(
    "body", [b'{"weight": ' + b"9" * 5_000 + b"}", b'{"weight": ' + b"[" * 100_000, b'{"weight": "\xff"}']
)
async def test_a_body_that_no_parser_takes_is_the_client_s_mistake_too(client: Any, body: bytes) -> None:
    reply = await client.send("POST", "/parcels", body, JSON)

    assert (reply.status, reply.json["code"]) == (422, "malformed-json")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not-found"), ("GET", "/parcels", 405, "method-not-allowed")],
)
async def test_the_framework_s_own_errors_are_problems_too(
    client: Any, method: str, path: str, status: int, code: str
) -> None:
    reply = await client.send(method, path)

    assert (reply.status, reply.json["code"], reply.json["status"]) == (status, code, status)
    assert reply.json["type"] == f"urn:foretell:problem:{code}"
    assert reply.json["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_past_the_limit_is_413_even_when_its_length_is_not_announced(client: Any, announced: bool) -> None:
    headers = {**JSON, "content-length": str(2 * LIMIT)} if announced else JSON

    reply = await client.send("POST", "/parcels", [b"x" * LIMIT, b"x"], headers)

    assert (reply.status, reply.json["code"], reply.json["max_bytes"]) == (413, "body-too-large", LIMIT)


async def test_a_bug_is_a_500_that_reveals_nothing_and_is_logged_once_without_its_message(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await client.get("/bug")

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (reply.status, reply.json["code"]) == (500, "internal-error")
    assert (record.getMessage(), record.error) == ("request.failed", "ZeroDivisionError")
    assert "secret" not in str(vars(record)) + reply.body.decode()


async def test_standard_members_win_and_waiting_is_stated_in_header_and_body(client: Any) -> None:
    reply = await client.get("/waiting")

    assert (reply.status, reply.json["status"], reply.json["outcome"]) == (503, 503, "customer")
    assert (reply.headers["retry-after"], reply.json["retry_after_seconds"]) == ("5", 5)


def test_a_401_names_the_scheme() -> None:
    assert problem.response(NotAuthenticated("No key."), None).headers["www-authenticate"] == "Bearer"
