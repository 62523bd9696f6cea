from shared.contracts.message_variant import MessageVariantFields
from shared.contracts.rows import SECOND
from shared.store import MessageChange
from tests.integration.gateway.conftest import RunningGateway
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
