from typing import Any

import pytest

from shared.contracts.rows import SECOND
from shared.store import PredictionRow, VersionRow

NOW = 1_780_000_000 * SECOND
ROW = ("scoring", "customer")
COUNTS = {
    "frames": [10] * 99,
    "positives": [0] * 89 + [5] * 10,
    "chance": [0.01] * 89 + [0.5] * 10,
    "contacts_from": [100] * 99,
    "squares_from": {name: [1_000] * 99 for name in ("positives", "both", "frames")},
}
REPORT = {"usable": True, "trained_until": NOW, "evidence": {"question": "How <b>likely</b>?", "scores": COUNTS}}


def prediction(contact_id: str, score: int, version: str = "2", status: str = "ok") -> PredictionRow:
    return PredictionRow(contact_id, *ROW, version, NOW, NOW, "r", status, 0.5, score, "low", "model", "{}")


@pytest.fixture
def modelled(gateway: Any) -> Any:
    store = gateway.store.of("acme")
    for number in (1, 2, 3):
        row = VersionRow(*ROW, str(number), "d" * 64, "rule", "C", NOW + number, 30, "run", {"auc": 0.8}, REPORT)
        store.models.add(row, {"lift": b"\x89PNG"})
    store.models.promote(*ROW, "2", "d" * 64, at=NOW, reason="first")
    return gateway


async def ask(gateway: Any, path: str, **more: Any) -> tuple[int, Any, Any]:
    answer: tuple[int, Any, Any] = await gateway.request("GET", path, gateway.key(scopes=("read",)), **more)
    return answer


async def test_a_model_is_shown_with_its_versions_page_by_page(modelled: Any) -> None:
    _, first, _ = await ask(modelled, "/models/scoring.customer?limit=2")
    _, second, _ = await ask(modelled, f"/models/scoring.customer?limit=2&cursor={first['next_cursor']}")

    assert (first["champion"], first["described"], first["question"]) == ("2", "2", "How <b>likely</b>?")
    assert [one["version"] for one in first["versions"] + second["versions"]] == ["3", "2", "1"]
    assert [one["champion"] for one in first["versions"]] == [False, True]
    assert second["next_cursor"] is None


async def test_a_version_is_shown_with_report_and_plots(modelled: Any) -> None:
    status, answer, _ = await ask(modelled, "/models/scoring.customer/versions/2")

    assert status == 200
    assert (answer["report"], answer["plots"], answer["champion"]) == (REPORT, ["lift"], True)


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "*/*", "application/json"),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("", "application/json, text/html;q=high", "application/json"),
        ("?format=html", "application/json", "text/html; charset=utf-8"),
        ("?format=json", "text/html", "application/json"),
    ],
)
async def test_the_card_comes_in_the_form_that_is_wanted(modelled: Any, query: str, accept: str, kind: str) -> None:
    url = f"{modelled.url}/models/scoring.customer/versions/2/card{query}"
    key = modelled.key(scopes=("read",))

    async with modelled.client.get(url, headers={"Authorization": f"Bearer {key}", "Accept": accept}) as answer:
        text = await answer.text()

    assert (answer.status, answer.headers["Content-Type"], answer.headers["Vary"]) == (200, kind, "Accept")
    if kind.startswith("text/html"):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert policy.endswith("frame-ancestors 'none'")
        assert "How &lt;b&gt;likely&lt;/b&gt;?" in text


async def test_a_plot_is_a_png(modelled: Any) -> None:
    url = f"{modelled.url}/models/scoring.customer/versions/2/plots/lift"
    key = modelled.key(scopes=("read",))

    async with modelled.client.get(url, headers={"Authorization": f"Bearer {key}"}) as answer:
        content = await answer.read()

    assert (answer.headers["Content-Type"], content) == ("image/png", b"\x89PNG")


async def test_the_cut_off_is_of_the_scores_that_the_champion_s_latest_predictions_have(modelled: Any) -> None:
    rows = [prediction("a", 95), prediction("b", 90), prediction("c", 20)]
    others = [prediction("d", 95, version="1"), prediction("e", 95, status="control")]
    modelled.store.of("acme").predictions.log([*rows, *others])

    status, answer, _ = await ask(modelled, "/models/scoring.customer/thresholds?value=10&cost=1&capacity=2")

    assert status == 200
    assert answer["population"] == {"contacts": 3, "source": "latest_predictions"}
    assert (answer["version"], answer["best"]["from_score"], answer["best"]["contacts"]) == ("2", 90, 2)
    assert answer["best"]["profit"] == 8.0
    assert answer["sentence"].startswith("Address contacts with score 90 or more: 2 of 3.")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/models/scoring.other", "not-found"),
        ("/models/weather", "not-found"),
        ("/models/scoring.customer/versions/9", "not-found"),
        ("/models/scoring.customer/versions/9/card", "not-found"),
        ("/models/scoring.customer/versions/2/plots/other", "not-found"),
        ("/models/scoring.customer/thresholds?value=0&cost=1", "invalid-request"),
        ("/models/scoring.customer/thresholds?value=1&cost=1&capacity=1&capacity_share=0.1", "invalid-request"),
        ("/models/scoring.customer/thresholds?value=1&cost=1&capacity=1", "conflict"),
        ("/models/churn.left/thresholds?value=1&cost=1", "no-model-trained"),
    ],
)
async def test_what_is_not_there_or_makes_no_sense_is_refused(modelled: Any, path: str, code: str) -> None:
    _, problem, _ = await ask(modelled, path)

    assert problem["code"] == code


async def test_a_key_needs_the_scope_read_and_sees_its_own_account_only(modelled: Any) -> None:
    path = "/models/scoring.customer/versions/2/card"

    forbidden = await modelled.request("GET", path, modelled.key(scopes=("predict",)))
    elsewhere = await modelled.request("GET", path, modelled.key("other", scopes=("read",)))

    assert (forbidden[0], elsewhere[0]) == (403, 404)
