"""The console as somebody who means harm would use it, and what becomes of calls that are stuck."""

import asyncio
import logging
import threading
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from anyio import CapacityLimiter
from starlette.responses import Response

from gateway.auth import Caller
from gateway.console.api import AT_ONCE, GRACE_SECONDS, Api, ApiProblem
from gateway.console.pages import ConsolePage
from gateway.console.routes import all_pages
from gateway.console.sessions import Sessions
from gateway.context import ReadScope
from shared.contracts.call import SCOPES, Deadline, digest_of, public_id_of
from tests.integration.gateway.conftest import SIGNING_KEY, RunningGateway, Upstream, opened
from tests.integration.gateway.console.browser import Browser

FORM = 'action="/console/sign-in"'
SOURCE = {"name": "shop", "provider": "segment", "secrets[]": "a-secret-of-the-shop"}
PAGES = {page.path: page for page in all_pages()}


def address(page: ConsolePage) -> str:
    """Fill the parts of a page's path."""
    parts = ["x" if part.startswith("{") else part for part in page.path.split("/")]
    return "/console/" + "/".join(parts) if page.path else "/console"


def token_of(browser: Browser) -> str:
    """Return what the forms of a session carry."""
    sessions = Sessions(SIGNING_KEY.encode())
    session = sessions.session(browser.cookies["foretell_session"])
    assert session is not None
    return sessions.form_token(session)


@pytest.fixture
def browser(gateway: RunningGateway) -> Browser:
    gateway.client.cookie_jar.clear()
    return Browser(gateway)


@pytest.fixture
async def signed_in(gateway: RunningGateway, browser: Browser) -> Browser:
    await browser.sign_in(gateway.key())
    return browser


async def test_no_page_is_shown_to_who_is_not_signed_in(browser: Browser) -> None:
    found = {page.path: await browser.get(address(page)) for page in PAGES.values()}
    found["unknown"] = await browser.get("/console/no/such/page")

    assert {path for path, page in found.items() if page.status != 200 or FORM not in page.text} == set()


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_sees_the_pages_of_its_scope_and_no_others(
    gateway: RunningGateway, browser: Browser, upstream: Upstream, scope: str
) -> None:
    async def nothing(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": 409, "title": "No model yet"}, status=409)

    upstream.answer = nothing
    await browser.sign_in(gateway.key(scopes=(scope,)))

    found = {page.path: (await browser.get(address(page))).status for page in PAGES.values()}

    allowed = {path for path, page in PAGES.items() if scope in ("admin", page.scope)}
    assert {path for path, status in found.items() if status != 403} == allowed
    assert {path: status for path, status in found.items() if path in allowed and status not in (200, 404, 422)} == {}


async def test_an_unknown_page_is_a_page_with_the_menu(signed_in: Browser) -> None:
    page = await signed_in.get("/console/no/such/page")

    assert page.status == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert 'id="menu"' in page.text
    assert "There is no such page" in page.text


@pytest.mark.parametrize("path", ["/console/call", "/console/sign-out", "/console/sign-in"])
async def test_what_changes_something_answers_no_link(signed_in: Browser, path: str) -> None:
    before = dict(signed_in.cookies)

    assert (await signed_in.get(path)).status == 404
    assert signed_in.cookies == before


async def made(browser: Browser, fields: dict[str, str], **headers: str) -> int:
    answer = await browser.post("/console/call", {"_call": "POST /sources", **SOURCE, **fields}, **headers)
    return answer.status


async def test_only_a_form_of_the_same_session_calls_the_api(gateway: RunningGateway, signed_in: Browser) -> None:
    other = Browser(gateway)
    await other.sign_in(gateway.key())
    token = token_of(signed_in)

    refused = [
        await made(signed_in, {}),
        await made(signed_in, {"_token": ""}),
        await made(signed_in, {"_token": "x"}),
        await made(signed_in, {"_token": token_of(other)}),
        await made(signed_in, {"_token": token}, Sec_Fetch_Site="cross-site"),
        await made(signed_in, {"_token": token}, Origin="https://evil.example"),
        await made(signed_in, {"_token": token}, Content_Type="text/plain"),
    ]
    nobody = await Browser(gateway).post("/console/call", {"_token": token, "_call": "POST /sources", **SOURCE})

    assert refused == [422] * 7
    assert FORM in nobody.text
    assert gateway.store.of("acme").sources.all() == []
    assert await made(signed_in, {"_token": token}) == 303
    assert [one.name for one in gateway.store.of("acme").sources.all()] == ["shop"]


async def test_the_same_form_sent_twice_has_its_effect_once(gateway: RunningGateway, signed_in: Browser) -> None:
    form = {"_token": token_of(signed_in), "_once": "of this page"}

    statuses = [await made(signed_in, form), await made(signed_in, form), await made(signed_in, {**form, "name": "b"})]

    assert statuses == [303, 303, 303]
    assert sorted(one.name for one in gateway.store.of("acme").sources.all()) == ["b", "shop"]


@pytest.mark.parametrize("once", ["\u00e4\u2603", "a\r\nX-Other: 1", "x" * 100_000])
async def test_a_key_for_one_time_use_is_no_header_of_the_senders_choice(signed_in: Browser, once: str) -> None:
    assert await made(signed_in, {"_token": token_of(signed_in), "_once": once}) == 303


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/console/../docs",
        "/console//evil.example",
        "/consoles",
        "javascript:alert(1)",
        "\r\n/console",
    ],
)
async def test_a_form_leads_to_a_page_of_the_console_and_nowhere_else(signed_in: Browser, to: str) -> None:
    form = {"_token": token_of(signed_in), "_call": "POST /sources", "_next": to, **SOURCE}

    moved = await signed_in.post("/console/call", {**form, "name": "a"})
    in_place = await signed_in.post("/console/call", {**form, "name": "b"}, HX_Request="true")

    assert (moved.headers["Location"], in_place.headers["HX-Redirect"]) == ("/console", "/console")


