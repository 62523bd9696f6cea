import math

import pytest
from starlette.requests import Request

from gateway.console.forms import MOST_BYTES, body_of_fields, call_of, fields_of
from shared.errors import BadRequest, BodyTooLarge


def form(body: bytes, **headers: str) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    given = {"content-type": "application/x-www-form-urlencoded", "host": "foretell.example"}
    named = {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "method": "POST", "path": "/console/call", "headers": raw}, receive)


@pytest.mark.parametrize(
    "text",
    [
        "GET /contacts",
        "POST contacts",
        "POST //evil.example/contacts",
        "POST /console/call",
        "POST /%63onsole/sign-in",
        "POST /CONSOLE/call",
        "POST /%2Fconsole/call",
        "DELETE /contacts/../keys/k",
        "DELETE /contacts/%2e%2e/keys/k",
        "POST /contacts\r\nX-Other: 1",
        "POST /contacts HTTP/1.1",
        "POST /cont\u00e4cts",
        "POST /",
        "",
    ],
)
def test_a_form_calls_routes_of_the_api_and_nothing_else(text: str) -> None:
    with pytest.raises(BadRequest):
        call_of(text, "/console")


@pytest.mark.parametrize("number", ["1e999", "nan", "-inf", "9" * 5_000, "ten"])
def test_what_is_no_finite_number_is_refused_in_words(number: str) -> None:
    with pytest.raises(BadRequest, match="is not a number"):
        body_of_fields([("days:number", number)])


@pytest.mark.parametrize(
    "fields",
    [
        [("a", "x"), ("a.b", "y")],
        [("a", "x"), ("a[]", "y")],
        [("a[]", "x"), ("a.b", "y")],
        [("a:json", "[" * 100_000)],
    ],
)
def test_names_that_do_not_fit_together_are_a_mistake_of_the_form(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest):
        body_of_fields(fields)


def test_a_name_makes_few_levels_however_many_points_it_has() -> None:
    body = body_of_fields([(".".join("a" * 50_000), "x")])

    depth, place = 0, body
    while isinstance(place, dict):
        (place,) = place.values()
        depth += 1
    assert depth == 9


def test_numbers_lists_and_flags_are_what_they_say() -> None:
    body = body_of_fields([("rule.days:number", "30"), ("share:number", "0.5"), ("on:flag", "on"), ("note:text", "")])

    assert body == {"rule": {"days": 30}, "share": 0.5, "on": True, "note": ""}
    assert math.isfinite(body["share"])


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"content_type": "text/plain"},
        {"content_type": "application/json"},
    ],
)
async def test_a_form_of_another_site_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        await fields_of(form(b"a=1", **headers), None)


@pytest.mark.parametrize(
    ("headers", "public"),
    [
        ({}, None),
        ({"sec_fetch_site": "same-origin", "origin": "null"}, None),
        ({"origin": "http://foretell.example"}, None),
        ({"origin": "https://shown.example"}, "https://shown.example/below"),
    ],
)
async def test_a_form_of_this_console_is_read(headers: dict[str, str], public: str | None) -> None:
    assert await fields_of(form(b"a=1&b=", **headers), public) == [("a", "1"), ("b", "")]


async def test_a_form_that_nobody_fills_in_is_refused_before_it_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        await fields_of(form(b"", content_length=str(MOST_BYTES + 1)), None)
    with pytest.raises(BodyTooLarge):
        await fields_of(form(b"a" * (MOST_BYTES + 1)), None)


@pytest.mark.parametrize("body", [b"\xff=1", b"&".join([b"a=1"] * 2_001)])
async def test_what_cannot_be_read_as_a_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        await fields_of(form(body), None)
