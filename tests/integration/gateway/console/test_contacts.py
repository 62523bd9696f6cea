import json
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.holdout import Holdout
from shared.contracts.rows import DAY, SECOND, instant_of
from shared.ingest import contact_row, event_row
from shared.store import PredictionRow
from tests.integration.gateway.conftest import LONG_AGO, SIGNING_KEY, RunningGateway, Upstream
from tests.integration.gateway.console.browser import Browser, token_in

STRANGE = ["a/b c", "<script>alert(1)</script>", "Zoë ✓", "50%?x=1#y", "a/events"]
NOW = 1_780_000_000 * SECOND


def put(gateway: RunningGateway, contact_id: str, **given: Any) -> None:
    contact = ContactInput.model_validate({"id": contact_id, **given})
    row = contact_row(contact, recorded_at=LONG_AGO, identity_key=SIGNING_KEY.encode())
    gateway.store.of("acme").contacts.put([row], recorded_at=LONG_AGO)


def did(gateway: RunningGateway, contact_id: str, type_: str, days: int = 0, **more: Any) -> None:
    at = instant_of(LONG_AGO + days * DAY)
    given = EventInput.model_validate({"contact_id": contact_id, "type": type_, "occurred_at": at, **more})
    gateway.store.of("acme").events.add([event_row(given, recorded_at=LONG_AGO + 900 * DAY)])


def predicted(gateway: RunningGateway, contact_id: str, capability: str, **said: Any) -> None:
    outcome = {"scoring": "customer", "churn": "churn"}.get(capability, "")
    figures = (0.41, 93, "high") if outcome else (None, None, None)
    row = PredictionRow(contact_id, capability, outcome, "7", NOW, NOW, "r", "ok", *figures, "model", json.dumps(said))
    gateway.store.of("acme").predictions.log([row])


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


def page_of(contact_id: str) -> str:
    return f"/console/contacts/{quote(contact_id, safe='')}"


@pytest.mark.parametrize("contact_id", STRANGE)
async def test_any_contact_has_a_page_and_a_link_to_it(gateway: RunningGateway, contact_id: str) -> None:
    put(gateway, contact_id, attributes={"note": "<img src=x onerror=alert(1)>"})
    did(gateway, contact_id, "order_placed", value=49.9, currency="EUR", item="<i>shoes</i>")
    browser = await signed_in(gateway)

    listed = (await browser.get("/console/contacts")).text
    page = await browser.get(page_of(contact_id))

    assert f'href="{page_of(contact_id)}"' in listed
    assert page.status == 200
    assert "49.90 EUR" in page.text
    for raw in ("<script>alert", "<img src=x", "<i>shoes"):
        assert raw not in page.text
        assert raw not in listed


async def test_a_page_shows_what_is_known_predicted_and_done(gateway: RunningGateway) -> None:
    put(gateway, "c-1", timezone="Europe/Paris", consent={"profiling": "granted"}, attributes={"plan": "pro"})
    did(gateway, "c-1", "email_clicked", 1, human=False)
    did(gateway, "c-1", "order_placed", 2)
    reason = {"feature": "f", "value": 4, "effect": "raises", "contribution": 0.8, "text": "Clicked 4 emails"}
    predicted(gateway, "c-1", "scoring", reasons=[reason], parts={"fit": 0.3, "engagement": -1.0, "base": -2.0})
    curve = [{"days": 7, "survival": 0.8}, {"days": 14, "survival": 0.5}]
    predicted(gateway, "c-1", "churn", survival=curve, days_to_next_activity=14.0, days_to_leave=None)

    page = (await (await signed_in(gateway)).get("/console/contacts/c-1")).text

    assert "41 of 100" in page
    assert "Clicked 4 emails" in page
    assert "what they do speaks against it" in page
    assert "Of 100 such contacts 80 are still silent after 7 days, 50 after 14 days." in page
    assert "data-plot=" in page
    assert "Europe/Paris" in page
    assert page.index("order placed</td>") < page.index("email clicked <span")
    assert "by a machine" in page


