from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.store import ContactGroup, Database

AT = 1_750_000_000_000_000


def event(event_id: str = "1", contact_id: str = "a", at: int = AT, **others: object) -> EventRow:
    return EventRow(contact_id, event_id, "order_placed", at, AT)._replace(**others)


def test_a_past_has_only_what_was_before_the_cutoff_and_recorded_by_then(database: Database) -> None:
    store = database.of("default")
    store.events.add(
        [
            event("before", at=AT - 1),
            event("at", at=AT),
            event("old", at=AT - 731 * DAY),
            event("late", at=AT - 2, recorded_at=AT + 5),
        ]
    )

    asked_early = store.pasts.of(["a"], cutoff=AT, asked_at=AT).events
    asked_late = store.pasts.of(["a"], cutoff=AT, asked_at=AT + 5).events

    assert [row[1] for row in asked_early] == ["before"]
    assert {row[1] for row in asked_late} == {"before", "late"}


def test_events_of_chosen_types_are_found_whatever_their_age_and_apart(database: Database) -> None:
    store = database.of("default")
    store.events.add(
        [
            event("new", at=AT - 1),
            event("old", at=AT - 731 * DAY),
            event("other", at=AT - 731 * DAY, type="form_submitted"),
            event("late", at=AT - 731 * DAY, recorded_at=AT + 5),
        ]
    )

    past = store.pasts.of(["a"], cutoff=AT, asked_at=AT, always=["order_placed"])

    assert [row[1] for row in past.events] == ["new"]
    assert [row[1] for row in past.older] == ["old"]


def test_a_past_carries_every_column_that_features_need(database: Database) -> None:
    store = database.of("default")
    full = event(value=2.5, currency="EUR", message_id="m", campaign_id="c", item="i", properties="{}", human=0)
    store.events.add([full])

    (row,) = store.pasts.of(["a"], cutoff=AT + 1, asked_at=AT).events

    assert tuple(row) == ("a", "1", "order_placed", AT, 2.5, "m", "c", "i", 0)


def test_pasts_of_thousands_of_contacts_are_complete(database: Database) -> None:
    store = database.of("default")
    ids = [f"c-{number}" for number in range(2_100)]
    store.events.add([event(contact_id=contact_id) for contact_id in ids])

    past = store.pasts.of([*ids, ids[0], "unknown"], cutoff=AT + 1, asked_at=AT)

    assert len(past.events) == 2_100
    assert past.facts.keys() == set(ids)


def test_training_streams_events_in_chunks_ordered_by_contact(database: Database) -> None:
    store = database.of("default")
    store.events.add([event(str(number), f"c-{number % 3}") for number in range(10)])

    chunks = list(store.pasts.scan_events(chunk=4))

    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert [row[0] for chunk in chunks for row in chunk] == ["c-0"] * 4 + ["c-1"] * 3 + ["c-2"] * 3


def test_contacts_are_counted_by_what_is_known_of_them(database: Database) -> None:
    store = database.of("default")
    known = ContactRow("c-1", 5, "Europe/Paris", consent={"profiling": "granted"})
    store.contacts.put([known, ContactRow("c-2"), ContactRow("c-3")], recorded_at=9)

    assert sorted(store.pasts.groups(), key=lambda one: one.contacts) == [
        ContactGroup({"profiling": "granted"}, True, True, 1),
        ContactGroup({}, False, False, 2),
    ]
