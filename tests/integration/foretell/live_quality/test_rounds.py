"""The worker compares models once a day, and reports a version that is worse than promised once."""

import json
import threading
from typing import Any

import pytest

from foretell.background.kept_reports import QualityRounds
from foretell.live_quality.measure import measured
from shared.contracts.model_quality import quality_of
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.errors import UnknownOutcome
from shared.store import AccountStore, Database, PredictionRow, SecretRow, SubscriptionRow, VersionRow

NOW = 1_780_000_000_000_000
WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=7)
FLAT = Outcome(name="won", capability="scoring", attribute="won")


def answering(store: AccountStore, outcome: Outcome = WON, *, promised: float = 0.3) -> None:
    skill = {"value": promised, "low": promised - 0.05, "high": promised + 0.05}
    row = ("scoring", "won", "1", "d", "lightgbm", "A", NOW - 90 * DAY, 7, "run")
    store.outcomes.put(outcome)
    store.models.add(VersionRow(*row, figures={"skill_over_constant": skill}, report={"data": {"base_rate": 0.5}}))
    store.models.promote("scoring", "won", "1", "d", at=NOW - 90 * DAY, reason="first")


def predicted(store: AccountStore, contacts: int = 200, *, chance: float = 0.5, day: int = 40) -> None:
    """Half of the contacts reach the outcome, whatever was predicted."""
    names = [f"c-{number:03d}" for number in range(contacts)]
    at = NOW - day * DAY
    store.contacts.put([ContactRow(name) for name in names], recorded_at=at)
    row = ("scoring", "won", "1", at, at, "r", "ok", chance, 50, "low", "model", "{}")
    store.predictions.log([PredictionRow(name, *row) for name in names])
    store.events.add([EventRow(name, "e", "deal_won", at + DAY, at + DAY) for name in names[::2]])
    store.events.add([EventRow("c-001", "v", "page_viewed", NOW - DAY, NOW - DAY)])


@pytest.fixture
def store(database: Database) -> AccountStore:
    store = database.of("default")
    wanted = ("model.quality_dropped",)
    store.subscriptions.create(
        SubscriptionRow("s1", "https://a.example", wanted, "", None, {}, None, False, "enabled", None, 1, None, 1),
        SecretRow("s1", "sec_1", "sealed", 1, None),
    )
    return store


def test_a_version_that_is_worse_than_promised_is_reported_once(store: AccountStore) -> None:
    answering(store)
    predicted(store)

    found = measured(store, "scoring", "won", now=NOW)
    measured(store, "scoring", "won", now=NOW + DAY)

    (sent,) = store.deliveries.page(10)
    assert json.loads(sent.data)["live_skill"] == pytest.approx(0.0, abs=1e-6)
    assert (found.verdict, found.judged_version) == ("worse", "1")
    assert "Worse than promised: 100 of 200 predictions came true, 100 were expected" in found.text
    kept: Any = store.models.quality.find("scoring", "won")
    assert kept["reported"] == ["1"]
    again = quality_of(kept)
    assert again is not None
    assert again.model_copy(update={"measured_at": found.measured_at}) == found


def test_one_that_holds_is_not_reported(store: AccountStore) -> None:
    answering(store, promised=0.04)
    predicted(store)

    found = measured(store, "scoring", "won", now=NOW)

    assert (found.verdict, store.deliveries.page(10)) == ("holds", [])


def test_what_is_not_over_waits_and_it_is_stated_until_when(store: AccountStore) -> None:
    answering(store)
    predicted(store, contacts=30, day=3)

    found = measured(store, "scoring", "won", now=NOW)

    (version,) = found.versions
    assert (found.verdict, found.all_versions, version.open) == ("not_enough", None, 30)
    assert found.text == ("Not enough closed predictions yet: none is over. The next ones close on 1 June 2026.")


def test_a_version_is_judged_within_its_own_horizon_and_it_is_stated(store: AccountStore) -> None:
    answering(store, promised=0.04)
    row = ("scoring", "won", "1", "d", "lightgbm", "A", NOW - 90 * DAY, 7, "run")
    skill = {"value": 0.04, "low": 0.0, "high": 0.09}
    report = {"data": {"base_rate": 0.5}, "outcome": WON.model_dump(mode="json")}
    store.models.add(VersionRow(*row, figures={"skill_over_constant": skill}, report=report))
    store.outcomes.put(WON.model_copy(update={"horizon_days": 60}))
    predicted(store)

    found = measured(store, "scoring", "won", now=NOW)

    (version,) = found.versions
    assert version.live is not None
    assert (version.horizon_days, version.live.predictions) == (7, 200)
    assert "today it means something else (7 days; today 60 days)." in found.text


def test_an_attribute_says_what_became_of_a_prediction(store: AccountStore) -> None:
    answering(store, FLAT)
    predicted(store, contacts=20)
    later = NOW - 10 * DAY
    said = [ContactRow(f"c-{number:03d}", attributes=(AttributeRow("won", number < 6, later),)) for number in range(15)]
    store.contacts.put(said, recorded_at=later)

    found = measured(store, "scoring", "won", now=NOW)

    (version,) = found.versions
    assert version.live is not None
    assert (version.live.predictions, version.live.positives, version.open) == (15, 6, 5)
    assert "They are over once the attribute says yes or no." in version.text


def test_a_version_that_answered_before_stands_for_the_model_until_the_next_can_be_judged(store: AccountStore) -> None:
    answering(store, promised=0.04)
    predicted(store)
    store.models.add(VersionRow("scoring", "won", "2", "e", "lightgbm", "A", NOW - DAY, 7, "run"))
    store.models.promote("scoring", "won", "2", "e", at=NOW - DAY, reason="better")

    found = measured(store, "scoring", "won", now=NOW)

    assert [one.version for one in found.versions] == ["2", "1"]
    assert (found.verdict, found.judged_version) == ("holds", "1")
    assert "Version 1: Holds what it promised" in found.text
    assert "Version 2, which answers now: Not enough closed predictions yet" in found.text


def test_models_without_an_outcome_are_counted_or_stated_not_to_be_measured(store: AccountStore) -> None:
    rows = [
        PredictionRow(
            name, "segmentation", "", "1", NOW - day * DAY, NOW, "r", "ok", None, None, None, "model", "{}", seg
        )
        for name, day, seg in (("a", 9, "x"), ("a", 2, "y"), ("b", 2, "y"))
    ]
    store.predictions.log(rows)

    segments = measured(store, "segmentation", "", now=NOW)
    hours = measured(store, "sendtime", "", now=NOW)

    assert [(one.contacts, one.moved_share) for one in segments.segment_weeks] == [(1, None), (2, 1.0)]
    assert (hours.verdict, hours.segment_weeks) == ("not_measured", [])
    assert "An experiment measures it" in hours.text


def test_a_turn_measures_what_is_due_and_one_that_fails_delays_no_other(
    database: Database, store: AccountStore
) -> None:
    answering(store)
    store.models.promote("scoring", "gone", "1", "d", at=1, reason="its outcome is not defined any more")
    clock = [NOW]
    rounds = QualityRounds(database, DAY, threading.Event(), lambda: clock[0])

    with pytest.raises(UnknownOutcome):
        rounds.turn()
    clock[0] += DAY - 1
    with pytest.raises(UnknownOutcome):
        rounds.turn()
    before = store.models.quality.measured_at("scoring", "won")
    clock[0] += 1
    with pytest.raises(UnknownOutcome):
        rounds.turn()

    assert (before, store.models.quality.measured_at("scoring", "won")) == (NOW, NOW + DAY)
