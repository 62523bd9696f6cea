from typing import Any

import pytest

from shared.contracts.holdout import Holdout
from shared.contracts.rows import ContactRow
from shared.contracts.shadow import ShadowComparison
from shared.errors import Conflict, NotFound
from shared.store import AccountStore, Database, ShadowPrediction, VersionRow
from shared.store.model_tables import ShadowPredictionTable, VersionTable
from tests.stores import hashing

MODEL = ("scoring", "customer")
FOUND = ShadowComparison("1", 2, 2, 0, 0.1, 0.9, 0.5, 0, 0, None, None, None, 7)


def version(name: str, capability: str = "scoring", outcome: str = "customer") -> VersionRow:
    return VersionRow(capability, outcome, name, f"d{name}", "logistic", "B", 1, 90, "run")


def both(contact_id: str = "a", *, day: int = 1, asked_at: int = 5, probability: float = 0.4) -> ShadowPrediction:
    return ShadowPrediction(*MODEL, "2", "1", contact_id, day, day, asked_at, "ok", probability, 0.5, "low", "high")


@pytest.fixture
def store(database: Database) -> AccountStore:
    """Versions 1 to 3, of which 1 answers."""
    store = database.of("default").acting("command line", at=1)
    for name in ("1", "2", "3"):
        store.models.add(version(name))
    store.models.promote(*MODEL, "1", "d1", at=1, reason="first")
    return store


def audited(store: AccountStore) -> list[tuple[str, dict[str, Any]]]:
    entries = [(one.action, dict(one.detail)) for one in store.audit.page(20)]
    return [(action, detail) for action, detail in reversed(entries) if action.startswith("model.shadow")]


def test_a_version_shadows_until_somebody_ends_it(store: AccountStore, database: Database) -> None:
    store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    polled = [(one.outcome, one.version, one.digest, one.share) for one in database.shadows()]

    ended = store.models.end_shadow(*MODEL, at=3)

    assert polled == [("customer", "2", "d2", 0.1)]
    assert (ended, store.models.end_shadow(*MODEL, at=4), database.shadows()) == (True, False, [])
    assert audited(store) == [
        ("model.shadow_started", {"version": "2", "share": 0.1}),
        ("model.shadow_ended", {"version": "2", "reason": "as asked"}),
    ]


def test_another_share_keeps_what_was_found_and_another_version_does_not(store: AccountStore) -> None:
    first = store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    store.models.shadows.put_comparison(first, FOUND)

    more = store.models.start_shadow(*MODEL, "2", 0.5, at=3)
    other = store.models.start_shadow(*MODEL, "3", 0.5, at=4)

    assert (more.share, more.since, more.comparison) == (0.5, 2, FOUND)
    assert (other.since, other.comparison) == (4, None)
    assert store.models.shadows.of(*MODEL) == other


def test_the_same_again_is_not_audited_twice(store: AccountStore) -> None:
    store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    store.models.start_shadow(*MODEL, "2", 0.1, at=3)

    assert len(audited(store)) == 1


@pytest.mark.parametrize(
    ("asked", "refusal", "reason"),
    [
        ((*MODEL, "9"), NotFound, "no version 9"),
        ((*MODEL, "1"), Conflict, "answers itself"),
        (("churn", "churn", "1"), Conflict, "No version of this model answers yet"),
    ],
)
def test_what_cannot_shadow_is_refused(
    store: AccountStore, asked: tuple[str, str, str], refusal: type[Exception], reason: str
) -> None:
    store.models.add(version("1", "churn", "churn"))

    with pytest.raises(refusal, match=reason):
        store.models.start_shadow(*asked, 0.1, at=2)


def test_its_promotion_ends_a_shadow_and_the_audit_keeps_what_was_found(store: AccountStore) -> None:
    store.models.shadows.put_comparison(store.models.start_shadow(*MODEL, "2", 0.1, at=2), FOUND)

    store.models.promote(*MODEL, "2", "d2", at=3, reason="better")

    action, detail = audited(store)[-1]
    assert store.models.shadows.of(*MODEL) is None
    assert (action, detail["version"], detail["reason"]) == ("model.shadow_ended", "2", "promoted")
    assert detail["comparison"]["rank_correlation"] == 0.9


