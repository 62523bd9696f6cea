import pytest

from shared.change_detection.states import LastKnownState, StateMove
from shared.contracts.rows import ContactRow
from shared.store import AccountStore, Database


def standing(contact_id: str = "a", **more: object) -> LastKnownState:
    row = LastKnownState(contact_id, "scoring", "x", "high", 93, "1", "events", "medium", 10)
    return row._replace(**more)  # type: ignore[arg-type]


@pytest.fixture
def store(database: Database) -> AccountStore:
    store = database.of("default")
    store.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    return store


def test_a_standing_is_read_as_it_was_written_and_replaced_by_the_next(store: AccountStore) -> None:
    store.changes.put_states([standing(score=None, previous_state=None), standing(capability="churn")])
    store.changes.put_states([standing(state="low")])

    assert store.changes.states("churn", "x", ["a"]) == {"a": standing(capability="churn")}
    assert store.changes.states("scoring", "x", ["a", "b"]) == {"a": standing(state="low")}
    assert store.changes.states("scoring", "y", ["a"]) == {}


def test_held_standings_are_those_of_contacts_that_exist(store: AccountStore) -> None:
    store.changes.put_states([standing(), standing("gone")])

    assert store.changes.hold_states("scoring", "x", ["gone", "b", "a"]) == {"a": standing(), "b": None}


def test_a_transaction_sees_its_own_standings(store: AccountStore) -> None:
    with store.transaction() as together:
        together.changes.put_states([standing()])

        assert together.changes.hold_states("scoring", "x", ["a"]) == {"a": standing()}


def test_moves_of_a_version_are_counted_since_its_promotion(store: AccountStore) -> None:
    model = {"cause": "model", "version": "2"}
    store.changes.put_states(
        [
            *(standing(f"m{number}", **model) for number in range(3)),
            standing("l1", state="low", **model),
            standing("l2", state="low", **model),
            standing("early", **{**model, "changed_at": 9}),
            standing("other-version", cause="model"),
            standing("by-events", version="2"),
            standing("first", **{**model, "previous_state": None}),
            standing("other-outcome", **{**model, "outcome": "y"}),
        ]
    )

    assert store.changes.moves("scoring", "x", "2", since=10) == [
        StateMove("medium", "high", 3),
        StateMove("medium", "low", 2),
    ]
    assert store.changes.moves("scoring", "x", "2", since=10, limit=1) == [StateMove("medium", "high", 3)]
