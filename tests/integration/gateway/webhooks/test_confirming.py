"""Confirmation addresses are visited off the request's path, once, and not further than they lead."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.webhooks.confirming import Visits
from gateway.webhooks.incoming import Confirmation


@pytest.fixture
async def amazon() -> AsyncIterator[Any]:
    seen: list[str] = []

    async def answered(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        if request.path == "/elsewhere":
            raise web.HTTPFound("/secret")
        return web.Response(status=200 if request.path == "/confirm" else 403)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answered)
    async with TestServer(app) as server:
        yield server, seen


async def visited(server: TestServer, path: str) -> None:
    async with aiohttp.ClientSession() as client:
        visits = Visits(client)
        visits.begin(Confirmation("1", str(server.make_url("")).rstrip("/") + path), "mail")
        await asyncio.gather(*visits._going_on)
        await visits.close()


@pytest.mark.parametrize(
    ("path", "logged"),
    [("/confirm?Token=a%2Fb", "webhooks.confirmed"), ("/no", "webhooks.not_confirmed")],
)
async def test_what_came_of_a_visit_is_logged_without_its_token(amazon, caplog, path: str, logged: str) -> None:
    server, seen = amazon
    with caplog.at_level(logging.INFO):
        await visited(server, path)

    assert seen == [path]
    (record,) = [record for record in caplog.records if record.name.startswith("gateway")]
    assert record.message == logged
    assert "Token" not in str(vars(record))


async def test_a_redirect_is_not_followed(amazon) -> None:
    server, seen = amazon
    await visited(server, "/elsewhere")

    assert seen == ["/elsewhere"]


async def test_an_address_that_does_not_answer_is_lived_with(caplog) -> None:
    async with aiohttp.ClientSession() as client:
        visits = Visits(client)
        visits.begin(Confirmation("1", "http://127.0.0.1:1/"), "mail")
        await asyncio.gather(*visits._going_on)

    assert "webhooks.not_confirmed" in [record.message for record in caplog.records]
