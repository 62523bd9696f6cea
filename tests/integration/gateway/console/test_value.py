import json
from typing import Any

import pytest

from shared.contracts.rows import SECOND, ContactRow
from shared.store import PredictionRow
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway
from tests.integration.gateway.console.browser import Browser

NOW = 1_780_000_000 * SECOND
REASON = {"feature": "f", "value": 4, "effect": "raises", "contribution": 0.8, "text": "Placed <b>4</b> orders"}
NEXT = {
    "median_on": "2026-06-04", "low_on": "2026-06-01", "high_on": "2026-06-20", "within_7_days": 0.6,
    "within_30_days": 0.9, "last_order_on": "2026-05-20",
}  # fmt: skip
OWN = {
    "horizon_days": 90, "expected_orders": 3.4, "expected_value": 268.94, "currency": "EUR",
    "interval": {"low": 61.2, "high": 540.0, "level": 0.8}, "alive": 0.97, "next_order": NEXT,
}  # fmt: skip


def prediction(contact_id: str, score: int, **own: Any) -> PredictionRow:
    body = {
        "contact_id": contact_id, "status": "ok", "detail": None, "errors": [], "probability": None, "score": score,
        "band": "high", "trend": "steady", "reasons": [REASON], "source": "model", "data_quality": [],
        "data_quality_details": None, **OWN, **own,
    }  # fmt: skip
    return PredictionRow(
        contact_id=contact_id, capability="value", outcome="", version="7", cutoff=NOW, asked_at=NOW, request_id="r",
        status="ok", probability=None, score=score, band="high", source="model", body=json.dumps(body),
    )  # fmt: skip


@pytest.fixture
async def browser(gateway: RunningGateway) -> Browser:
    made = Browser(gateway)
    await made.sign_in(gateway.key(scopes=("read",)))
    return made


async def test_the_list_shows_what_contacts_are_worth_and_who_orders_this_week(
    gateway: RunningGateway, browser: Browser
) -> None:
    later = {**NEXT, "median_on": None, "within_7_days": 0.1}
    gateway.store.of("acme").predictions.log([prediction("b", 70, next_order=later), prediction("a", 90)])

    page = (await browser.get("/console/value")).text

    assert "2 contacts" in page
    assert page.index(">a</a>") < page.index(">b</a>")
    for shown in ("<strong>269</strong> EUR", "61.2 to 540 within 90 days", "2026-06-04", "not to be said"):
        assert shown in page
    assert page.count("this week</span>") == 1
    assert "Placed &lt;b&gt;4&lt;/b&gt; orders" in page


async def test_without_predictions_the_page_says_what_to_do(browser: Browser) -> None:
    page = (await browser.get("/console/value")).text

    assert "Nobody is in this list" in page


async def test_a_contact_s_page_says_what_it_is_worth_and_when_it_orders(
    gateway: RunningGateway, browser: Browser
) -> None:
    store = gateway.store.of("acme")
    store.contacts.put([ContactRow("id-1", LONG_AGO)], recorded_at=LONG_AGO)
    store.predictions.log([prediction("id-1", 90)])

    page = (await browser.get("/console/contacts/id-1")).text

    assert "<strong>269 EUR</strong>" in page
    assert "half of such contacts have ordered by 2026-06-04" in page


async def test_details_stand_in_the_list_where_they_are_wanted(gateway: RunningGateway) -> None:
    gateway.store.of("acme").predictions.log([prediction("a", 90)])
    key = gateway.key(scopes=("read",))

    plain, whole = [
        (await gateway.request("GET", f"/predictions?capability=value{more}", key))[1]["predictions"][0]["details"]
        for more in ("", "&details=true")
    ]

    assert (plain, whole) == (None, OWN)
