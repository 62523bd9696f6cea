from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from shared.contracts.rows import DAY, ItemChange
from shared.errors import Conflict, NotFound
from shared.store import (
    BulkItems,
    ChangedItems,
    Database,
    ImportLease,
    ImportLost,
    ItemCatalogue,
    ItemFilter,
    ItemRow,
)
from shared.store.items import KEPT, Items

TEA = ItemRow("tea", "Green Tea", "drinks", 4.5, "EUR", "https://shop.example/tea", True, True, 10)


def change_of(row: ItemRow) -> ItemChange:
    fields = row._asdict()
    return ItemChange(row.item_id, {name: fields[name] for name in fields if name not in ("item_id", "updated_at")})


def items_of(database: Database, *names: str) -> Items:
    items = database.of("default").items
    items.put([ItemChange(name.lower(), {"name": name}) for name in names], at=10)
    return items


def test_an_item_is_stored_as_it_is_given(database: Database) -> None:
    items = database.of("default").items

    assert items.put([change_of(TEA)], at=10) == ["created"]
    assert items.find("tea") == TEA


def test_a_new_item_with_an_id_alone_is_active_and_in_stock(database: Database) -> None:
    items = database.of("default").items

    items.put([ItemChange("tea", {})], at=10)

    assert items.find("tea") == ItemRow("tea", None, None, None, None, None, True, True, 10)


def test_what_a_change_leaves_out_stays_and_none_takes_away(database: Database) -> None:
    items = database.of("default").items
    items.put([change_of(TEA)], at=10)

    done = items.put([ItemChange("tea", {"price": 5.0, "category": None})], at=20)

    assert done == ["updated"]
    assert items.find("tea") == TEA._replace(price=5.0, category=None, updated_at=20)


def test_what_changes_nothing_leaves_the_revision(database: Database) -> None:
    items = database.of("default").items
    items.put([change_of(TEA)], at=10)

    assert items.put([change_of(TEA)], at=20) == ["unchanged"]
    assert items.delete(["coffee"], at=20) == 0
    assert items.revision() == 10


