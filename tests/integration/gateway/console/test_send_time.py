import json
from typing import Any

import pytest
from aiohttp import web

from gateway.console.capability_pages import capability_pages
from services.sendtime.schemas.responses import EXPERIMENT_LIST_EXAMPLE, EXPERIMENT_RESPONSE_EXAMPLE
from services.sendtime.schemas.weeks import WEEKS_RESPONSE_EXAMPLE
from tests.integration.gateway.conftest import RunningGateway, Upstream
from tests.integration.gateway.console.browser import Browser

NAMED = "<script>alert(1)</script>"


def answering(upstream: Upstream, **answers: Any) -> None:
    """Let the service answer as it would; None: there is nothing of it."""
    by_path = {
        "/best-send-time/weeks": WEEKS_RESPONSE_EXAMPLE,
        "/experiments": {**EXPERIMENT_LIST_EXAMPLE, "experiments": []},
        **answers,
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        found = by_path.get(request.path)
        return web.json_response(
            found if found is not None else {"status": 404, "title": "x"}, status=200 if found else 404
        )

    upstream.answer = answer


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


async def test_a_week_is_a_table_of_seven_days_with_its_values_as_text_and_its_finding_as_caption(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    answering(upstream)

    page = (await (await signed_in(gateway, "read")).get("/console/sendtime")).text

    assert page.count('<table class="week">') == 2  # everybody, one group
    assert page.count('class="heat-6"') == 2 * 7 * 12
    assert '<span class="hidden">0.4 %</span>' in page
    assert "Most active on Monday 08:00: 1.6 times as much as in an average hour. The darker, the more active." in page
    assert "62.0 % of contacts" in page


async def test_a_share_of_activity_is_never_called_a_chance_and_a_chance_is(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    browser = await signed_in(gateway, "read")
    answering(upstream)
    shares = (await browser.get("/console/sendtime")).text
    untried = [None, *WEEKS_RESPONSE_EXAMPLE["everybody"]["values"][1:]]
    everybody = {**WEEKS_RESPONSE_EXAMPLE["everybody"], "values": untried}
    chances = {**WEEKS_RESPONSE_EXAMPLE, "unit": "click", "is_chance": True, "everybody": everybody, "usual_hour": 9}
    answering(upstream, **{"/best-send-time/weeks": chances})
    known = (await browser.get("/console/sendtime")).text

    assert "which is no chance of an answer" in shares
    assert "the share of the week&#39;s activity" in shares
    assert "chance of a click within a day of a message" in known
    assert 'class="untried"' in known
    assert "All messages went out at about 09:00" in known


async def test_without_a_model_the_page_says_how_to_get_one(gateway: RunningGateway, upstream: Upstream) -> None:
    answering(upstream, **{"/best-send-time/weeks": None})

    page = (await (await signed_in(gateway)).get("/console/sendtime")).text

    assert "Nothing is known of good hours yet" in page
    assert 'value="POST /models/sendtime/train"' in page
    assert "No experiment yet" in page


async def test_an_experiment_is_reported_in_words_with_its_intervals(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    answering(
        upstream, **{"/experiments": EXPERIMENT_LIST_EXAMPLE, "/experiments/may-offer": EXPERIMENT_RESPONSE_EXAMPLE}
    )
    browser = await signed_in(gateway, "read")

    listed = (await browser.get("/console/sendtime")).text
    report = (await browser.get("/console/sendtime?campaign=may-offer")).text

    assert 'href="/console/sendtime?campaign=may-offer"' in listed
    for shown in (
        "Not decided yet",
        "+0.40 of 100 contacts beside your own time; with 95 % confidence between -0.05 and +0.85",
        "218,742 more messages",
        "5.2 of 100",
        "40,000 drawn, 38,000 of them past their day",
    ):
        assert shown in report


@pytest.mark.parametrize("campaign", ["nobody", "a/b", NAMED])
async def test_a_campaign_without_an_experiment_says_so(
    gateway: RunningGateway, upstream: Upstream, campaign: str
) -> None:
    answering(upstream)

    page = await (await signed_in(gateway, "read")).get(f"/console/sendtime?campaign={campaign}")

    assert (page.status, "Nobody was assigned" in page.text, NAMED in page.text) == (200, True, False)


async def test_names_of_campaigns_are_escaped(gateway: RunningGateway, upstream: Upstream) -> None:
    (one,) = EXPERIMENT_LIST_EXAMPLE["experiments"]
    listed = json.loads(json.dumps({**EXPERIMENT_LIST_EXAMPLE, "experiments": [{**one, "campaign_id": NAMED}]}))
    answering(upstream, **{"/experiments": listed})

    page = (await (await signed_in(gateway, "read")).get("/console/sendtime")).text

    assert NAMED not in page
    assert "&lt;script&gt;" in page


def test_a_report_of_many_contacts_may_take_longer_than_other_pages() -> None:
    seconds = {page.path: page.seconds for page in capability_pages()}

    assert (seconds["sendtime"], seconds["segmentation"]) == (60, 5)
