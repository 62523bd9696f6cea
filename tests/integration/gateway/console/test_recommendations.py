"""The page of recommendations: what is popular, what is similar, and a contact's own items."""

import json
from typing import Any

from aiohttp import web

from services.recommendations.schemas import POPULAR_RESPONSE_EXAMPLE, RESPONSE_EXAMPLE, SIMILAR_RESPONSE_EXAMPLE
from shared.contracts.rows import ContactRow
from shared.store import PredictionRow
from tests.integration.gateway.conftest import RunningGateway, Upstream
from tests.integration.gateway.console.browser import Browser

POPULAR, SIMILAR = "/recommendations/popular", "/recommendations/similar/tea-01"


def answering(upstream: Upstream, answers: dict[str, Any]) -> None:
    """Let the service answer as it would; what is missing is not there."""

    async def answer(request: web.Request) -> web.StreamResponse:
        found = answers.get(request.path)
        absent = {"status": 409, "title": "x", "code": "no-model-trained"}
        return web.json_response(found or absent, status=200 if found else 409)

    upstream.answer = answer


async def page(gateway: RunningGateway, path: str) -> str:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=("admin",)))
    return str((await browser.get(path)).text)


async def test_popular_and_similar_items_are_tables_that_lead_on(gateway: RunningGateway, upstream: Upstream) -> None:
    answering(upstream, {POPULAR: POPULAR_RESPONSE_EXAMPLE, SIMILAR: SIMILAR_RESPONSE_EXAMPLE})

    shown = await page(gateway, "/console/recommendations?item=tea-01")

    assert "Similar to Green tea, 100 g" in shown
    assert 'href="/console/recommendations?item=pot-07"' in shown
    assert "412 buyers, 1.1 times as many lately as before" in shown


async def test_a_contact_s_items_are_shown_with_their_reasons(gateway: RunningGateway, upstream: Upstream) -> None:
    answering(upstream, {POPULAR: POPULAR_RESPONSE_EXAMPLE})
    store, body = gateway.store.of("acme"), json.dumps(RESPONSE_EXAMPLE["predictions"][0])
    store.contacts.put([ContactRow("c-42")], recorded_at=1)
    row = PredictionRow("c-42", "recommendations", "", "7", 1, 1, "r", "ok", None, None, None, "model", body)
    store.predictions.log([row])

    shown = await page(gateway, "/console/recommendations?contact=c-42")

    assert "Items for c-42" in shown
    assert "Bought every 30 days, last 32 days ago" in shown
    assert "41.0 %" in shown


async def test_without_a_model_the_page_says_how_to_get_one(gateway: RunningGateway, upstream: Upstream) -> None:
    answering(upstream, {})

    shown = await page(gateway, "/console/recommendations")

    assert "Nothing is known of what contacts buy yet" in shown
    assert 'value="POST /models/recommendations/train"' in shown