def test_each_write_moves_the_revision_on_also_where_the_clock_does_not(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee")
    seen = [items.revision()]

    items.put([ItemChange("tea", {"in_stock": False})], at=10)
    seen.append(items.revision())
    items.delete(["coffee"], at=5)
    seen.append(items.revision())

    assert seen == [10, 11, 12]


def test_the_same_item_twice_is_updated_twice(database: Database) -> None:
    items = database.of("default").items

    done = items.put([ItemChange("tea", {"price": 1.0}), ItemChange("a", {}), ItemChange("tea", {"name": "T"})], at=10)

    assert done == ["created", "created", "updated"]
    assert items.find("tea") == ItemRow("tea", "T", None, 1.0, None, None, True, True, 10)


def test_what_only_changes_makes_no_new_item(database: Database) -> None:
    items = items_of(database, "Tea")

    done = items.put([ItemChange("tea", {"price": 1.0}), ItemChange("a", {})], at=20, creates=False)

    assert done == ["updated", "missing"]
    assert items.find("a") is None


def test_the_catalogue_counts_its_items_and_those_that_may_be_recommended(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Milk", "Rice")

    items.put([ItemChange("tea", {"active": False}), ItemChange("milk", {"in_stock": False})], at=20)
    items.put([ItemChange("tea", {"in_stock": False}), ItemChange("tea", {"active": True, "in_stock": True})], at=30)
    items.delete(["coffee", "milk"], at=40)

    assert items.catalogue() == ItemCatalogue(revision=40, items=2, offered=2)


def test_a_view_is_brought_up_to_date_by_what_changed(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Milk")

    items.put([ItemChange("tea", {"active": False})], at=20)
    items.delete(["milk"], at=30)

    changed = items.changed_since(10)
    assert changed is not None
    assert [(row.item_id, row.active) for row in changed.rows] == [("tea", False)]
    assert changed.deleted == ["milk"]
    assert changed.revision == 30
    assert items.changed_since(30) == ChangedItems(30, [], [])


def test_an_item_that_came_back_is_not_among_the_deleted(database: Database) -> None:
    items = items_of(database, "Tea")
    items.delete(["tea"], at=20)

    items.put([ItemChange("tea", {})], at=30)

    changed = items.changed_since(10)
    assert changed is not None
    assert ([row.item_id for row in changed.rows], changed.deleted) == (["tea"], [])


@pytest.mark.parametrize("since", [1, 20 + 2 * KEPT + 1])
def test_a_view_too_old_or_of_an_account_before_is_read_anew(database: Database, since: int) -> None:
    items = items_of(database, "Tea")
    items.delete(["tea"], at=20 + 2 * KEPT)

    assert items.changed_since(since) is None


def test_more_changes_than_the_limit_are_read_anew(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Milk")

    assert items.changed_since(0, limit=2) is None
    assert items.changed_since(0, limit=3) is not None


def test_deleted_items_are_forgotten_after_a_week(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Milk")
    items.delete(["tea"], at=20)
    items.delete(["coffee"], at=7 * DAY)

    items.delete(["milk"], at=7 * DAY + 21)

    changed = items.changed_since(21)
    assert changed is not None
    assert sorted(changed.deleted) == ["coffee", "milk"]
    with database._store.reading() as connection:
        kept = connection.execute(text("SELECT item_id FROM deleted_items ORDER BY item_id"))
        assert [row[0] for row in kept] == ["coffee", "milk"]


def test_deleting_an_item_is_audited(database: Database) -> None:
    items_of(database, "Tea")
    store = database.of("default").acting("key", at=20)

    assert store.items.delete(["tea", "coffee"], at=20) == 1
    assert [(row.action, row.target) for row in store.audit.page(9)] == [("item.deleted", "tea")]


def test_an_account_has_so_many_items_and_no_more(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee")

    with pytest.raises(Conflict, match="at most 2 items"):
        items.put([ItemChange("tea", {"price": 1.0}), ItemChange("milk", {})], at=20, most=2)

    assert items.catalogue() == ItemCatalogue(10, 2, 2)
    assert items.put([ItemChange("tea", {"price": 1.0})], at=20, most=2) == ["updated"]


def test_of_those_who_write_at_once_nobody_is_lost(database: Database) -> None:
    def write(writer: int) -> None:
        for number in range(10):
            database.of("default").items.put([ItemChange(f"{writer}-{number}", {}), ItemChange("shared", {})], at=10)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))

    assert database.of("default").items.catalogue() == ItemCatalogue(revision=39, items=31, offered=31)


def test_a_list_goes_on_where_it_stopped(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Milk")

    first = items.page(2)
    rest = items.page(2, after=ItemFilter().place_of(first[-1]))

    assert [row.item_id for row in first] == ["coffee", "milk"]
    assert [row.item_id for row in rest] == ["tea"]


def test_a_list_is_of_a_category_and_of_what_is_active_or_not(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Rice")
    items.put([ItemChange(one, {"category": "drinks"}) for one in ("tea", "coffee")], at=20)
    items.put([ItemChange(one, {"active": False}) for one in ("tea", "rice")], at=30)

    assert [row.item_id for row in items.page(9, which=ItemFilter(category="drinks"))] == ["coffee", "tea"]
    assert [row.item_id for row in items.page(9, which=ItemFilter(active=False))] == ["rice", "tea"]
    assert [row.item_id for row in items.page(9, which=ItemFilter(category="drinks", active=True))] == ["coffee"]


@pytest.mark.parametrize("limit", [1, 2, 9])
def test_a_search_finds_beginnings_of_ids_and_then_of_names_each_once(database: Database, limit: int) -> None:
    items = database.of("default").items
    names = {"sh-2": "Shoes", "sh-1": "Boots", "a": "shirt", "b": "Shelf", "c": "a shoe", "SH": "Other"}
    items.put([ItemChange(item_id, {"name": name}) for item_id, name in names.items()], at=10)
    which, after, found = ItemFilter(prefix="sh"), None, list[str]()

    while page := items.page(limit, after=after, which=which):
        found += [row.item_id for row in page]
        after = which.place_of(page[-1])

    assert found == ["sh-1", "sh-2", "b", "a"]


def test_an_import_counts_what_it_changed(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee")

    changes = (ItemChange(one, {"name": "Tea"}) for one in ("tea", "coffee", "milk"))
    counted = items.put_bulk(changes, at=20, chunk=2)

    assert counted == BulkItems(created=1, updated=1, unchanged=1)


def test_an_import_that_lost_its_lease_stores_no_item(database: Database) -> None:
    items = database.of("default").items

    with pytest.raises(ImportLost):
        items.put_bulk([change_of(TEA)], at=10, lease=ImportLease("imp_1", "nobody"))

    assert items.revision() == 0


def test_all_items_are_streamed_by_id(database: Database) -> None:
    items = items_of(database, "Tea", "Coffee", "Milk")

    assert [[row.item_id for row in part] for part in items.scan(2)] == [["coffee", "milk"], ["tea"]]


def test_a_write_within_a_transaction_is_undone_with_it(database: Database) -> None:
    store = database.of("default")

    seen = []

    def fail() -> None:
        with store.transaction() as together:
            together.items.put([change_of(TEA)], at=10)
            seen.append(together.items.revision())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert [*seen, store.items.revision()] == [10, 0]


def test_items_of_an_account_that_is_not_there_are_refused(database: Database) -> None:
    with pytest.raises(NotFound, match="nobody"):
        database.of("nobody").items.put([change_of(TEA)], at=10)
