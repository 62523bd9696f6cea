from typing import Any

import pytest

from shared.store import AccountStore, CommandLease, PredictionRow, VersionRow
from tests.integration.gateway.conftest import RunningGateway
from tests.integration.gateway.console.browser import Browser, token_in

NOW = 1_780_000_000 * 1_000_000
EVIL = "<script>alert(1)</script>"
MODEL = ("scoring", "customer")
SCORES = {
    "frames": [10] * 99,
    "positives": [0] * 89 + [5] * 10,
    "chance": [0.01] * 89 + [0.5] * 10,
    "contacts_from": [100] * 99,
    "squares_from": {name: [1_000] * 99 for name in ("positives", "both", "frames")},
}
REPORT = {
    "usable": True,
    "trained_until": NOW,
    "reliability": {"predicted": [0.1, 0.5], "seen": [0.12, 0.48], "count": [500, 500]},
    "lift": {"share": [0.1, 0.5], "lift": [3.2, 1.6]},
    "importance": [["order_placed_count_90d", 0.7]],
    "candidates": [{"label": "rule", "log_loss": 0.4, "auc": 0.7, "served": True}],
    "left_out": [{"name": "age", "reason": f"it is constant {EVIL}"}],
    "evidence": {"question": f"Who buys {EVIL}?", "scores": SCORES},
}
FIGURES = {"auc": {"value": 0.92, "low": 0.9, "high": 0.94}, "log_loss": 0.3}


def version(number: int, capability: str = "scoring", outcome: str = "customer", grade: str = "B") -> VersionRow:
    report = REPORT if capability == "scoring" else {"usable": True}
    return VersionRow(
        capability, outcome, str(number), "d" * 64, "rule", grade, NOW + number, 30, "run", FIGURES, report
    )


@pytest.fixture
def store(gateway: RunningGateway) -> AccountStore:
    """Three versions of a model, the second of which answers after the first did; and groups."""
    store = gateway.store.of("acme").acting("command line", at=NOW)
    for number in (1, 2, 3):
        store.models.add(version(number))
    store.models.add(version(1, "segmentation", "", "C"))
    store.models.promote(*MODEL, "1", "d" * 64, at=NOW, reason="first")
    store.models.promote(*MODEL, "2", "d" * 64, at=NOW + 1, reason=f"better {EVIL}")
    return store


async def signed_in(gateway: RunningGateway, *scopes: str) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in(gateway.key(scopes=scopes or ("admin", "read")))
    return browser


async def test_without_a_model_the_list_leads_to_predicting(gateway: RunningGateway) -> None:
    page = (await (await signed_in(gateway)).get("/console/models")).text

    assert "No model is trained yet" in page
    assert 'href="/console/predict"' in page


async def test_models_are_listed_with_question_grade_and_whether_to_trust_them(
    gateway: RunningGateway, store: AccountStore
) -> None:
    page = (await (await signed_in(gateway)).get("/console/models")).text

    assert "scoring.customer, version 2 answers" in page
    assert "segmentation, no version answers" in page
    assert 'title="Grade B"' in page
    assert "With care" in page
    assert "not measured yet" in page
    assert EVIL not in page


async def test_a_model_is_shown_in_words_with_figures_plots_versions_and_history(
    gateway: RunningGateway, store: AccountStore
) -> None:
    page = (await (await signed_in(gateway)).get("/console/models/scoring.customer")).text

    for words in (
        "Who buys &lt;script&gt;", "92 of 100 pairs", "90 to 94", "chance: 50 of 100", "<b>Yes.</b>",
        "predicted chance", "Highest 10 %", "3.2", "</b>: it is constant &lt;script&gt;",
        "Of 100 contacts with such a score", "Version 2 answers since then, in place of version 1", "the command line",
        "better &lt;script&gt;", "POST /models/scoring.customer/promote", "POST /models/scoring.customer/rollback",
    ):  # fmt: skip
        assert words in page
    assert EVIL not in page


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def figures(positives: int) -> dict[str, Any]:
    """Of a hundred predictions that said twenty."""
    one = figure(0.7)
    return {
        "predictions": 100, "contacts": 90, "contacts_reached": 40, "contacts_not_reached": 50, "positives": positives,
        "expected": 20.0, "base_rate": figure(positives / 100), "expected_rate": 0.2, "auc": one, "log_loss": one,
        "skill_over_constant": one, "calibration_slope": one, "lift_at_10_percent": one, "sampled_share": 1.0,
    }  # fmt: skip


