import threading

from shared.contracts.rows import ALWAYS, AttributeRow, ContactRow
from shared.store import Database
from shared.timeline import DatedValue


def attribute(value: object, valid_from: int | None = None, name: str = "plan") -> AttributeRow:
    return AttributeRow(name, value, valid_from)


def put(database: Database, *rows: ContactRow, at: int = 1_000) -> list[str]:
    return database.of("default").contacts.put(rows, recorded_at=at)


def values(database: Database, contact_id: str = "a") -> list[tuple[str, int, object, bool]]:
    contact = database.of("default").contacts.find(contact_id)
    assert contact is not None
    return [(value.name, value.valid_from, value.value, value.dated) for value in contact.attributes]


def test_a_contact_is_created_then_unchanged_then_updated(database: Database) -> None:
    row = ContactRow("a", 5, "Europe/Paris", {"profiling": "granted"}, "hash", (attribute("pro", 10),))

    first, second = put(database, row), put(database, row, at=2_000)
    third = put(database, row._replace(timezone="Europe/Rome"), at=3_000)

    assert (first, second, third) == (["created"], ["unchanged"], ["updated"])


def test_what_a_row_leaves_out_stays(database: Database) -> None:
    put(database, ContactRow("a", 5, "Europe/Paris", {"profiling": "denied"}, None, (attribute("pro", 10),)))

    put(database, ContactRow("a"))

    contact = database.of("default").contacts.find("a")
    assert contact is not None
    assert (contact.created_at, contact.timezone, contact.consent) == (5, "Europe/Paris", {"profiling": "denied"})


def test_an_unchanged_value_sent_again_makes_no_row(database: Database) -> None:
    put(database, ContactRow("a", attributes=(attribute("pro", 10),)))

    done = put(database, ContactRow("a", attributes=(attribute("pro", 20),)), at=2_000)

    assert done == ["unchanged"]
    assert values(database) == [("plan", 10, "pro", True)]


def test_a_changed_value_keeps_the_earlier_one(database: Database) -> None:
    put(database, ContactRow("a", attributes=(attribute("free", 10),)))

    put(database, ContactRow("a", attributes=(attribute("pro", 20),)), at=2_000)

    assert values(database) == [("plan", 10, "free", True), ("plan", 20, "pro", True)]


def test_a_correction_of_the_same_instant_wins_and_can_be_replayed(database: Database) -> None:
    put(database, ContactRow("a", attributes=(attribute("free", 10),)), at=1_000)
    put(database, ContactRow("a", attributes=(attribute("pro", 10),)), at=2_000)
    store = database.of("default")

    before = tuple(store.pasts.of(["a"], cutoff=99, asked_at=1_500).facts["a"].attributes)
    after = tuple(store.pasts.of(["a"], cutoff=99, asked_at=2_500).facts["a"].attributes)

    assert before == (DatedValue("plan", 10, "free"),)
    assert after == (DatedValue("plan", 10, "pro"),)


def test_an_undated_value_counts_from_creation_and_says_that_it_is_undated(database: Database) -> None:
    put(database, ContactRow("a", 5, attributes=(attribute("pro"),)), ContactRow("b", attributes=(attribute("pro"),)))

    assert values(database, "a") == [("plan", 5, "pro", False)]
    assert values(database, "b") == [("plan", ALWAYS, "pro", False)]


def test_a_date_for_an_undated_value_is_news(database: Database) -> None:
    put(database, ContactRow("a", attributes=(attribute("pro"),)))

    assert put(database, ContactRow("a", attributes=(attribute("pro", 20),)), at=2_000) == ["updated"]
    assert values(database) == [("plan", ALWAYS, "pro", False), ("plan", 20, "pro", True)]


def test_a_static_attribute_has_its_newest_value_at_any_cutoff(database: Database) -> None:
    put(database, ContactRow("a", 500, attributes=(attribute("free"), attribute(3, 600, "size"))))
    put(database, ContactRow("a", attributes=(attribute("pro"),)), at=2_000)
    store = database.of("default")

    store.contacts.declare_static(["plan"])

    assert store.contacts.static_attributes() == {"plan"}
    assert tuple(store.pasts.of(["a"], cutoff=10, asked_at=9_000).facts["a"].attributes) == (
        DatedValue("plan", ALWAYS, "pro", dated=True),
    )


def test_all_attributes_can_be_static(database: Database) -> None:
    put(database, ContactRow("a", 500, attributes=(attribute("free"), attribute(3, 600, "size"))))
    store = database.of("default")

    store.contacts.declare_static("all")

    assert store.contacts.static_attributes() == "all"
    assert values(database) == [("plan", ALWAYS, "free", True), ("size", ALWAYS, 3, True)]


def test_the_same_contact_twice_in_one_call_is_updated_in_order(database: Database) -> None:
    first = ContactRow("a", attributes=(attribute("free", 10),))
    second = ContactRow("a", attributes=(attribute("pro", 10),))

    assert put(database, first, second, first._replace(timezone="Asia/Tokyo")) == ["created", "updated", "updated"]
    assert values(database) == [("plan", 10, "free", True)]


def test_every_json_scalar_comes_back_as_it_was(database: Database) -> None:
    sent = {"text": "é\u0001", "whole": 7, "real": 0.1, "yes": True, "nothing": None}
    put(database, ContactRow("a", attributes=tuple(attribute(value, 1, name) for name, value in sent.items())))

    assert {name: value for name, _, value, _ in values(database)} == sent


def test_contacts_are_listed_by_id_and_continue_after_one(database: Database) -> None:
    put(database, *(ContactRow(name) for name in ("b", "B", "a", "é", "10", "9")))
    store = database.of("default")

    first = [contact.contact_id for contact in store.contacts.page(3)]
    rest = [contact.contact_id for contact in store.contacts.page(10, after=first[-1])]

    assert first + rest == ["10", "9", "B", "a", "b", "é"]


def test_an_identity_that_comes_to_another_contact_counts_as_a_change(database: Database) -> None:
    put(database, ContactRow("a", email_hash="hash"), ContactRow("b"))

    assert put(database, ContactRow("b", email_hash="hash")) == ["updated"]
    assert put(database, ContactRow("b", email_hash="hash")) == ["unchanged"]


def test_thousands_of_contacts_are_put_and_counted(database: Database) -> None:
    rows = [ContactRow(f"c-{number}", attributes=(attribute(number, 1),)) for number in range(2_500)]
    store = database.of("default")

    first = store.contacts.put_bulk(iter(rows), recorded_at=1, chunk=2_000)
    second = store.contacts.put_bulk(iter(rows), recorded_at=2)

    assert (first.created, first.updated, first.unchanged) == (2_500, 0, 0)
    assert (second.created, second.updated, second.unchanged) == (0, 0, 2_500)
    assert len(store.contacts.page(2_500)) == 2_500


def test_writers_that_put_the_same_contacts_in_opposite_orders_both_finish(database: Database) -> None:
    rows = [ContactRow(f"c-{number}", email_hash=f"h-{number}") for number in range(2_200)]
    done: list[str] = []

    def write(step: int, at: int) -> None:
        done.extend(put(database, *rows[::step], at=at))

    writers = [threading.Thread(target=write, args=given) for given in ((1, 1_000), (-1, 2_000))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert (done.count("created"), done.count("unchanged")) == (2_200, 2_200)