async def test_a_page_shows_nothing_of_what_is_withheld_and_all_that_an_older_version_left_out(
    gateway: RunningGateway,
) -> None:
    put(gateway, "held")
    for capability in ("scoring", "churn", "segmentation", "sendtime"):
        predicted(gateway, "held", capability)
    holdout = Holdout("spring", "00", 0.999999, "scoring", "customer", LONG_AGO, None)
    gateway.store.of("acme").experiments.holdouts.create(holdout)

    page = await (await signed_in(gateway, "read")).get("/console/contacts/held")

    assert page.status == 200
    assert page.text.count("41 of 100") == 1  # of churn, which the holdout is not about
    assert "control" in page.text


async def test_a_timeline_goes_on_and_keeps_to_one_type(gateway: RunningGateway) -> None:
    for number in range(51):
        did(gateway, "c-1", "order_placed", number, item=f"item-{number:02}")
    did(gateway, "c-1", "email_sent", 60, item="mail")
    browser = await signed_in(gateway)

    first = (await browser.get("/console/contacts/c-1?type=order_placed")).text
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = (await browser.get(following)).text

    assert ("item-01<" in first, "item-00<" in first, "mail<" in first) == (True, False, False)
    assert ("item-00<" in second, "mail<" in second) == (True, False)


async def test_a_key_that_only_reads_sees_the_page_and_no_action(gateway: RunningGateway) -> None:
    put(gateway, "c-1")

    page = (await (await signed_in(gateway, "read")).get("/console/contacts/c-1")).text

    assert "What is known" in page
    for action in ("Erase", "Export", "Profiling is", "Ask the models now"):
        assert action not in page


async def test_somebody_unknown_is_not_found_in_the_words_of_the_api(gateway: RunningGateway) -> None:
    page = await (await signed_in(gateway)).get("/console/contacts/nobody")

    assert page.status == 404
    assert "no contact of this id" in page.text


async def test_contacts_are_searched_by_the_beginning_of_an_id_and_by_a_value(gateway: RunningGateway) -> None:
    put(gateway, "crm/1", attributes={"plan": "pro"})
    put(gateway, "crm/2")
    put(gateway, "web/1")
    browser = await signed_in(gateway, "read")

    by_id = (await browser.get("/console/contacts?id=crm/")).text
    by_value = (await browser.get("/console/contacts?attribute=plan&value=pro")).text
    nobody = (await browser.get("/console/contacts?attribute=plan&value=%3Cb%3E")).text

    assert [name in by_id for name in ("crm/1", "crm/2", "web/1")] == [True, True, False]
    assert [name in by_value for name in ("crm/1", "crm/2")] == [True, False]
    assert "Nobody was found" in nobody
    assert 'value="<b>"' not in nobody


async def test_an_address_is_searched_by_a_form_and_stands_in_no_answer(gateway: RunningGateway) -> None:
    put(gateway, "crm/1", email="ann@example.com")
    browser = await signed_in(gateway, "read")
    token = token_in((await browser.get("/console/contacts")).text)
    form = {"_token": token, "_call": "POST /contacts/search", "_next": "/console/contacts", "_show": "found"}

    found = await browser.post("/console/call", {**form, "email": "Ann@Example.com"})
    nobody = await browser.post("/console/call", {**form, "email": "bob@example.com"})
    refused = await browser.post("/console/call", {**form, "email": "no address"})

    assert 'href="/console/contacts/crm%2F1"' in found.text
    assert "ann@example.com" not in found.text.lower()
    assert "Nobody has this address" in nobody.text
    assert (refused.status, "no e-mail address" in refused.text) == (422, True)


async def test_an_account_without_contacts_is_shown_what_to_do(gateway: RunningGateway) -> None:
    page = (await (await signed_in(gateway, "read")).get("/console/contacts")).text

    assert "There are no contacts yet" in page
    assert 'href="/console/load"' in page


