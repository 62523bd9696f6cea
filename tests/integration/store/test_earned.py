"""What decisions earned, read from the store part by part."""

from shared.contracts.decision import DecisionRow
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, EventRow
from shared.decisions.account_rewards import earned, joined
from shared.store import AccountStore, Database

MAY = 1_777_593_600_000_000
CLICKED = Outcome(name="clicked", capability="scoring", event_types=("email_clicked",), horizon_days=7)


def decision(id_: str, day: int, contact: str, *, outcome: str = "clicked") -> DecisionRow:
    return DecisionRow(id_, contact, outcome, "", "", "tea", "policy", 0.5, ("cake", "tea"), "1", MAY + day * DAY)


def clicked(id_: str, day: int, contact: str, message: str | None = None) -> EventRow:
    at = MAY + day * DAY
    return EventRow(contact, id_, "email_clicked", at, at, message_id=message, human=1)


def filled(database: Database, decisions: list[DecisionRow], events: list[EventRow]) -> AccountStore:
    store = database.of("default")
    store.experiments.decisions.decide(
        [row.contact_id for row in decisions], lambda _, __: decisions, outcome="clicked", since=0
    )
    store.events.add(events)
    return store


def test_contacts_are_never_cut_however_small_the_parts(database: Database) -> None:
    rows = [decision(f"d-{contact}{day}", day, contact) for contact in "abc" for day in (1, 3, 5)]
    store = filled(database, rows, [clicked("e-1", 4, "b"), clicked("e-2", 6, "c", "d-c1")])

    parts = list(earned(store, CLICKED, MAY, MAY + 20 * DAY, now=MAY + 30 * DAY, part=2))
    columns, reward, _ = joined(parts)

    assert [{row.contact_id for row in one.rows} for one in parts] == [{"a"}, {"b"}, {"c"}]
    earned_by = dict(zip(columns.ids, reward.tolist(), strict=True))
    assert len(earned_by) == 9
    assert {name for name, one in earned_by.items() if one} == {"d-b3", "d-c1"}


def test_an_event_of_a_decision_outside_the_window_or_about_something_else_counts_for_no_other(
    database: Database,
) -> None:
    rows = [decision("d-old", -1, "a"), decision("d-1", 1, "a"), decision("d-sale", 2, "a", outcome="sale")]
    store = filled(database, rows, [clicked("e-1", 3, "a", "d-old"), clicked("e-2", 3, "a", "d-sale")])

    columns, reward, _ = joined(earned(store, CLICKED, MAY, MAY + 5 * DAY, now=MAY + 30 * DAY))

    assert (columns.ids, reward.tolist()) == (("d-1",), [0.0])


def test_without_decisions_nothing_is_read(database: Database) -> None:
    columns, reward, _ = joined(earned(database.of("default"), CLICKED, MAY, MAY + DAY, now=MAY + 2 * DAY))

    assert (len(columns), reward.tolist()) == (0, [])
