"""The catalogue as a service knows it: any change is seen by the next call, and what did not change is not read."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.api.offers import MOST_OF_ONE, KnownOffers
from shared.errors import StoreUnavailable
from shared.store import ChangedItems, ItemRow

CODES = {f"i-{number}": number for number in range(5)}
CHANGES = st.lists(
    st.tuples(st.sampled_from([*CODES, "unknown"]), st.booleans(), st.booleans(), st.sampled_from(["put", "delete"])),
    max_size=12,
)


class FakeItems:
    """A catalogue in memory, that counts how often it is read whole."""

    def __init__(self) -> None:
        self.rows: dict[str, ItemRow] = {}
        self.deleted: dict[str, int] = {}
        self.now = 0
        self.scans = 0
        self.away = False

    def put(self, item_id: str, *, active: bool = True, in_stock: bool = True, category: str | None = None) -> None:
        self.now += 1
        self.deleted.pop(item_id, None)
        self.rows[item_id] = ItemRow(item_id, None, category, None, None, None, active, in_stock, self.now)

    def delete(self, item_id: str) -> None:
        self.now += 1
        if self.rows.pop(item_id, None):
            self.deleted[item_id] = self.now

    def revision(self) -> int:
        if self.away:
            raise StoreUnavailable("away")
        return self.now

    def scan(self) -> Iterator[list[ItemRow]]:
        self.scans += 1
        yield list(self.rows.values())

    def changed_since(self, revision: int) -> ChangedItems | None:
        if not revision:
            return None
        rows = [row for row in self.rows.values() if row.updated_at > revision]
        return ChangedItems(self.now, rows, [name for name, at in self.deleted.items() if at > revision])


@given(changes=CHANGES)
def test_the_next_call_sees_every_change_of_the_catalogue(changes: list[tuple[str, bool, bool, str]]) -> None:
    items, known = FakeItems(), KnownOffers()
    for name, active, in_stock, what in changes:
        if what == "put":
            items.put(name, active=active, in_stock=in_stock, category="odd" if active else None)
        else:
            items.delete(name)

        offer = known.of("demo", items, CODES)

        assert offer is not None
        hidden = {row.item_id for row in items.rows.values() if not row.offered}
        assert [not offer.open[code] for code in CODES.values()] == [name in hidden for name in CODES]
        odd = {row.item_id for row in items.rows.values() if row.category == "odd"}
        assert offer.of_category({"odd"}).tolist() == [name in odd for name in CODES]
    assert items.scans <= 1


def test_without_a_catalogue_there_is_no_offer() -> None:
    assert KnownOffers().of("demo", FakeItems(), CODES) is None


def test_while_the_store_is_away_the_last_known_catalogue_holds() -> None:
    items, known = FakeItems(), KnownOffers()
    items.put("i-1", active=False)
    before = known.of("demo", items, CODES)
    items.away = True

    assert known.of("demo", items, CODES) is before
    with pytest.raises(StoreUnavailable):
        known.of("other", items, CODES)


def test_old_versions_are_forgotten() -> None:
    items, known = FakeItems(), KnownOffers()
    items.put("i-1")
    versions = [dict(CODES) for _ in range(MOST_OF_ONE + 1)]
    for codes in versions:
        known.of("demo", items, codes)

    known.of("demo", items, versions[-1])
    assert items.scans == MOST_OF_ONE + 1
    known.of("demo", items, versions[0])
    assert items.scans == MOST_OF_ONE + 2