async def test_a_page_to_go_to_is_written_so_that_no_header_can_be_added(signed_in: Browser) -> None:
    to = "/console/contacts/a%2Fb\u2603?near=\r\nSet-Cookie: a=b"
    form = {"_token": token_of(signed_in), "_call": "POST /sources", "_next": to, **SOURCE}

    answer = await signed_in.post("/console/call", form, HX_Request="true")

    assert answer.headers["HX-Redirect"] == "/console/contacts/a%2Fb%E2%98%83?near=%0D%0ASet-Cookie:%20a=b"


async def test_a_refusal_is_shown_in_the_words_of_the_api(signed_in: Browser) -> None:
    form = {"_token": token_of(signed_in), "_call": "POST /sources", **SOURCE, "name": "<b>"}

    page = await signed_in.post("/console/call", form)
    part = await signed_in.post("/console/call", form, HX_Request="true")

    assert (page.status, part.status) == (422, 422)
    assert 'id="menu"' in page.text
    assert 'id="menu"' not in part.text
    assert "<code>name</code>" in part.text


@pytest.mark.parametrize("path", ["/console", "/console/call"])
async def test_a_part_that_asks_for_itself_makes_the_page_sign_in(browser: Browser, path: str) -> None:
    ask = browser.get if path == "/console" else lambda path, **headers: browser.post(path, {}, **headers)

    answer = await ask(path, HX_Request="true")

    assert (answer.status, answer.headers["HX-Refresh"]) == (204, "true")


async def test_a_store_that_is_away_makes_a_page_in_words(gateway: RunningGateway, signed_in: Browser) -> None:
    gateway.store.away = True

    page = await signed_in.get("/console")

    assert page.status == 503
    assert page.headers["Content-Type"].startswith("text/html")
    assert "The store" in page.text


async def test_a_bug_makes_a_page_in_words_without_its_details(gateway: RunningGateway, signed_in: Browser) -> None:
    gateway.app.state.console.sessions = None

    page = await signed_in.get("/console")

    assert page.status == 500
    assert "An unexpected error" in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert "NoneType" not in page.text


async def test_a_link_that_was_used_in_one_process_is_used_in_all(
    gateway: RunningGateway, browser: Browser, upstream: Upstream
) -> None:
    key = gateway.key()
    token = Sessions(SIGNING_KEY.encode()).link_token(public_id_of(key), digest_of(key))

    async with opened(gateway.settings.home, upstream) as other:
        first = await browser.get(f"/console/enter?link={token}")
        second = await Browser(other).get(f"/console/enter?link={token}")

    assert (first.status, second.status) == (303, 401)


async def test_a_link_on_another_site_signs_nobody_in(gateway: RunningGateway, browser: Browser) -> None:
    key = gateway.key()
    token = Sessions(SIGNING_KEY.encode()).link_token(public_id_of(key), digest_of(key))

    answer = await browser.get(f"/console/enter?link={token}", Sec_Fetch_Site="cross-site")

    assert (answer.status, browser.cookies) == (401, {})


