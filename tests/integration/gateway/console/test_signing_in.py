import time

import pytest

from gateway.console.sessions import Sessions
from shared.contracts.call import digest_of, public_id_of
from tests.integration.gateway.conftest import LONG_AGO, SIGNING_KEY, RunningGateway
from tests.integration.gateway.console.browser import Browser


@pytest.fixture
def browser(gateway: RunningGateway) -> Browser:
    gateway.client.cookie_jar.clear()
    return Browser(gateway)


def link(key: str) -> str:
    token = Sessions(SIGNING_KEY.encode()).link_token(public_id_of(key), digest_of(key))
    return f"/console/enter?link={token}"


async def test_who_is_not_signed_in_gets_the_form_and_no_redirect(browser: Browser) -> None:
    page = await browser.get("/console?near=a")

    assert page.status == 200
    assert 'action="/console/sign-in"' in page.text
    assert 'value="/console?near=a"' in page.text


async def test_a_key_makes_a_session_in_a_cookie_that_scripts_and_other_sites_cannot_use(
    gateway: RunningGateway, browser: Browser
) -> None:
    key = gateway.key()

    answer = await browser.sign_in(key)

    cookie = answer.headers["Set-Cookie"]
    assert (answer.status, answer.headers["Location"]) == (303, "/console")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/console" in cookie
    assert key not in cookie
    assert "acme" in (await browser.get("/console")).text


@pytest.mark.parametrize("key", ["", "fk_wrong", "nothing like one"])
async def test_a_wrong_key_is_refused_in_words_on_the_form(browser: Browser, key: str) -> None:
    answer = await browser.sign_in(key)

    assert answer.status == 401
    assert 'role="alert"' in answer.text
    assert browser.cookies == {}


async def test_a_session_ends_when_its_key_is_revoked(gateway: RunningGateway, browser: Browser) -> None:
    key = gateway.key()
    await browser.sign_in(key)
    gateway.store.of("acme").keys.revoke(public_id_of(key), at=LONG_AGO)
    time.sleep(0.01)  # the cache of keys lasts a thousandth of a second here

    page = await browser.get("/console")

    assert "This key was revoked" in page.text
    assert 'action="/console/sign-in"' in page.text


async def test_a_changed_cookie_is_nobody(gateway: RunningGateway, browser: Browser) -> None:
    await browser.sign_in(gateway.key())
    signed, signature = browser.cookies["foretell_session"].rsplit(".", 1)
    # Not its last character: that has bits which mean nothing.
    browser.cookies["foretell_session"] = f"{signed}.{'x' if signature[0] != 'x' else 'y'}{signature[1:]}"

    assert 'action="/console/sign-in"' in (await browser.get("/console")).text


async def test_a_link_signs_in_once(gateway: RunningGateway, browser: Browser) -> None:
    address = link(gateway.key())

    first = await browser.get(address)
    page = await browser.get("/console")
    second = await Browser(gateway).get(address)

    assert (first.status, first.headers["Location"]) == (303, "/console")
    assert "acme" in page.text
    assert second.status == 401
    assert "used before" in second.text


async def test_a_link_that_was_signed_otherwise_is_refused(gateway: RunningGateway, browser: Browser) -> None:
    key = gateway.key()
    token = Sessions(b"another key of another installation").link_token(public_id_of(key), digest_of(key))

    assert (await browser.get(f"/console/enter?link={token}")).status == 401


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/console/..//evil", "/consoles", "/\\evil"])
async def test_signing_in_leads_to_a_page_of_the_console_and_nowhere_else(
    gateway: RunningGateway, browser: Browser, to: str
) -> None:
    answer = await browser.post("/console/sign-in", {"key": gateway.key(), "to": to})

    assert answer.headers["Location"] == "/console"


async def test_signing_out_ends_the_session(gateway: RunningGateway, browser: Browser) -> None:
    await browser.sign_in(gateway.key())

    await browser.post("/console/sign-out", {})

    assert 'action="/console/sign-in"' in (await browser.get("/console")).text


async def test_pages_run_no_foreign_script_and_stand_in_no_frame(gateway: RunningGateway, browser: Browser) -> None:
    await browser.sign_in(gateway.key())

    headers = (await browser.get("/console")).headers

    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["nothing.js", "..%2F__init__.py", "%2e%2e%2fsessions.py"])
async def test_no_file_but_those_of_the_console_is_served(browser: Browser, name: str) -> None:
    assert (await browser.get(f"/console/static/{name}")).status == 404


async def test_a_browser_never_runs_a_script_or_style_of_the_release_before(browser: Browser) -> None:
    first = await browser.get("/console/static/console.css")
    again = await browser.get("/console/static/console.css", If_None_Match=first.headers["ETag"])
    other = await browser.get("/console/static/console.css", If_None_Match='"of-the-release-before"')

    assert first.headers["Cache-Control"] == "public, no-cache"
    assert (again.status, again.text) == (304, "")
    assert (other.status, other.text) == (200, first.text)


async def test_a_library_whose_name_holds_its_version_is_kept_for_good(browser: Browser) -> None:
    kept = (await browser.get("/console/static/htmx-2.0.11.min.js")).headers["Cache-Control"]

    assert kept == "public, max-age=31536000, immutable"
