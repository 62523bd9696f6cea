"""What the data report reads of an account, on both databases."""

from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.data_report import data_report
from shared.store import DailyCount, Database
from tests.stores import hashing

NOW = 20_000 * DAY


def event(contact_id: str, event_id: str, day: int, human: int | None = None, **more: object) -> EventRow:
    return EventRow(contact_id, event_id, "email_clicked", day * DAY + 5, NOW, human=human, **more)  # type: ignore[arg-type]


def test_a_sample_leaves_out_who_denied_profiling_and_takes_every_so_manieth(database: Database) -> None:
    store = database.of("default")
    store.contacts.put([ContactRow(f"c-{number}") for number in range(6)], recorded_at=NOW)
    store.contacts.put([ContactRow("c-6", consent={"profiling": "denied"})], recorded_at=NOW)

    assert store.data_report.sample(10).contact_ids == ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5"]
    assert store.data_report.sample(3).contact_ids == ["c-0", "c-2", "c-4"]
    assert store.data_report.sample(4).contact_ids == ["c-0", "c-2", "c-4"]


def test_events_are_counted_by_type_day_and_maker_up_to_an_instant(database: Database) -> None:
    store = database.of("default")
    rows = [
        event("c-1", "e-1", 100, 1),
        event("c-2", "e-1", 100, 1),
        event("c-1", "e-2", 101, 0),
        event("c-1", "e-3", 102),
    ]
    store.events.add([*rows, event("c-1", "e-4", 20_001)])

    found = store.data_report.daily_counts(["c-1", "c-2"], until=NOW)

    assert sorted(found, key=lambda one: one.day) == [
        DailyCount("email_clicked", 100, True, 2),
        DailyCount("email_clicked", 101, False, 1),
        DailyCount("email_clicked", 102, None, 1),
    ]


def test_orders_are_counted_once_however_many_lines_they_have(database: Database) -> None:
    store = database.of("default")
    lines = [
        EventRow(who, f"{day}-{line}", "order_placed", day * DAY + 5, NOW, value=2.0, item=f"i-{line}")
        for who, day in (("c-1", 100), ("c-1", 101), ("c-2", 101), ("c-1", 20_001))
        for line in range(4)
    ]
    store.events.add([*lines, event("c-1", "e-1", 100)])

    found = store.data_report.daily_orders(["c-1", "c-2"], ["order_placed", "deal_won"], until=NOW)

    assert sorted(found, key=lambda one: one.day) == [
        DailyCount("order_placed", 100, None, 1),
        DailyCount("order_placed", 101, None, 2),
    ]


def test_a_report_counts_lines_and_orders(database: Database) -> None:
    store = database.of("default")
    store.contacts.put([ContactRow(f"c-{number:02}") for number in range(30)], recorded_at=NOW)
    store.events.add(
        [
            EventRow(
                f"c-{who:02}", f"{who}-{line}", "order_placed", (19_000 + who) * DAY, NOW, value=2.0, item=f"{line}"
            )
            for who in range(30)
            for line in range(5)
        ]
    )

    report = data_report(store, now=NOW)

    (finding,) = (one for one in report.findings if one.code == "orders_by_line")
    assert finding.found == "Some orders have several lines: 150 order_placed are 30 orders."
    assert [(one.type, one.events) for one in report.event_types] == [("order_placed", 150)]


def test_events_that_differ_in_their_ids_alone_are_repeated(database: Database) -> None:
    store = database.of("default")
    store.events.add([event("c-1", f"e-{number}", 100, value=9.5, properties='{"a": 1}') for number in range(3)])
    store.events.add([event("c-1", "e-8", 100, value=9.5), event("c-2", "e-9", 100, value=9.5, properties='{"a": 1}')])

    assert store.data_report.repeated_events(["c-1", "c-2"]) == 2


def test_an_address_that_two_contacts_have_is_shared_until_they_are_one(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("c-1"), ContactRow("c-2")], recorded_at=NOW)
    store.identities.point({("email", "h-1"): "c-1", ("email", "h-2"): "c-1"}, at=NOW)
    store.identities.point({("email", "h-1"): "c-2"}, at=NOW + 1)

    before = store.data_report.shared_addresses()
    store.contacts.merge("c-1", "c-2", at=NOW + 2)

    assert (before, store.data_report.shared_addresses()) == (1, 0)


def test_a_report_is_made_of_one_account_alone(database: Database) -> None:
    database.create_account("other", created_at=NOW)
    database.of("other").contacts.put([ContactRow(f"c-{number}") for number in range(50)], recorded_at=NOW)
    database.of("other").events.add([event(f"c-{number}", "e-1", 19_990, 1) for number in range(50)])

    mine, others = (data_report(database.of(name), now=NOW) for name in ("default", "other"))

    assert [one.code for one in mine.findings] == ["no_contacts"]
    assert (others.contacts.total, others.contacts.with_events) == (50, 1.0)
    assert [(one.type, one.events) for one in others.event_types] == [("email_clicked", 50)]
