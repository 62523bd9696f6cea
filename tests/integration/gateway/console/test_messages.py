from typing import Any

from aiohttp import web

from services.messages.api.report import REPORT_EXAMPLE
from shared.contracts.message_variant import MessageVariantFields
from shared.contracts.rows import SECOND
from shared.store import MessageChange
from tests.integration.gateway.conftest import RunningGateway, Upstream
from tests.integration.gateway.console.browser import Browser

NOW = 1_780_000_000 * SECOND


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


def put(gateway: RunningGateway, message_id: str, **fields: object) -> None:
    given = MessageVariantFields.model_validate(fields).given()
    gateway.store.of("acme").experiments.messages.put([MessageChange(message_id, given)], at=NOW)


async def test_a_page_without_messages_says_what_to_do(gateway: RunningGateway) -> None:
    page = (await (await signed_in(gateway)).get("/console/messages")).text

    assert "There is no message yet" in page
    assert "foretell messages set" in page
    assert 'name="new"' in page


async def test_a_page_shows_state_whom_for_and_limits(gateway: RunningGateway) -> None:
    bands = [{"capability": "churn", "outcome": "renewal_risk", "bands": ["high", "very_high"]}]
    attributes = {"home_country": ["DE", "AT", "FR"], "vip": [True], "age": [30]}
    put(
        gateway, "a", name="Free delivery", attributes={"topic": "delivery"}, cap_per_week=2, cooldown_hours=12,
        until="2126-01-01T00:00:00Z", eligible={"attributes": attributes, "segments": ["s1"], "bands": bands},
    )  # fmt: skip
    put(gateway, "b", **{"from": "2126-01-01T00:00:00Z"})
    put(gateway, "c", until="2026-01-01T00:00:00Z")
    put(gateway, "d", active=False)

    page = (await (await signed_in(gateway)).get("/console/messages")).text

    assert "<dt>May be chosen now</dt><dd>1</dd>" in page
    for words in (
        "home country is DE, AT or FR", "vip is yes", "age is 30", "segment is s1",
        "churn renewal risk is high or very high", "2 a week", "then 12 h pause", "topic: delivery", "everybody",
        "no limit",
    ):  # fmt: skip
        assert words in page, words
    for state in ("runs", "not yet", "over", "switched off"):
        assert f">{state}</span>" in page


async def test_messages_are_shown_by_state(gateway: RunningGateway) -> None:
    put(gateway, "first")
    put(gateway, "second", active=False)
    browser = await signed_in(gateway)

    off = (await browser.get("/console/messages?state=switched_off")).text
    over = (await browser.get("/console/messages?state=over")).text

    assert ("second" in off, "first" in off) == (True, False)
    assert "No message is in this state" in over


async def test_a_message_is_added(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway)
    page = (await browser.get("/console/messages?new=a%2Fb")).text

    await browser.call("PUT /messages/a%2Fb", {"name": "A", "attributes.topic": "sale", "cap_per_week:number": "2"})

    assert 'value="PUT /messages/a%2Fb"' in page
    (made,) = gateway.store.of("acme").experiments.messages.all()
    assert (made.id, made.name, made.attributes, made.cap_per_week) == ("a/b", "A", {"topic": "sale"}, 2)


async def test_a_message_is_switched_off_and_on(gateway: RunningGateway) -> None:
    put(gateway, "a/b")
    browser, messages = await signed_in(gateway), gateway.store.of("acme").experiments.messages
    page = (await browser.get("/console/messages")).text
    states = []

    for flag in ("no", "yes"):
        await browser.call("PATCH /messages/a%2Fb", {"active:flag": flag})
        states.append(messages.all()[0].active)

    assert 'value="PATCH /messages/a%2Fb"' in page
    assert states == [False, True]


async def test_who_may_only_read_gets_no_form(gateway: RunningGateway) -> None:
    put(gateway, "a")

    page = (await (await signed_in(gateway, "read")).get("/console/messages?new=b")).text

    assert "All messages" in page
    assert ("PATCH /messages" in page, "PUT /messages/b" in page) == (False, False)


async def test_what_a_message_is_called_is_escaped(gateway: RunningGateway) -> None:
    evil = "<script>alert(1)</script>"
    put(gateway, evil, name=evil, attributes={evil: evil}, eligible={"attributes": {evil: [evil]}, "segments": [evil]})

    page = (await (await signed_in(gateway)).get(f"/console/messages?new={evil}")).text

    assert "alert(1)" in page
    assert evil not in page


def reporting(upstream: Upstream, report: dict[str, Any], status: int = 200) -> list[dict[str, str]]:
    """Let the service report, and keep what was asked."""
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.path == "/next-best-message/report"
        asked.append(dict(request.query))
        return web.json_response(report, status=status)

    upstream.answer = answer
    return asked


async def test_the_page_asks_for_the_report_in_its_place(gateway: RunningGateway, upstream: Upstream) -> None:
    put(gateway, "a")
    asked = reporting(upstream, REPORT_EXAMPLE)
    browser = await signed_in(gateway, "read")

    page = (await browser.get("/console/messages?campaign_id=june")).text
    report = (await browser.get("/console/messages/report?campaign_id=june&from=2026-05-01")).text

    assert 'hx-get="/console/messages/report?campaign_id=june"' in page
    assert asked == [{"campaign_id": "june", "from": "2026-05-01"}]
    for words in (
        "2.02 more of 100 decisions reached clicked (0.67 to 2.94).", "4,200 decisions are too young", "95 earned",
        '4.12<span class="range">3.81 to 4.45</span>', '+2.02<span class="range">+0.67 to +2.94</span>',
        "Free delivery", "11,200", "Any message, by lot",
    ):  # fmt: skip
        assert words in report, words


async def test_without_scripts_the_report_stands_in_the_page(gateway: RunningGateway, upstream: Upstream) -> None:
    put(gateway, "a")
    evil = "<script>alert(1)</script>"
    reporting(upstream, REPORT_EXAMPLE | {"findings": [evil], "unit": "value", "decisions": 1})

    page = (await (await signed_in(gateway, "read")).get("/console/messages?read=yes")).text

    assert "alert(1)" in page
    assert evil not in page
    assert "hx-get" not in page
    assert ">Each send</th>" in page


async def test_what_the_report_refuses_is_shown_on_the_page(gateway: RunningGateway, upstream: Upstream) -> None:
    put(gateway, "a")
    browser = await signed_in(gateway, "read")

    reporting(upstream, {"title": "x", "status": 422, "detail": "`from` lies before `to`."}, status=422)
    refused = (await browser.get("/console/messages/report")).text
    reporting(upstream, REPORT_EXAMPLE | {"decisions": 0})
    nothing = (await browser.get("/console/messages/report")).text

    assert "`from` lies before `to`." in refused
    assert "Nothing was decided in this time" in nothing