def test_the_promotion_of_another_version_does_not(store: AccountStore) -> None:
    store.models.start_shadow(*MODEL, "2", 0.1, at=2)

    store.models.promote(*MODEL, "3", "d3", at=3, reason="better")

    assert store.models.shadows.of(*MODEL) is not None


def test_a_version_that_the_catalogue_has_no_more_shadows_nothing(store: AccountStore, database: Database) -> None:
    store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    with store._scope.writing() as connection:
        connection.execute(connection.delete(VersionTable).where(VersionTable.version == "2"))

    assert (store.models.shadows.of(*MODEL), database.shadows()) == (None, [])


def test_what_was_found_is_not_kept_for_one_that_has_ended(store: AccountStore) -> None:
    row = store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    store.models.start_shadow(*MODEL, "3", 0.1, at=3)

    store.models.shadows.put_comparison(row, FOUND)

    now = store.models.shadows.of(*MODEL)
    assert now is not None
    assert (now.version, now.comparison) == ("3", None)


def test_of_a_contact_the_first_answers_of_a_day_are_kept(store: AccountStore) -> None:
    row = store.models.start_shadow(*MODEL, "2", 0.1, at=2)

    store.models.shadows.keep([both(probability=0.4), both("b")], since=0)
    store.models.shadows.keep([both(probability=0.9), both(day=2, probability=0.6)], since=0)

    kept = [(one.contact_id, one.day, one.probability) for one in store.models.shadows.predictions(row, "1", limit=9)]
    assert kept == [("a", 2, 0.6), ("a", 1, 0.4), ("b", 1, 0.4)]
    assert len(store.models.shadows.predictions(row, "1", limit=2)) == 2
    assert len(store.models.shadows.predictions(row, "1", limit=9, before=2)) == 2
    assert store.models.shadows.predictions(row, "7", limit=9) == []


def test_who_was_erased_meanwhile_is_left_out(store: AccountStore, database: Database) -> None:
    row = store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    mine = hashing(database.of("default"), b"k" * 32)
    mine.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    mine.privacy.erase("a", at=2)

    left_out = store.models.shadows.keep([both("a"), both("b")], since=0)

    assert left_out == 1
    assert [one.contact_id for one in store.models.shadows.predictions(row, "1", limit=9)] == ["b"]


def test_an_erasure_that_was_cut_short_finds_who_only_a_shadow_speaks_of(
    store: AccountStore, database: Database
) -> None:
    row = store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    mine = hashing(database.of("default"), b"k" * 32)
    mine.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    mine.privacy.erase("a", at=2)
    with mine._scope.writing_predictions() as connection:  # as one who was killed before it looked
        connection.insert(ShadowPredictionTable, [both("a")._asdict(), both("b")._asdict()])

    gone = mine.privacy.erase_late_predictions()

    assert gone == 1
    assert [one.contact_id for one in store.models.shadows.predictions(row, "1", limit=9)] == ["b"]


def test_who_is_no_contact_any_more_is_forgotten(store: AccountStore) -> None:
    row = store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    store.models.shadows.keep([both("a"), both("b")], since=0)

    store.predictions.forget_latest(["a"])

    assert [one.contact_id for one in store.models.shadows.predictions(row, "1", limit=9)] == ["b"]


def test_who_is_held_out_since_is_not_compared(store: AccountStore) -> None:
    row = store.models.start_shadow(*MODEL, "2", 0.1, at=2)
    names = [f"c-{number}" for number in range(6)]
    store.models.shadows.keep([both(name) for name in names], since=0)
    store.experiments.holdouts.create(Holdout("spring", "00" * 16, 0.5, "", "", 5, None))

    found = store.models.shadows.predictions(row, "1", limit=9)

    assert [one.contact_id for one in found] == ["c-1", "c-3"]


def test_old_answers_are_deleted_a_batch_at_a_time(store: AccountStore) -> None:
    store.models.shadows.keep([both("a", asked_at=1), both("b", asked_at=2), both("c", asked_at=9)], since=0)

    gone = [store.models.shadows.delete_before(5, limit=1) for _ in range(3)]

    assert gone == [1, 1, 0]
