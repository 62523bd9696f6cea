"""GET /models/{name}/quality: what a worker found, as it is kept."""

from typing import Any

from foretell.live_quality.drift import DriftRound, counted
from foretell.live_quality.measure import measure
from shared.capabilities import capability
from shared.contracts.rows import DAY, SECOND
from shared.store import VersionRow

NOW = 1_780_000_000 * SECOND


def version(number: str = "1") -> VersionRow:
    return VersionRow("scoring", "customer", number, "d" * 64, "lightgbm", "A", NOW - 9 * DAY, 90, "run")


async def test_before_anything_was_compared_that_is_stated(gateway: Any) -> None:
    gateway.store.of("acme").models.add(version())

    status, answer, _ = await gateway.request("GET", "/models/scoring.customer/quality", gateway.key())

    assert status == 200
    assert (answer["name"], answer["version"], answer["verdict"]) == ("scoring.customer", None, "not_measured")
    assert (answer["quality"], answer["drift"]) == (None, None)
    assert answer["text"].startswith("Nothing was compared yet")


async def test_what_was_found_of_the_version_that_answers_is_read(gateway: Any) -> None:
    store = gateway.store.of("acme")
    store.models.add(version())
    store.models.promote("scoring", "customer", "1", "d" * 64, at=NOW, reason="test")
    found = measure(store, capability("scoring"), "customer", now=NOW)
    store.models.quality.put("scoring", "customer", {"report": found.model_dump(mode="json")}, at=NOW)
    drift = DriftRound(counted({}, []), version(), None, False, NOW).judged()
    store.models.quality.put_drift("scoring", "customer", "1", drift, at=NOW)

    status, answer, _ = await gateway.request("GET", "/models/scoring.customer/quality", gateway.key())
    theirs, *_ = await gateway.request("GET", "/models/scoring.customer/quality", gateway.key("other"))

    assert status == 200
    assert (answer["version"], answer["verdict"]) == ("1", "not_enough")
    assert "none is over" in answer["text"]
    assert answer["quality"]["left_out"]["not_stored"] == 0
    assert answer["drift"]["status"] == "not_counted"
    assert theirs == 404


async def test_what_another_release_kept_is_as_if_nothing_was_compared(gateway: Any) -> None:
    store = gateway.store.of("acme")
    store.models.add(version())
    store.models.quality.put("scoring", "customer", {"report": {"of": "another release"}}, at=NOW)

    _, answer, _ = await gateway.request("GET", "/models/scoring.customer/quality", gateway.key())

    assert answer["quality"] is None


async def test_a_model_that_there_is_not_is_404(gateway: Any) -> None:
    status, problem, _ = await gateway.request("GET", "/models/scoring.customer/quality", gateway.key())

    assert (status, problem["code"]) == (404, "not-found")
