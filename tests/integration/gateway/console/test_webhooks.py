import logging
import re
from typing import Any

import pytest

from shared.contracts.message import Message
from tests.integration.gateway.conftest import RunningGateway, Upstream
from tests.integration.gateway.console.browser import Answered, Browser, token_in
from tests.integration.gateway.test_deliveries import AT, KIND, failed, happened, subscribed

NAMED = "<script>alert(1)</script>"
RECEIVER = {"_next": "/console/webhooks", "_show": "secret", "url": "https://1.1.1.1/in", "event_types[]": KIND}


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"webhook_allow_private": True}


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


async def sent(browser: Browser, what: str, fields: dict[str, str], **headers: str) -> Answered:
    token = token_in((await browser.get("/console/webhooks")).text)
    return await browser.post("/console/call", {"_token": token, "_call": what, **fields}, **headers)


async def test_before_there_is_anything_the_page_says_what_to_do(gateway: RunningGateway) -> None:
    page = (await (await signed_in(gateway)).get("/console/webhooks")).text

    assert "Nobody is told of changes yet" in page
    assert "Nothing comes in by webhook yet" in page
    assert page.count("<details open>") == 2  # the forms to add one


async def test_a_subscription_is_added_and_its_secret_is_shown_once_and_logged_nowhere(
    gateway: RunningGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser = await signed_in(gateway)

    answer = await sent(browser, "POST /subscriptions", {**RECEIVER, "description": NAMED})
    page = (await browser.get("/console/webhooks")).text

    found = re.search(r"whsec_[A-Za-z0-9+/=]+", answer.text)
    assert found is not None
    assert found[0] not in page + str(answer.headers) + str(browser.cookies)
    assert found[0] not in str([record.__dict__ for record in caplog.records])
    assert NAMED not in page
    assert "&lt;script&gt;" in page
    assert KIND in page
    assert ">enabled<" in page


async def test_a_subscription_is_paused_tried_out_given_a_new_secret_and_removed(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    browser, store = await signed_in(gateway), gateway.store.of("acme")
    await sent(browser, "POST /subscriptions", {**RECEIVER, "url": f"{upstream.server.make_url('/in')}"})
    path = f"/subscriptions/{store.subscriptions.all()[0].subscription_id}"

    await sent(browser, f"PATCH {path}", {"state": "paused"})
    paused = (await browser.get("/console/webhooks")).text
    trial = await sent(browser, f"POST {path}/test", {"_show": "trial", "type": "subscription.test"})
    rotated = await sent(browser, f"POST {path}/secrets", {"_show": "secret", "overlap_hours:number": "24"})
    await sent(browser, f"DELETE {path}", {})

    assert ">paused<" in paused
    assert "Resume" in paused
    assert "The receiver took it" in trial.text
    assert "HTTP 200" in trial.text
    assert "2 signatures" in rotated.text
    assert store.subscriptions.all() == []


async def test_what_the_api_refuses_is_shown_in_its_words(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway)

    answer = await sent(browser, "POST /subscriptions", {**RECEIVER, "url": "ftp://nowhere"}, hx_request="true")

    assert answer.status == 422
    assert "http" in answer.text
    assert "whsec_" not in answer.text


async def test_deliveries_are_filtered_and_listed_by_cursor(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway)
    subscription = await subscribed(gateway, gateway.key())
    happened(gateway, 51)

    first = (await browser.get(f"/console/webhooks/deliveries?subscription_id={subscription}&state=pending")).text
    address = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = (await browser.get(address)).text
    none = (await browser.get("/console/webhooks/deliveries?state=failed")).text

    assert first.count(f">{KIND}</a>") == 50
    assert second.count(f">{KIND}</a>") == 1
    assert "Further" not in second
    assert "No delivery of that kind" in none


async def test_a_delivery_shows_its_data_and_each_attempt_and_is_replayed(gateway: RunningGateway) -> None:
    browser, store = await signed_in(gateway), gateway.store.of("acme")
    subscription = await subscribed(gateway, gateway.key())
    store.deliveries.outbox.publish([Message("m", KIND, AT, {"said": NAMED}, contact_id=NAMED)], at=AT)
    failed(gateway, subscription)
    (row,) = store.deliveries.page(9)
    path = f"/console/webhooks/deliveries/{row.delivery_id}"

    page = (await browser.get(path)).text
    listed = (await browser.get("/console/webhooks/deliveries")).text
    await sent(browser, f"POST /deliveries/{row.delivery_id}/replay", {"_next": path})

    assert "HTTP 500" in page
    assert "12 ms" in page
    assert NAMED not in page + listed
    assert "&lt;script&gt;" in page
    assert store.deliveries.page(9)[0].state == "pending"


async def test_what_ended_in_a_stretch_of_time_is_delivered_again(gateway: RunningGateway) -> None:
    browser, store = await signed_in(gateway), gateway.store.of("acme")
    subscription = await subscribed(gateway, gateway.key())
    happened(gateway, 2)
    failed(gateway, subscription)
    stretch = {"since": "2026-01-01T00:00:00+00:00", "until": "2100-01-01T00:00:00+00:00", "state": "failed"}

    page = (await browser.get(f"/console/webhooks/deliveries?subscription_id={subscription}")).text
    await sent(browser, "POST /deliveries/replay", {"subscription_id": subscription, **stretch})

    assert 'value="POST /deliveries/replay"' in page
    assert {row.state for row in store.deliveries.page(9)} == {"pending"}


async def test_a_source_is_made_its_address_shown_and_its_secret_never(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway)
    secret = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    fields = {"_show": "source", "name": "ours", "provider": "standard", "secrets[]": secret}

    made = await sent(browser, "POST /sources", fields)
    page = (await browser.get("/console/webhooks")).text
    (source,) = gateway.store.of("acme").sources.all()
    path = f"/sources/{source.source_id}"
    await sent(browser, f"POST {path}/secrets", {"secret": secret[:-1] + "1", "overlap_hours:number": "24"})
    (rotated,) = gateway.store.of("acme").sources.all()
    await sent(browser, f"DELETE {path}", {})

    assert made.status == 200, made.text
    assert f"/webhooks/standard/{source.source_id}" in made.text
    assert f"/webhooks/standard/{source.source_id}" in page
    assert "waits for the first call" in page
    assert secret not in made.text + page
    assert len(rotated.secrets) == 2
    assert gateway.store.of("acme").sources.all() == []


async def test_who_only_reads_sees_subscriptions_without_actions_and_no_sources(gateway: RunningGateway) -> None:
    await subscribed(gateway, gateway.key())
    browser = await signed_in(gateway, "read")

    page = (await browser.get("/console/webhooks")).text

    assert "https://1.1.1.1/in" in page
    assert "Sources are shown to a key with the scope admin" in page
    assert 'name="_call"' not in page
