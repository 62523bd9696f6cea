import logging
import re
import time

import pytest

from shared.contracts.call import public_id_of
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Answered, Browser, token_in

MAKE = {"_call": "POST /keys", "_next": "/console/keys", "_show": "key", "name": "crm", "scopes[]": "ingest"}


@pytest.fixture
async def browser(gateway: RunningGateway) -> Browser:
    gateway.client.cookie_jar.clear()
    made = Browser(gateway)
    await made.sign_in(gateway.key())
    return made


async def sent(browser: Browser, fields: dict[str, str], **headers: str) -> Answered:
    token = token_in((await browser.get("/console/keys")).text)
    return await browser.post("/console/call", {"_token": token, **fields}, **headers)


def key_in(page: str) -> str:
    found = re.search(r"fk_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}", page)
    assert found is not None
    return found[0]


async def test_a_new_key_is_shown_once_and_stands_in_no_log_address_or_cookie(
    gateway: RunningGateway, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answer = await sent(browser, MAKE)
    later = await browser.get("/console/keys")

    key = key_in(answer.text)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (await gateway.request("GET", "/keys", key))[0] == 403  # it works, and may only ingest
    assert key not in later.text
    assert key not in str(answer.headers)
    assert key not in str(browser.cookies)
    assert key[-38:] not in str([record.__dict__ for record in caplog.records])


async def test_in_place_the_key_takes_the_place_of_the_page_and_the_address_stays(browser: Browser) -> None:
    answer = await sent(browser, MAKE, hx_request="true")

    assert (answer.headers["HX-Retarget"], "<html" in answer.text) == ("#content", False)
    assert key_in(answer.text)


@pytest.mark.parametrize("to", ["javascript:alert(1)", "https://evil.example", "//evil.example"])
async def test_a_shown_answer_leads_back_to_a_page_of_the_console_and_nowhere_else(browser: Browser, to: str) -> None:
    answer = await sent(browser, {**MAKE, "_next": to})

    assert to not in answer.text
    assert 'href="/console">I have kept it' in answer.text


async def test_what_the_api_refuses_is_shown_in_its_words_without_any_key(browser: Browser) -> None:
    answer = await sent(browser, {**MAKE, "name": ""}, hx_request="true")

    assert answer.status == 422
    assert "name" in answer.text
    assert "fk_" not in answer.text


@pytest.mark.parametrize("name", ["nothing", "../base", "key.html", ""])
async def test_a_form_that_names_no_template_of_answers_does_nothing(
    gateway: RunningGateway, browser: Browser, name: str
) -> None:
    answer = await sent(browser, {**MAKE, "_show": name})

    assert answer.status == 422
    assert len(gateway.store.of("acme").keys.all()) == 1


async def test_the_page_shows_every_key_with_its_state_and_escapes_its_name(
    gateway: RunningGateway, browser: Browser
) -> None:
    await sent(browser, {**MAKE, "name": "<script>alert(1)</script>"})
    (other,) = [row.public_id for row in gateway.store.of("acme").keys.all() if row.name != "test"]
    await sent(browser, {"_call": f"DELETE /keys/{other}", "_next": "/console/keys", "_done": "Revoked."})

    page = await browser.get("/console/keys")

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "1 of 2 can be used now." in page.text
    assert "You are signed in with it" in page.text
    assert ">revoked<" in page.text


async def test_a_key_is_replaced_on_the_page(gateway: RunningGateway, browser: Browser) -> None:
    old = public_id_of(gateway.key(scopes=("read",)))

    answer = await sent(browser, {"_call": f"POST /keys/{old}/rotate", "_show": "key", "overlap_hours:number": "0"})

    assert key_in(answer.text)
    assert f"fk_{old}" not in answer.text


async def test_without_the_scope_admin_there_is_neither_the_page_nor_its_place_in_the_menu(
    gateway: RunningGateway,
) -> None:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=("read",)))

    page = await browser.get("/console/keys")

    assert "This page needs the scope admin" in page.text
    assert ">Keys</a>" not in page.text


async def test_who_revokes_the_key_of_the_session_is_signed_out(browser: Browser, gateway: RunningGateway) -> None:
    (own,) = [row.public_id for row in gateway.store.of("acme").keys.all()]

    await sent(browser, {"_call": f"DELETE /keys/{own}?confirm=true", "_next": "/console/keys"})
    time.sleep(0.01)  # the cache of keys lasts a thousandth of a second here

    assert 'action="/console/sign-in"' in (await browser.get("/console/keys")).text
