from shared.contracts.rows import SECOND, ItemChange
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser

NOW = 1_780_000_000 * SECOND
TEA = ItemChange("tea", {"name": "Green tea", "category": "Tea & more", "price": 4.5, "currency": "EUR"})


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


def put(gateway: RunningGateway, *changes: ItemChange) -> None:
    gateway.store.of("acme").items.put(changes, at=NOW)


async def test_a_page_without_items_says_what_to_do(gateway: RunningGateway) -> None:
    page = (await (await signed_in(gateway)).get("/console/items")).text

    assert "There is no catalogue yet" in page
    assert 'href="/console/load"' in page


async def test_a_page_counts_and_shows_items(gateway: RunningGateway) -> None:
    put(gateway, TEA, ItemChange("mug", {"in_stock": False}), ItemChange("old", {"active": False}))

    page = (await (await signed_in(gateway)).get("/console/items")).text

    assert "<dt>May be recommended</dt><dd>1</dd>" in page
    assert "<dt>Switched off or out of stock</dt><dd>2</dd>" in page
    assert "4.50 EUR" in page
    for state in ("offered", "out of stock", "switched off"):
        assert f">{state}</span>" in page
    assert 'href="/console/items?category=Tea+%26+more"' in page


async def test_items_are_searched(gateway: RunningGateway) -> None:
    put(gateway, TEA, ItemChange("mug", {"name": "Blue mug"}))
    browser = await signed_in(gateway)

    found = (await browser.get("/console/items?prefix=GREEN&category=&active=true")).text
    nothing = (await browser.get("/console/items?prefix=rice")).text

    assert ("Green tea" in found, "Blue mug" in found) == (True, False)
    assert "No item was found" in nothing


async def test_an_item_is_switched_off_and_on(gateway: RunningGateway) -> None:
    put(gateway, ItemChange("a/b", {"name": "Tea"}))
    browser, items = await signed_in(gateway), gateway.store.of("acme").items
    page = (await browser.get("/console/items")).text
    states = []

    for flag in ("no", "yes"):
        await browser.call("PATCH /items/a%2Fb", {"active:flag": flag})
        states.append(items.page(1)[0].active)

    assert 'value="PATCH /items/a%2Fb"' in page
    assert 'name="active:flag" value="no"' in page
    assert states == [False, True]


async def test_who_may_only_read_gets_no_button(gateway: RunningGateway) -> None:
    put(gateway, TEA)

    page = (await (await signed_in(gateway, "read")).get("/console/items")).text

    assert "Green tea" in page
    assert "PATCH /items" not in page


async def test_what_an_item_is_called_is_escaped(gateway: RunningGateway) -> None:
    evil = "<script>alert(1)</script>"
    put(gateway, ItemChange(evil, {"name": evil, "category": evil, "url": "https://a.example/\"onclick='x"}))

    page = (await (await signed_in(gateway)).get("/console/items")).text

    assert "alert(1)" in page
    assert evil not in page
    assert "\"onclick='x" not in page
