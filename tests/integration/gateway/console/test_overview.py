import json
import time
from typing import Any

import pytest

from shared.contracts.input_drift import InputDrift
from shared.contracts.outcome import Outcome
from shared.contracts.rows import HOUR, ContactRow, EventRow
from shared.store import AccountStore, KeptReport, PredictionRow, SecretRow, SubscriptionRow, VersionRow
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser

NOW = time.time_ns() // 1_000
HARM = "<script>alert(1)</script>"


@pytest.fixture
async def browser(gateway: RunningGateway) -> Browser:
    gateway.client.cookie_jar.clear()
    browser = Browser(gateway)
    await browser.sign_in(gateway.key())
    return browser


@pytest.fixture
def store(gateway: RunningGateway) -> AccountStore:
    store: AccountStore = gateway.store.of("acme")
    return store


def with_contacts(store: AccountStore) -> None:
    store.contacts.put([ContactRow("a"), ContactRow("b/c")], recorded_at=1)
    store.events.add([EventRow("a", "e", "page_viewed", NOW - 2 * HOUR, NOW)])


def with_model(store: AccountStore, outcome: str = "won") -> None:
    store.outcomes.put(Outcome(name=outcome, capability="scoring", event_types=("deal_won",)))
    store.outcomes.set_default("scoring", outcome)
    store.models.add(VersionRow("scoring", outcome, "1", "digest", "rule", "A", NOW - 50 * HOUR, 90, "run"))
    store.models.promote("scoring", outcome, "1", "digest", at=1, reason="first")


def prediction(contact_id: str, score: int | None, status: str = "ok", text: str = "Opened 3 emails") -> PredictionRow:
    reasons = [{"feature": "f", "value": 1.0, "effect": "raises", "contribution": 0.1, "text": text}]
    body = json.dumps({"reasons": reasons})
    return PredictionRow(contact_id, "scoring", "won", "1", NOW, NOW, "r", status, 0.231, score, "high", "model", body)


async def keep_report(gateway: RunningGateway, store: AccountStore) -> dict[str, Any]:
    _, report, _ = await gateway.request("GET", "/data-report", gateway.key())
    store.data_report.keep(KeptReport(NOW, "mark", json.dumps(report)))
    return report  # type: ignore[no-any-return]


async def test_who_begins_is_shown_three_steps(browser: Browser) -> None:
    page = (await browser.get("/console")).text

    assert [f'href="/console/{path}"' in page for path in ("load", "predict")] == [True, True]
    assert page.count('aria-current="step"') == 1
    assert "Answers by the hour" not in page


async def test_a_step_that_is_done_is_shown_as_done_and_the_next_one_is_open(
    browser: Browser, store: AccountStore
) -> None:
    with_contacts(store)

    page = (await browser.get("/console")).text

    assert page.count('<span class="chip good">done</span>') == 1
    assert '<li aria-current="step">\n      <h3>Say what to predict' in page
    assert 'hx-trigger="every 5s"' in page


async def test_models_are_shown_with_grade_age_and_what_they_hold(browser: Browser, store: AccountStore) -> None:
    with_contacts(store)
    with_model(store)

    page = (await browser.get("/console")).text

    assert 'href="/console/models/scoring.won"' in page
    assert 'class="grade grade-a"' in page
    assert "2 days ago" in page
    assert "not measured yet" in page
    assert "Three steps" not in page


async def test_whether_contacts_have_changed_is_answered_as_on_the_page_of_models(
    browser: Browser, store: AccountStore
) -> None:
    with_contacts(store)
    with_model(store)
    answers = ["not looked at yet", "too early to say", "yes: train again"]

    shown = list[list[list[str]]]()
    for drifted in (None, 1, 30):
        if drifted is not None:
            store.models.put_input_drift("scoring", "won", "1", InputDrift(200, drifted, drifted, 0, 0, NOW))
        pages = [(await browser.get(path)).text for path in ("/console", "/console/models")]
        cells = [page.split('data-label="Have contacts changed?">')[1].split("</td>")[0] for page in pages]
        shown.append([[answer for answer in answers if answer in cell] for cell in cells])

    assert shown == [[[answer], [answer]] for answer in answers]


async def test_the_first_of_the_list_lead_to_their_contacts(browser: Browser, store: AccountStore) -> None:
    with_contacts(store)
    with_model(store)
    store.predictions.log([prediction("a", 60), prediction("b/c", 90, text=HARM)])

    page = (await browser.get("/console")).text

    assert page.index("/console/contacts/b%2Fc") < page.index("/console/contacts/a")
    assert "23 of 100" in page
    assert HARM not in page


async def test_answers_are_counted_with_what_waits(browser: Browser, store: AccountStore) -> None:
    with_contacts(store)
    store.predictions.log([prediction("a", 60), prediction("b/c", None, "insufficient_data")])
    row = SubscriptionRow("s", "https://a.example", ("x",), "", None, {}, None, False, "enabled", None, 1, None, 1)
    store.subscriptions.create(row, SecretRow("s", "sec_s", "sealed", 1, None))

    page = (await browser.get("/console")).text

    assert "2 answers in the last two days, 50.0 % of them with a prediction" in page
    assert "of the others most: too little known (1)" in page
    assert "nothing waits" in page
    assert "2 hours ago" in page


async def test_the_kept_report_is_shown_in_words(
    gateway: RunningGateway, browser: Browser, store: AccountStore
) -> None:
    with_contacts(store)
    await keep_report(gateway, store)

    page = (await browser.get("/console")).text
    whole = (await browser.get("/console/data-report")).text

    assert "50 of 100 contacts have events by people" in page
    assert "not enough" in page
    assert "Contacts with events" in whole
    assert "page viewed" in whole


async def test_a_report_of_before_anything_was_loaded_is_not_shown(
    gateway: RunningGateway, browser: Browser, store: AccountStore
) -> None:
    await keep_report(gateway, store)
    with_contacts(store)

    assert "The report is made in the background" in (await browser.get("/console")).text


async def test_the_report_can_be_made_now(browser: Browser, store: AccountStore) -> None:
    with_contacts(store)

    none = (await browser.get("/console/data-report")).text
    made = (await browser.get("/console/data-report?now=yes")).text

    assert "The report is not made yet" in none
    assert "from 2 contacts" in made


async def test_a_key_that_reads_sees_the_page_without_what_is_loaded(gateway: RunningGateway, browser: Browser) -> None:
    await browser.sign_in(gateway.key(scopes=("read",)))

    assert (await browser.get("/console")).status == 200
