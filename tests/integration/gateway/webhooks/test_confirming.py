"""Confirmation addresses are visited before the answer, and not further than they lead."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.webhooks.provider import Confirmation
from gateway.webhooks.receiver import confirm_url
from shared.errors import UpstreamUnavailable


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


async def visit(server: TestServer, path: str) -> None:
    async with aiohttp.ClientSession() as client:
        await confirm_url(client, Confirmation("1", str(server.make_url("")).rstrip("/") + path), "mail")


async def test_a_visit_is_logged_without_its_token(amazon, caplog) -> None:
    server, seen = amazon
    with caplog.at_level(logging.INFO):
        await visit(server, "/confirm?Token=a%2Fb")

    (record,) = [record for record in caplog.records if record.name.startswith("gateway")]
    assert (seen, record.message) == (["/confirm?Token=a%2Fb"], "webhooks.confirmed")
    assert "Token" not in str(vars(record))


@pytest.mark.parametrize("path", ["/no?Token=a", "/elsewhere"])
async def test_a_visit_that_is_refused_or_sent_elsewhere_is_to_be_tried_again(amazon, caplog, path: str) -> None:
    server, seen = amazon
    with pytest.raises(UpstreamUnavailable):
        await visit(server, path)

    (record,) = [record for record in caplog.records if record.name.startswith("gateway")]
    assert (seen, record.message) == ([path], "webhooks.not_confirmed")
    assert "Token" not in str(vars(record))


async def test_an_address_that_does_not_answer_is_to_be_tried_again() -> None:
    async with aiohttp.ClientSession() as client:
        with pytest.raises(UpstreamUnavailable):
            await confirm_url(client, Confirmation("1", "http://127.0.0.1:1/"), "mail")