async def acted(browser: Browser, contact_id: str, call: str, **fields: str) -> Any:
    token = token_in((await browser.get(page_of(contact_id))).text)
    form = {"_token": token, "_call": call, "_next": page_of(contact_id), "_done": "Done."}
    return await browser.post("/console/call", {**form, **fields})


@pytest.mark.parametrize("contact_id", STRANGE)
async def test_consent_is_changed_and_a_contact_erased_whatever_its_id(
    gateway: RunningGateway, contact_id: str
) -> None:
    put(gateway, contact_id)
    browser, path = await signed_in(gateway), f"/contacts/{quote(contact_id, safe='')}"

    changed = await acted(browser, contact_id, f"PATCH {path}", **{"consent.profiling": "denied"})
    stored = gateway.store.of("acme").contacts.find(contact_id)
    page = (await browser.get(page_of(contact_id))).text
    erased = await acted(browser, contact_id, f"DELETE {path}")

    assert (changed.status, changed.headers["Location"]) == (303, page_of(contact_id))
    assert dict(stored.consent) == {"profiling": "denied"}
    assert f'value="DELETE {path}"' in page
    assert erased.status == 303
    assert gateway.store.of("acme").contacts.find(contact_id) is None


async def test_an_action_that_is_refused_says_so_in_the_words_of_the_api(gateway: RunningGateway) -> None:
    put(gateway, "c-1")
    browser = await signed_in(gateway)

    refused = await acted(browser, "c-1", "PATCH /contacts/c-1", **{"consent.profiling": "perhaps"})

    assert refused.status == 422
    assert "&#39;granted&#39; or &#39;denied&#39;" in refused.text


async def test_everything_held_is_exported(gateway: RunningGateway) -> None:
    put(gateway, "a/b", timezone="Europe/Paris")

    file = json.loads(await (await signed_in(gateway)).download("/console/contacts-export/a%2Fb"))

    assert (file["contact_id"], file["contact"]["timezone"]) == ("a/b", "Europe/Paris")


async def test_the_models_are_requested_now(gateway: RunningGateway, upstream: Upstream) -> None:
    model = {"capability": "scoring", "outcome": "customer", "version": "7"}
    said = {"contact_id": "a/b", "status": "ok", "probability": 0.33, "score": 70, "band": "medium"}
    said |= {"trend": "unknown", "reasons": [], "data_quality": [], "detail": None, "parts": None}

    async def answer(request: web.Request) -> web.Response:
        if request.path != "/score":
            return web.json_response({"code": "no-model-trained"}, status=500)
        body = {"predictions": [said], "model": model, "cutoff": "2026-06-01T00:00:00Z", "request_id": "r"}
        return web.json_response(body)

    upstream.answer = answer
    put(gateway, "a/b")
    for capability in ("scoring", "churn"):
        gateway.store.of("acme").models.promote(capability, "customer", "7", "d", at=LONG_AGO, reason="test")

    page = await (await signed_in(gateway, "read", "predict")).get("/console/contacts-now/a%2Fb")

    asked = json.loads(next(one.body for one in upstream.seen if one.target.startswith("/churn-risk")))
    assert "33 of 100" in page.text
    assert "gave no answer" in page.text
    assert (asked["contacts"], asked["survival"]) == ([{"id": "a/b"}], True)


async def test_a_committed_message_differs_from_what_would_be_likeliest(gateway: RunningGateway) -> None:
    put(gateway, "c-1")
    browser = await signed_in(gateway)
    pages = []

    for said in (
        {"message": "subject-a", "propensity": 0.97, "arm": "policy", "decision_id": "d-1", "campaign_id": "june"},
        {"message": "subject-a", "propensity": 0.97, "arm": "policy", "decision_id": None},
        {"message": None, "propensity": 0.2, "arm": "policy", "decision_id": "d-2"},
    ):
        predicted(gateway, "c-1", "messages", **said)
        pages.append((await browser.get(page_of("c-1"))).text)

    assert "Decided for june: drawn with a chance of 97 in 100." in pages[0]
    assert "Likeliest now, with a chance of 97 in 100." in pages[1]
    assert "<strong>Nothing</strong>" in pages[2]
