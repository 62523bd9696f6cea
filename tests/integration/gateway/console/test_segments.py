from typing import Any

import pytest

from shared.store import VersionRow
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser, token_in
from tests.integration.gateway.test_segments import NOW, counted, prediction, segment, segmented, weekly

__all__ = ["segmented"]
NAMED = "<script>alert(1)</script>"


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


async def test_without_groups_the_page_says_how_to_find_some(gateway: RunningGateway) -> None:
    page = await (await signed_in(gateway)).get("/console/segmentation")

    assert "No groups were found yet" in page.text
    assert 'value="POST /models/segmentation/train"' in page.text


async def test_groups_are_shown_with_size_share_and_what_sets_them_apart(segmented: Any) -> None:
    page = (await (await signed_in(segmented, "read")).get("/console/segmentation")).text

    for shown in ("Frequent buyers", "70.0 %", "Placed 2 orders", "above", "In the morning"):
        assert shown in page
    assert "Rename" not in page  # a key that only reads


async def test_a_group_is_renamed_in_place_and_a_taken_name_is_refused_in_the_api_s_words(segmented: Any) -> None:
    browser = await signed_in(segmented)
    token = token_in((await browser.get("/console/segmentation")).text)
    form = {"_token": token, "_call": "PATCH /segments/s1", "_next": "/console/segmentation"}

    done = await browser.post("/console/call", {**form, "name": NAMED})
    taken = await browser.post("/console/call", {**form, "name": "Frequent buyers"}, hx_request="true")

    page = (await browser.get("/console/segmentation")).text
    assert (done.status, done.headers["Location"]) == (303, "/console/segmentation")
    assert NAMED not in page
    assert "&lt;script&gt;alert(1)" in page
    assert taken.status == 409
    assert "is called so already" in taken.text


async def test_the_contacts_of_a_group_are_listed_by_cursor(segmented: Any) -> None:
    store = segmented.store.of("acme")
    store.predictions.log([prediction(f"c-{n:03}", "s1") for n in range(51)] + [prediction("other", "s4")])
    browser = await signed_in(segmented, "read")

    first = (await browser.get("/console/segmentation?segment=s1")).text
    address = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = (await browser.get(address)).text

    assert "c-000" in first
    assert "c-050" not in first
    assert "c-050" in second
    assert "other" not in first
    assert "80 % sure" in first


@pytest.mark.parametrize("asked", ["s9", NAMED])
async def test_a_group_that_there_is_not_shows_nobody(segmented: Any, asked: str) -> None:
    page = await (await signed_in(segmented, "read")).get(f"/console/segmentation?segment={asked}")

    assert page.status in (200, 422)
    assert NAMED not in page.text


async def test_moves_show_the_shares_of_each_week_and_who_went_where(segmented: Any) -> None:
    before = weekly(week="2026-W21", starts_on="2026-05-18", shares={"s1": 0.4, "s4": 0.6}, moved_share=None, moves=[])
    moves = [{"before": "s1", "after": "s4", "contacts": 1234}]
    counted(segmented, before, weekly(shares={"s1": 0.2, "s4": 0.8}, moves=moves))

    page = (await (await signed_in(segmented, "read")).get("/console/segmentation")).text

    assert "Last: Frequent buyers 80.0 %, Lapsed buyers 20.0 %." in page
    assert "1,234" in page
    assert "data-plot=" in page


async def test_values_of_the_data_are_escaped(gateway: RunningGateway) -> None:
    one = segment("s1", NAMED, 1.0)
    report = {"segments": [{**one, "description": NAMED, "traits": [{**one["traits"][0], "text": NAMED}]}]}
    store = gateway.store.of("acme")
    store.models.add(VersionRow("segmentation", "", "7", "d" * 64, "kmeans", "B", NOW, None, "run", report=report))
    store.models.promote("segmentation", "", "7", "d" * 64, at=NOW, reason="first")
    store.predictions.log([prediction(NAMED, "s1")])
    browser = await signed_in(gateway)

    pages = [(await browser.get(path)).text for path in ("/console/segmentation", "/console/segmentation?segment=s1")]

    assert all(NAMED not in page and "&lt;script&gt;" in page for page in pages)
