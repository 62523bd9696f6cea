import csv
import io
import json
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from shared.contracts.contact import ContactInput
from shared.contracts.rows import DAY, SECOND
from shared.ingest import contact_row
from shared.store import PredictionRow
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway
from tests.integration.gateway.console.browser import Browser, token_in

NOW = 1_780_000_000 * SECOND
REASON = {"feature": "f", "value": 4, "effect": "raises", "contribution": 0.8, "text": "Clicked <b>4</b> emails"}


def prediction(contact_id: str, score: int | None = 90, **more: Any) -> PredictionRow:
    body = json.dumps({"contact_id": contact_id, "reasons": [REASON], "trend": "improving", **more.pop("said", {})})
    row = PredictionRow(
        contact_id=contact_id, capability="scoring", outcome="customer", version="7", cutoff=NOW, asked_at=NOW,
        request_id="r", status="ok", probability=None if score is None else 0.41, score=score, band="high",
        source="model", body=body,
    )  # fmt: skip
    return row._replace(**more)


@pytest.fixture
async def browser(gateway: RunningGateway) -> Browser:
    made = Browser(gateway)
    await made.sign_in(gateway.key(scopes=("read",)))
    gateway.store.of("acme").outcomes.set_default("scoring", "customer")
    return made


async def test_the_list_shows_the_chance_with_its_unit_and_the_reasons_and_leads_to_the_contact(
    gateway: RunningGateway, browser: Browser
) -> None:
    gateway.store.of("acme").predictions.log([prediction("crm/7 é")])

    page = (await browser.get("/console/scoring")).text

    assert "<strong>41</strong> of 100" in page
    assert "score 90" in page
    assert "1 contact" in page
    assert "▲ rising" in page
    assert "Clicked &lt;b&gt;4&lt;/b&gt; emails" in page
    assert 'href="/console/contacts/crm%2F7%20%C3%A9"' in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("band=low", {"b"}),
        ("min_score=80", {"a", "c"}),
        ("status=not_eligible", {"d"}),
        ("attribute=plan&value=pro", {"b"}),
        ("updated_since=2026-05-30", {"c"}),
        ("segment=s1", {"a"}),
    ],
)
async def test_the_list_is_filtered(gateway: RunningGateway, browser: Browser, query: str, shown: set[str]) -> None:
    store = gateway.store.of("acme")
    given = ContactInput.model_validate({"id": "id-b", "attributes": {"plan": "pro"}})
    store.contacts.put([contact_row(given, recorded_at=LONG_AGO, identity_key=b"k" * 32)], recorded_at=LONG_AGO)
    store.predictions.log([
        prediction("id-a"), prediction("id-b", 50, band="low"), prediction("id-c", asked_at=NOW + 3 * DAY),
        prediction("id-d", None, status="not_eligible", band=None, said={"detail": "No order lately."}),
        prediction("id-a", None, capability="segmentation", outcome="", segment="s1"),
    ])  # fmt: skip

    page = (await browser.get(f"/console/scoring?{query}")).text

    assert {one for one in "abcd" if f">id-{one}</a>" in page} == shown


async def test_a_list_goes_on_and_keeps_its_filters(gateway: RunningGateway, browser: Browser) -> None:
    gateway.store.of("acme").predictions.log([prediction(f"id-{number:02}") for number in range(51)])

    first = (await browser.get("/console/scoring?band=high")).text
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = (await browser.get(following)).text

    assert "band=high" in following
    assert ("id-49<" in first, "id-50<" in first, "id-50<" in second) == (True, False, True)


async def test_an_empty_list_says_why(browser: Browser) -> None:
    page = (await browser.get("/console/scoring")).text

    assert "Nobody is in this list" in page
    assert "train one first" in page


async def test_an_outcome_that_is_no_more_leaves_the_choice_of_another(browser: Browser) -> None:
    page = await browser.get("/console/churn?outcome=gone")

    assert page.status == 200
    assert "There is no such outcome" in page.text
    assert '<option value="churn">churn</option>' in page.text


async def test_a_wrong_filter_is_refused_in_the_words_of_the_api(browser: Browser) -> None:
    page = await browser.get("/console/scoring?attribute=plan")

    assert page.status == 422
    assert "belong together" in page.text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_list_is_downloaded_with_its_filters_and_without_formulas(
    gateway: RunningGateway, browser: Browser, kind: str
) -> None:
    gateway.store.of("acme").predictions.log([prediction("=1+1"), prediction("b", band="low")])

    file = await browser.download(f"/console/scoring?band=high&format={kind}")

    if kind == "csv":
        ids = [row["contact_id"] for row in csv.DictReader(io.StringIO(file.decode()))]
    else:
        rows = CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_index(0).to_python()
        ids = [row[0] for row in rows[1:]]
    assert ids == ["'=1+1" if kind == "csv" else "=1+1"]


async def test_lists_need_the_scope_read(gateway: RunningGateway) -> None:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=("ingest",)))

    page = await browser.get("/console/scoring")

    assert page.status == 403
    assert "needs the scope read" in page.text


async def test_a_list_is_followed_by_a_subscription_whose_secret_is_shown_once(gateway: RunningGateway) -> None:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key())
    page = (await browser.get("/console/churn")).text
    fields = {"_show": "secret", "event_types[]": "churn_risk.band_changed", "description": "Who is leaving"}

    answer = await browser.post(
        "/console/call",
        {"_token": token_in(page), "_call": "POST /subscriptions", "url": "https://8.8.8.8/in", **fields},
    )

    (made,) = gateway.store.of("acme").subscriptions.all()
    assert 'value="churn_risk.band_changed"' in page
    assert "whsec_" in answer.text
    assert (made.event_types, made.description) == (("churn_risk.band_changed",), "Who is leaving")


async def test_who_only_reads_is_offered_no_subscription(browser: Browser) -> None:
    assert "Add a subscription" not in (await browser.get("/console/scoring")).text


@pytest.mark.parametrize(("query", "warned"), [("", False), ("?band=high", True), ("?min_score=80", True)])
async def test_beside_a_narrowed_list_the_form_says_that_a_subscription_is_about_all(
    gateway: RunningGateway, query: str, warned: bool
) -> None:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key())

    page = (await browser.get(f"/console/churn{query}")).text

    assert "Add a subscription to all contacts" in page
    assert ("The list above is narrowed, and a subscription is not" in page) == warned
