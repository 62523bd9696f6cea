from itertools import pairwise
from pathlib import Path

import pytest

from shared.contracts.input_drift import InputDrift
from shared.contracts.outcome import BUILT_IN, Outcome
from shared.contracts.rows import DAY
from shared.errors import Conflict, UnknownOutcome
from shared.settings import Settings
from shared.store import (
    AccountStore,
    Database,
    ListPlace,
    PastsWanted,
    PredictionRow,
    VersionRow,
    migrate,
    open_database,
)

REDEEM = Outcome(name="redeem", capability="scoring", event_types=("coupon_redeemed",), horizon_days=30)


def prediction(contact_id: str = "a", *, cutoff: int = 0, score: int | None = 50, band: str = "low") -> PredictionRow:
    return PredictionRow(
        contact_id, "scoring", "x", "1", cutoff, cutoff, "r", "ok", 0.5, score, band, "model", '{"a":1}'
    )


def test_built_in_outcomes_hold_until_redefined(database: Database) -> None:
    store = database.of("default")
    mine = Outcome(name="customer", capability="scoring", event_types=("contract_signed",), horizon_days=30)

    built_in = store.outcomes.of("scoring")
    store.outcomes.put(mine)
    redefined = store.outcomes.find("scoring", "customer")
    store.outcomes.delete("scoring", "customer")

    assert {outcome.name for outcome in built_in} == {one.name for one in BUILT_IN if one.capability == "scoring"}
    assert redefined == mine
    assert store.outcomes.find("scoring", "customer") != mine


def test_an_outcome_is_put_replaced_and_deleted(database: Database) -> None:
    store = database.of("default")
    store.outcomes.put(REDEEM)
    longer = REDEEM.model_copy(update={"horizon_days": 60})
    store.outcomes.put(longer)

    assert store.outcomes.find("scoring", "redeem") == longer
    assert store.outcomes.delete("scoring", "redeem")
    assert not store.outcomes.delete("scoring", "redeem")
    assert store.outcomes.find("scoring", "redeem") is None


def test_an_outcome_that_is_required_and_unknown_is_refused_with_those_that_are_known(database: Database) -> None:
    store = database.of("default")
    store.outcomes.put(REDEEM)

    assert store.outcomes.require("scoring", "redeem") == REDEEM
    with pytest.raises(UnknownOutcome, match="no scoring outcome 'redem'") as refused:
        store.outcomes.require("scoring", "redem")
    assert refused.value.members["outcomes"] == [outcome.name for outcome in store.outcomes.of("scoring")]


def test_a_deleted_outcome_is_no_longer_the_default(database: Database) -> None:
    store = database.of("default")
    store.outcomes.put(REDEEM)
    store.outcomes.set_default("scoring", "redeem")

    store.outcomes.delete("scoring", "redeem")

    assert store.outcomes.default("scoring") is None


def test_promote_and_rollback_move_the_champion_and_are_logged(database: Database) -> None:
    store = database.of("default")

    store.models.promote("scoring", "x", "1", "one", at=1, reason="first")
    store.models.promote("scoring", "x", "2", "two", at=2, reason="better")
    store.models.promote("scoring", "x", "2", "two", at=3, reason="again")
    back = store.models.rollback("scoring", "x", at=4)

    assert (back.version, back.digest, back.previous_version) == ("1", "one", "2")
    assert store.models.champion("scoring", "x") == back
    assert database.champions() == [back]
    assert [(row.number, row.version, row.reason) for row in store.models.promotions("scoring", "x")] == [
        (3, "1", "rollback"),
        (2, "2", "better"),
        (1, "1", "first"),
    ]


def test_there_is_nothing_to_roll_back_to_before_the_second_promotion(database: Database) -> None:
    store = database.of("default")
    store.models.promote("scoring", "x", "1", "one", at=1, reason="first")

    with pytest.raises(Conflict):
        store.models.rollback("scoring", "x", at=2)


def test_the_catalogue_returns_what_it_was_given_newest_first(database: Database) -> None:
    store = database.of("default")
    old = VersionRow("scoring", "x", "1", "d", "rule", "C", 1, 90, "run-1", {"auc": 0.5}, {"rows": [1]}, "card")
    new = VersionRow("scoring", "x", "2", "e", "lightgbm", "A", 2, None, "run-2")

    store.models.add(old, {"lift": b"\x89PNG"})
    store.models.add(new)

    assert store.models.versions("scoring", "x") == [new, old]
    assert store.models.versions("churn") == []
    assert store.models.version("scoring", "x", "1") == old
    assert store.models.version("scoring", "x", "9") is None
    assert store.models.plots("scoring", "x", "1") == {"lift": b"\x89PNG"}


def test_the_latest_prediction_is_the_one_with_the_latest_cutoff(database: Database) -> None:
    store = database.of("default")

    store.predictions.log([prediction(cutoff=5, score=50), prediction(cutoff=9, score=90), prediction(cutoff=7)])
    store.predictions.log([prediction(cutoff=8, score=80)])

    assert store.predictions.of_contact("a") == [prediction(cutoff=9, score=90)]


