import json
from datetime import UTC, datetime

from foretell.background.attribution_process import work
from gateway.console.attribution import rows_of
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, EventRow, microseconds
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser

SINCE = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
QUESTION = "outcome=customer&from=2026-01-01&to=2026-02-01&by=channel&lookback_days=30&unit=contact"


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin",)))
    return browser


def make(gateway: RunningGateway) -> None:
    store = gateway.store.of("acme")
    for one in store.experiments.attribution.all():
        work(store, one.report_id, lease_seconds=30)


def fill(gateway: RunningGateway) -> None:
    named = json.dumps({"channel": "<script>alert(1)</script>"})
    rows = [EventRow(f"c-{n}", "1", "page_viewed", SINCE + DAY, SINCE, properties=named) for n in range(90)]
    rows += [EventRow(f"c-{n}", "2", "order_placed", SINCE + 2 * DAY, SINCE, 20.0, "EUR") for n in range(45)]
    gateway.store.of("acme").events.add(rows)


async def test_a_page_without_a_question_says_what_it_would_show(gateway: RunningGateway) -> None:
    page = (await (await signed_in(gateway, "read")).get("/console/attribution")).text

    assert "Choose an outcome and a period" in page
    assert '<option value="customer"' in page
    assert '<option value="churn"' not in page


async def test_a_report_is_waited_for_and_then_shown_in_a_marketers_words(gateway: RunningGateway) -> None:
    fill(gateway)
    browser = await signed_in(gateway, "read")

    first = (await browser.get(f"/console/attribution?{QUESTION}")).text
    waiting = (await browser.get(f"/console/attribution/report?{QUESTION}", hx_request="true")).text
    make(gateway)
    made = (await browser.get(f"/console/attribution/report?{QUESTION}", hx_request="true")).text
    whole = (await browser.get(f"/console/attribution?{QUESTION}")).text

    assert "The report is being made" in first
    assert ('hx-trigger="every 2s"' in waiting, "<html" in waiting) == (True, False)
    assert ('hx-trigger="every 2s"' in made, "<dt>Conversions</dt><dd>45</dd>" in made) == (False, True)
    assert "<dt>Worth</dt><dd>900 EUR</dd>" in made
    assert "None of these methods proves" in made
    assert ("&lt;script&gt;alert(1)" in whole, "<script>alert" in whole) == (True, False)


async def test_too_little_and_what_has_no_answer_stands_beside_the_form(gateway: RunningGateway) -> None:
    browser = await signed_in(gateway, "read")
    gateway.store.of("acme").outcomes.put(Outcome(name="bought", capability="scoring", attribute="bought"))
    await browser.get(f"/console/attribution?{QUESTION}")
    make(gateway)

    little = (await browser.get(f"/console/attribution?{QUESTION}")).text
    wrong = (await browser.get("/console/attribution?outcome=bought")).text

    assert "0 of 0 conversions came after a touch" in little
    assert "is an attribute, which does not say when it was reached" in wrong
    assert 'name="outcome"' in wrong


def test_bars_lie_between_the_lowest_and_the_highest_figure() -> None:
    def channel(added: float, low: float, high: float, last: float) -> dict[str, object]:
        shapley = {"conversions": added, "low": low, "high": high}
        return {"channel": "a", "credits": {"shapley": shapley, "last_touch": {"conversions": last}}}

    first, second = rows_of([channel(60.0, 40.0, 80.0, 50.0), channel(-10.0, -20.0, 0.0, 5.0)])

    assert (first["zero"], first["shapley"], first["interval"]) == (20.0, {"x": 20.0, "width": 60.0}, (60.0, 100.0))
    assert (second["shapley"], second["last"]) == ({"x": 10.0, "width": 10.0}, {"x": 20.0, "width": 5.0})
