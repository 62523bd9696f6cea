"""In which order the rows of a flat table came: found, named or refused."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.errors import BadRequest
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue
from shared.training.material import Material, framed, order_notes

NOW = 1_790_000_000_000_000
FLAT = Outcome(name="won", capability="scoring", attribute="won", positive="1")
START = date(2024, 1, 1)


def table(*, n: int = 200, created: bool = False, order_by: str | None = None, **columns: Any) -> Material:
    """Rows with an outcome that alternates; each column is a function of the row's number."""
    facts = {}
    for row in range(n):
        named = {"won": str(row % 2), **{name: column(row) for name, column in columns.items()}}
        values = tuple(DatedValue(name, ALWAYS, value, dated=False) for name, value in named.items())
        facts[f"c{row:04d}"] = ContactFacts(created_at=NOW - (400 - row) * DAY if created else None, attributes=values)
    return framed(FLAT, build(list(facts), facts, ()), now=NOW, order_by=order_by)


def day(row: int) -> str:
    return (START + timedelta(days=row)).isoformat()


def test_created_at_gives_the_order_and_later_rows_judge_what_earlier_ones_taught() -> None:
    stuff = table(created=True)

    assert stuff.order is not None
    assert stuff.order.name == "created_at"
    for split in stuff.splits:
        assert split.train.max() < split.test.min()


def test_the_one_date_column_gives_the_order_and_is_reported() -> None:
    stuff = table(first_contact=day)

    assert stuff.order is not None
    assert (stuff.order.name, stuff.order.requested) == ("first_contact", False)
    (note,) = order_notes(stuff)
    assert "in the order of first_contact (found;" in note


@pytest.mark.parametrize("name", ["close_date", "closedOn", "Birth Date", "won_at", "Last Modified", "contract end"])
def test_a_date_that_is_an_end_or_a_birthday_is_no_order(name: str) -> None:
    assert table(**{name: day}).order is None


def test_two_dates_that_could_be_it_are_none_unless_one_is_named() -> None:
    assert table(first_contact=day, signed_up=lambda row: day(300 - row)).order is None

    named = table(first_contact=day, signed_up=lambda row: day(300 - row), order_by="signed_up")
    assert named.order is not None
    assert (named.order.name, named.order.requested) == ("signed_up", True)
    assert named.splits[0].train.min() > named.splits[0].test.max()


def test_none_is_taken_where_none_is_requested() -> None:
    stuff = table(created=True, order_by="none")

    assert stuff.order is None
    assert order_notes(stuff) == []
    assert len(stuff.splits) == 5


def test_the_day_of_one_import_is_no_order() -> None:
    assert table(imported_on=lambda row: day(row // 100)).order is None


@pytest.mark.parametrize("asked", ["plan", "nowhere", "imported_on"])
def test_what_is_no_order_cannot_be_requested(asked: str) -> None:
    with pytest.raises(BadRequest, match="Name another column, or --order-by none"):
        table(plan=lambda _: "pro", imported_on=lambda _: day(0), order_by=asked)


def test_a_row_without_a_date_judges_nothing_and_is_counted() -> None:
    stuff = table(first_contact=lambda row: None if row % 50 == 7 else day(row))

    judged = np.concatenate([split.test for split in stuff.splits])
    assert not set(judged) & {7, 57, 107, 157}
    assert "4 rows have none" in order_notes(stuff)[0]
