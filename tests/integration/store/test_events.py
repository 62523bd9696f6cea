import threading

from shared.contracts.columnar_events import ColumnarEvents
from shared.contracts.rows import EventRow
from shared.store import Database

AT = 1_750_000_000_000_000


def event(event_id: str = "1", contact_id: str = "a", at: int = AT, **others: object) -> EventRow:
    return EventRow(contact_id, event_id, "order_placed", at, AT)._replace(**others)


def test_an_event_is_added_once(database: Database) -> None:
    store = database.of("default")
    rows = [event("2"), event("1"), event("2"), event("2", "b")]

    assert store.events.add(rows) == [True, True, False, True]
    assert store.events.add(rows) == [False] * 4
    assert store.events.counts("a")["order_placed"].events == 2


def test_an_event_never_changes(database: Database) -> None:
    store = database.of("default")
    store.events.add([event(value=1.0)])

    store.events.add([event(value=2.0)])

    assert store.pasts.of(["a"], cutoff=AT + 1, asked_at=AT).events[0][4] == 1.0


def test_an_event_makes_its_contact_known(database: Database) -> None:
    store = database.of("default")

    store.events.add([event(contact_id="new")])

    assert store.contacts.find("new") is not None


def test_the_bulk_path_adds_what_the_other_adds(database: Database) -> None:
    rows = [event(str(number % 50), f"c-{number % 7}", AT + number, value=float(number)) for number in range(500)]
    database.create_account("other", created_at=1)
    one, other = database.of("default"), database.of("other")

    new = sum(one.events.add(rows))

    assert other.events.add_bulk(rows).new == new
    assert other.events.add_bulk(rows).new == 0
    assert [list(map(tuple, part)) for part in other.pasts.scan_events()] == [
        list(map(tuple, part)) for part in one.pasts.scan_events()
    ]
    assert other.events.newest_at() == one.events.newest_at()


def test_the_bulk_path_keeps_each_field_as_it_is_and_nothing_as_null(database: Database) -> None:
    fields = {
        "value": [2.5, -0.0, 1e12], "currency": ["EUR"], "message_id": ["m", "ü"], "campaign_id": ["c"],
        "item": ["i"], "properties": ['{"a":1}'], "human": [0, 1],
    }  # fmt: skip
    rows = [
        event(str(number), f"c-{number % 9}", **{
            name: [None, *values][number * (place + 1) % (len(values) + 1)]
            for place, (name, values) in enumerate(fields.items())
        })
        for number in range(350)
    ]  # fmt: skip
    store = database.of("default")

    store.events.add_bulk(rows)

    kept = [row for number in range(9) for row in store.events.of_contact(f"c-{number}", limit=100)]
    assert sorted(kept, key=lambda row: int(row.event_id)) == rows
    assert [row[0] for row in store.events.types()] == ["order_placed"]
    assert store.events.types()[0].with_value == sum(row.value is not None for row in rows)


def test_the_bulk_path_takes_columns_in_the_order_of_contacts(database: Database) -> None:
    rows = [event(str(number % 40), f"c-{number // 50}", AT + number) for number in range(250)]
    store = database.of("default")

    assert store.events.add_bulk(ColumnarEvents.of_rows(rows)) == (200, 0, frozenset())
    assert store.events.add_bulk(ColumnarEvents.of_rows(rows[:30])) == (0, 0, frozenset())

    assert [at for _, _, _, at, *_ in store.events.of_contact("c-1", limit=1)] == [AT + 89]  # of two, the first


def test_the_newest_event_only_moves_forward_and_not_into_the_future(database: Database) -> None:
    store = database.of("default")
    seen = [store.events.newest_at()]

    for number, at in enumerate((AT - 5, AT - 9, AT + 900)):
        store.events.add([event(str(number), at=at)])
        seen.append(store.events.newest_at())

    assert seen == [None, AT - 5, AT - 5, AT]


def test_event_types_are_counted(database: Database) -> None:
    store = database.of("default")
    store.events.add([event("1", value=1.0), event("2"), event("1", "b"), event("3", type="page_viewed")])

    assert [tuple(row) for row in store.events.types()] == [("order_placed", 3, 2, 1), ("page_viewed", 1, 1, 0)]
    assert tuple(store.events.counts("a")["order_placed"]) == (2, AT, AT)


def test_two_writers_lose_nothing_and_do_not_wait_for_ever(database: Database) -> None:
    added: list[bool] = []

    def write(order: int) -> None:
        for start in range(0, 200, 20):
            rows = [event(str(number), f"c-{number % 11}") for number in range(start, start + 40)]
            added.extend(database.of("default").events.add(rows[::order]))

    writers = [threading.Thread(target=write, args=(order,)) for order in (1, -1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert sum(added) == 220
    assert sum(len(chunk) for chunk in database.of("default").pasts.scan_events()) == 220