async def test_neither_key_nor_link_nor_cookie_is_logged(
    gateway: RunningGateway, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    key = gateway.key()
    token = Sessions(SIGNING_KEY.encode()).link_token(public_id_of(key), digest_of(key))

    with caplog.at_level(logging.DEBUG):
        await browser.sign_in(key)
        await browser.get(f"/console/enter?link={token}")
        await browser.get("/console")

    ours = [one for one in caplog.records if one.name.partition(".")[0] in ("gateway", "shared")]
    written = " ".join(str(record.__dict__) for record in ours)
    assert "/console" in written
    assert [text for text in (key, token, *browser.cookies.values()) if text in written] == []


async def test_a_session_is_none_of_before_signing_in(gateway: RunningGateway, browser: Browser) -> None:
    key = gateway.key()
    await browser.sign_in(key)
    before = dict(browser.cookies)

    await browser.sign_in(key)

    assert browser.cookies["foretell_session"] != before["foretell_session"]


class Stuck:
    """A route of the API that answers once it is let go."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.began, self.go = threading.Semaphore(0), threading.Event()
        console, caller = gateway.app.state.console, Caller("acme", ("read",), "a")
        self.api = Api(gateway.app, console.gateway, caller, None, console.limiter, console.streams)

        def stuck(authenticated: ReadScope) -> Response:
            self.began.release()
            self.go.wait()
            return Response("{}")

        gateway.app.add_api_route("/stuck", stuck)

    async def fill(self, limiter: CapacityLimiter) -> list[asyncio.Task[None]]:
        """Take all places of a kind."""
        tasks = [asyncio.create_task(self.api._run(limiter, *_call(self.api))) for _ in range(AT_ONCE)]
        await asyncio.to_thread(lambda: [self.began.acquire() for _ in range(AT_ONCE)])
        return tasks

    async def end(self, tasks: list[asyncio.Task[None]]) -> None:
        self.go.set()
        await asyncio.gather(*tasks)


def _call(api: Api) -> tuple[Any, Any, Any]:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    return api._scope("GET", "/stuck", {}), receive, send


async def test_calls_of_the_console_that_are_stuck_leave_everybody_else_alone(gateway: RunningGateway) -> None:
    stuck, key = Stuck(gateway), gateway.key()
    tasks = await stuck.fill(gateway.app.state.console.limiter)
    try:
        event = {"contact_id": "c", "type": "page_viewed", "occurred_at": "2026-01-01T00:00:00Z"}

        added, *_ = await gateway.request("POST", "/events", key, json={"events": [event]})
        scored, *_ = await gateway.request("POST", "/score", key, json={"contacts": [{"id": "c"}]})
        read, *_ = await gateway.request("GET", "/contacts/c", key)
        with pytest.raises(ApiProblem, match="busy with others"), Deadline.within(0.01):
            await stuck.api.get("/stuck")

        assert (added, scored, read) == (200, 200, 200)
    finally:
        await stuck.end(tasks)
    assert gateway.app.state.console.limiter.borrowed_tokens == 0


async def test_downloads_that_are_stuck_leave_pages_alone(gateway: RunningGateway, signed_in: Browser) -> None:
    stuck = Stuck(gateway)
    tasks = await stuck.fill(gateway.app.state.console.streams)
    try:
        page = await signed_in.get("/console")

        assert page.status == 200
    finally:
        await stuck.end(tasks)


async def test_nobody_waits_longer_for_a_call_than_it_may_take(gateway: RunningGateway) -> None:
    stuck = Stuck(gateway)
    impatient = replace(stuck.api, within_seconds=0.01 - GRACE_SECONDS)
    try:
        with pytest.raises(ApiProblem, match="takes too long"):
            await impatient.get("/stuck")

        assert gateway.app.state.console.limiter.borrowed_tokens == 1
    finally:
        stuck.go.set()


async def test_a_download_for_which_there_is_no_place_says_so(gateway: RunningGateway) -> None:
    stuck = Stuck(gateway)
    tasks = await stuck.fill(gateway.app.state.console.streams)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        with Deadline.within(0.01):
            await stuck.api.passed_on("GET", "/stuck")(*_call(stuck.api)[:2], send)
    finally:
        await stuck.end(tasks)

    assert sent[0]["status"] == 503
    assert b"busy with others" in sent[1]["body"]