def quality() -> dict[str, Any]:
    """Two weeks of version 2, which did worse than promised."""
    weeks = [
        {"week": f"2026-W{n}", "starts_on": f"2026-04-{day}", "version": "2", "figures": figures(10 * n)}
        for n, day in ((1, "06"), (2, "13"))
    ]
    version = {
        "version": "2", "horizon_days": 30, "verdict": "worse", "text": "Worse.", "promised": None,
        "live": figures(30), "reliability": [], "open": 0, "next_closes_at": None,
    }  # fmt: skip
    none = ("repeated", "not_stored", "without_probability", "learned_from", "reached_before")
    return {
        "measured_at": "2026-05-01T00:00:00Z", "complete_until": None, "horizon_days": 30, "verdict": "worse",
        "judged_version": "2", "text": "Too few came true.", "all_versions": None, "versions": [version],
        "weeks": weeks, "segment_weeks": [], "left_out": dict.fromkeys(none, 0),
    }  # fmt: skip


def drift() -> dict[str, Any]:
    feature = {
        "level": "drifted", "psi": 0.4, "psi_since_start": 0.3, "by_chance": 0.1, "feature": "order_placed_count_90d",
        "weight": 0.7, "missing_share": 0.0, "missing_share_reference": 0.0, "unseen_share": None,
        "unseen_share_reference": None,
    }  # fmt: skip
    return {
        "version": "2", "measured_at": "2026-05-01T00:00:00Z", "status": "measured", "has_drifted": True,
        "drifted_since": "2026-05-01T00:00:00Z", "text": "Orders have changed.", "contacts": 500,
        "reference_contacts": 500, "drifted_weight": 0.7, "answers": None, "features": [feature],
    }  # fmt: skip


async def test_what_came_of_its_predictions_is_shown_beside_what_the_test_promised(
    gateway: RunningGateway, store: AccountStore
) -> None:
    store.models.quality.put(*MODEL, {"report": quality()}, at=NOW)
    store.models.quality.put_drift(*MODEL, "2", {"report": drift()}, at=NOW)

    page = (await (await signed_in(gateway)).get("/console/models/scoring.customer")).text

    assert "Too few came true." in page
    assert "worse than promised" in page
    assert "what came of 100 predictions about 90 contacts" in page
    assert "&#34;label&#34;:&#34;came true&#34;,&#34;values&#34;:[0.1,0.2]" in page
    assert "Orders have changed." in page
    assert "yes: train again" in page
    assert "<b>With care.</b>" in page


async def test_another_version_is_shown_when_it_is_named(gateway: RunningGateway, store: AccountStore) -> None:
    browser = await signed_in(gateway)

    page = await browser.get("/console/models/scoring.customer?version=3")
    missing = await browser.get("/console/models/scoring.customer?version=9")

    assert "version 3 <span" in page.text
    assert "does not answer" in page.text
    assert (missing.status, "There is no version 9" in missing.text) == (404, True)