def test_the_ranked_list_continues_after_a_row(database: Database) -> None:
    store = database.of("default")
    store.predictions.log(
        [
            prediction("a", score=10),
            prediction("b", score=90, band="high"),
            prediction("c", score=50),
            prediction("d", score=50, band="high"),
            prediction("none", score=None),
        ]
    )

    first = store.predictions.ranked("scoring", "x", limit=2)
    rest = store.predictions.ranked("scoring", "x", limit=9, after=ListPlace(50, 0.5, "c"))
    high = store.predictions.ranked("scoring", "x", limit=9, band="high")

    assert [row.contact_id for row in first] == ["b", "c"]
    assert [row.contact_id for row in rest] == ["d", "a"]
    assert [row.contact_id for row in high] == ["b", "d"]


def past_scores(store: AccountStore, *, around: int) -> dict[str, int]:
    wanted = PastsWanted(["a", "b", "c"], cutoff=around, asked_at=around)
    return store.predictions.request_reads("scoring", "x", wanted, around=around).past_scores


def test_a_past_score_is_the_nearest_within_seven_days(database: Database) -> None:
    store = database.of("default")
    store.predictions.log(
        [
            prediction("a", cutoff=92 * DAY, score=92),
            prediction("a", cutoff=99 * DAY, score=99),
            prediction("a", cutoff=103 * DAY, score=3),
            prediction("b", cutoff=108 * DAY, score=8),
        ]
    )

    assert past_scores(store, around=100 * DAY) == {"a": 99}


@pytest.mark.parametrize(
    "around", [20_000 * DAY, 20_000 * DAY - 1, 20_003 * DAY, 20_006 * DAY + 5, -3 * DAY, -14 * DAY, -27 * DAY]
)
def test_a_past_score_is_found_at_both_ends_of_its_fortnight_wherever_weeks_begin(
    database: Database, around: int
) -> None:
    store = database.of("default")
    first, last = around - 7 * DAY, around + 7 * DAY
    store.predictions.log(
        [
            prediction("a", cutoff=first, score=1),
            prediction("a", cutoff=first - 1, score=9),
            prediction("b", cutoff=last, score=2),
            prediction("b", cutoff=last + 1, score=9),
            prediction("c", cutoff=first - 1, score=9),
        ]
    )

    assert past_scores(store, around=around) == {"a": 1, "b": 2}


def test_the_same_prediction_is_logged_once(database: Database) -> None:
    store = database.of("default")

    store.predictions.log([prediction("a", cutoff=1), prediction("a", cutoff=1)])
    store.predictions.log([prediction("a", cutoff=1)])

    assert store.predictions.delete_before(9) == 1


def test_logged_predictions_come_by_contact_also_where_there_are_many(database: Database) -> None:
    store = database.of("default")
    ids = [f"c-{number:04d}" for number in range(2_001)]
    for cutoff in (30 * DAY, 10 * DAY, 20 * DAY):
        store.predictions.log([prediction(one, cutoff=cutoff) for one in ids])
    store.predictions.forget_latest(["c-1000", "c-2000"])

    parts = list(store.models.quality.logged_predictions("scoring", "x", since=15 * DAY, at=0, rows=500))

    found = [(one.contact_id, one.cutoff) for part in parts for one in part]
    assert found == [(one, cutoff) for one in ids for cutoff in (20 * DAY, 30 * DAY)]
    assert all(before[-1].contact_id != after[0].contact_id for before, after in pairwise(parts))


def test_what_a_call_writes_does_not_grow_with_the_log(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    database = open_database(settings)
    rows = [prediction(f"c-{number:03d}")._replace(body="x" * 400) for number in range(300)]
    written = []

    for day in range(84):
        database.scrub()
        asked = [row._replace(cutoff=day * DAY, asked_at=day * DAY) for row in rows[day % 3 :: 3]]
        database.of("default").predictions.log(asked)
        written.append((tmp_path / "predictions.sqlite-wal").stat().st_size)

    database.close()
    assert sum(written[-21:]) < 1.2 * sum(written[:21])


def test_old_predictions_are_deleted_and_the_latest_stays(database: Database) -> None:
    store = database.of("default")
    store.predictions.log([prediction("a", cutoff=1), prediction("b", cutoff=9)])

    assert store.predictions.delete_before(5) == 1
    assert [row.contact_id for row in store.predictions.ranked("scoring", "x", limit=9)] == ["a", "b"]
    assert past_scores(store, around=5) == {"b": 50}


def test_what_a_round_found_of_a_version_s_inputs_is_kept_with_it(database: Database) -> None:
    store = database.of("default")
    for number in ("1", "2"):
        store.models.add(VersionRow("scoring", "redeem", number, "d", "rule", "C", int(number), 30, "run"))
    for drifted in (5, 30):
        store.models.put_input_drift("scoring", "redeem", "1", InputDrift(100, drifted, 40, 3, 2, 9))

    store.models.add(VersionRow("scoring", "redeem", "1", "d", "rule", "B", 1, 30, "run"))

    newest, oldest = store.models.versions("scoring", "redeem")
    assert (newest.input_drift, oldest.input_drift) == (None, InputDrift(100, 30, 40, 3, 2, 9))
    assert oldest.grade == "B"


def test_capabilities_that_have_a_champion_are_those_of_this_account(database: Database) -> None:
    database.create_account("other", created_at=0)
    database.of("other").models.promote("churn", "churn", "1", "d", at=DAY, reason="r")
    mine = database.of("default").models
    mine.promote("scoring", "customer", "1", "d", at=DAY, reason="r")
    mine.promote("scoring", "redeem", "1", "d", at=DAY, reason="r")

    assert mine.answering() == {"scoring"}
