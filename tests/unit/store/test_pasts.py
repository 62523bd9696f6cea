from typing import Any

from shared.contracts.rows import ALWAYS
from shared.store.pasts import values_by_contact
from shared.timeline import DatedValue


def row(name: str, valid_from: int, value: str, *, dated: bool = True) -> tuple[Any, ...]:
    return ("a", name, valid_from, value, dated)


def values(rows: list[tuple[Any, ...]], **given: Any) -> Any:
    return values_by_contact(rows, **{"static": (), "all_static": False, **given})


def test_a_cutoff_hides_values_valid_from_it_on() -> None:
    rows = [row("plan", 5, '"a"'), row("plan", 9, '"b"')]

    assert values(rows, cutoff=9) == {"a": ((DatedValue("plan", 5, "a"),), frozenset())}


def test_the_last_recorded_value_of_an_instant_is_the_one() -> None:
    rows = [row("plan", 5, '"old"'), row("plan", 5, '"new"')]

    assert values(rows) == {"a": ((DatedValue("plan", 5, "new"),), frozenset())}


def test_a_static_name_has_one_value_that_always_held() -> None:
    rows = [row("plan", 5, '"a"'), row("plan", 9, '"b"', dated=False), row("size", 9, "1")]

    assert values(rows, static=("plan",), cutoff=3) == {
        "a": ((DatedValue("plan", ALWAYS, "b", dated=True),), frozenset())
    }


def test_every_contact_has_its_own_values() -> None:
    rows = [row("plan", 5, '"a"'), ("b", "plan", 5, '"a"', True), ("b", "size", 6, "2", False)]

    assert values(rows) == {
        "a": ((DatedValue("plan", 5, "a"),), frozenset()),
        "b": ((DatedValue("plan", 5, "a"), DatedValue("size", 6, 2, dated=False)), frozenset()),
    }


def test_a_name_is_unreadable_while_its_last_value_is() -> None:
    too_long = "9" * 309
    rows = [row("plan", 5, too_long), row("plan", 9, '"b"'), row("size", 5, "1"), row("size", 9, too_long)]

    ((_, unreadable),) = values(rows).values()

    assert unreadable == {"size"}