async def test_the_slider_finds_whom_it_pays_to_address_and_says_what_is_wrong(
    gateway: RunningGateway, store: AccountStore
) -> None:
    row = PredictionRow("a", *MODEL, "2", NOW, NOW, "r", "ok", 0.5, 95, "low", "model", "{}")
    store.predictions.log([row, row._replace(contact_id="b", score=20)])
    browser = await signed_in(gateway)
    path = "/console/models/scoring.customer"

    part = (await browser.get(f"{path}/cutoff?value=10&cost=1&share=50")).text
    whole = (await browser.get(f"{path}?value=10&cost=1&share=50")).text
    wrong = (await browser.get(f"{path}/cutoff?value=0&cost=1&share=x")).text

    assert "Address contacts with score 95 or more: 1 of 2." in part
    assert "data-plot=" in part
    assert "the 2 contacts that have a score now" in part
    assert "<html" not in part
    assert "Address contacts with score 95 or more: 1 of 2." in whole
    assert 'name="share" type="range" min="1" max="100" step="1" value="50"' in whole
    assert 'role="alert"' in wrong


async def test_groups_have_no_slider_and_the_api_says_why(gateway: RunningGateway, store: AccountStore) -> None:
    page = (await (await signed_in(gateway)).get("/console/models/segmentation")).text
    key = gateway.key(scopes=("read",))
    status, problem, _ = await gateway.request("GET", "/models/segmentation/thresholds?value=1&cost=1", key)

    assert "Whom does it pay to address?" not in page
    assert (status, problem["code"]) == (404, "not-found")
    assert "has no scores, so there is no score from which on it pays" in problem["detail"]


async def test_a_version_is_let_answer_with_a_reason_and_the_page_waits_for_it(
    gateway: RunningGateway, store: AccountStore
) -> None:
    browser, path = await signed_in(gateway), "/console/models/scoring.customer"
    token = token_in((await browser.get(path)).text)
    form = {"_token": token, "_call": "POST /models/scoring.customer/promote", "_next": f"{path}?left=2"}

    asked = await browser.post("/console/call", {**form, "version": "3", "reason": "autumn"})
    waiting = (await browser.get(asked.headers["Location"])).text
    taken = store.models.commands.take(CommandLease("any", "worker"), at=NOW * 2, until=NOW * 3)
    given_up = (await browser.get(f"{path}/switching?left=2&looks=29")).text
    store.models.promote(*MODEL, "3", "d" * 64, at=NOW + 2, reason="autumn")
    done = (await browser.get(f"{path}/switching?left=2&looks=1")).text

    assert asked.headers["Location"] == f"{path}?left=2"
    assert f'hx-get="{path}/switching?left=2&amp;looks=0"' in waiting
    assert taken is None or taken.reason == "autumn"
    assert "the worker is not running" in given_up
    assert "Version 3 answers now." in done


async def test_a_shadow_is_begun_shown_and_ended(gateway: RunningGateway, store: AccountStore) -> None:
    browser, path = await signed_in(gateway), "/console/models/scoring.customer"
    token = {"_token": token_in((await browser.get(path)).text), "_next": path}

    begin = {**token, "_call": "PUT /models/scoring.customer/shadow", "version": "3", "share:number": "0.5"}
    await browser.post("/console/call", begin)
    during = (await browser.get(path)).text
    await browser.post("/console/call", {**token, "_call": "DELETE /models/scoring.customer/shadow"})
    after = (await browser.get(path)).text

    assert "Version 3 also answers for 50.0 % of the contacts, unseen" in during
    assert "in the shadow" in during
    assert "DELETE /models/scoring.customer/shadow" not in after


async def test_the_card_is_passed_on_as_a_page_of_its_own(gateway: RunningGateway, store: AccountStore) -> None:
    card = await (await signed_in(gateway)).get("/console/models/scoring.customer/versions/2/card")

    assert card.text.startswith("<!doctype html>")
    assert "Model card" in card.text
    assert card.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


async def test_who_may_only_read_sees_no_button_that_changes(gateway: RunningGateway, store: AccountStore) -> None:
    page = (await (await signed_in(gateway, "read")).get("/console/models/scoring.customer")).text

    assert "Versions" in page
    assert "/console/call" not in page
    assert (await (await signed_in(gateway, "predict")).get("/console/models")).status == 403
