"""Times, money and types of events as files write them."""

from typing import Any

import pytest

from shared.errors import BadRequest

EVENT = "contact_id,type,occurred_at"


def test_times_without_a_zone_are_read_with_the_zone_that_is_given(read) -> None:
    text = f"{EVENT}\nc,a,2026-05-03 10:15:00\nc,b,2026-05-03\nc,c,03.05.2026 10:15\nc,d,2026-05-03 10:15:00 +0200\n"

    without, said = read(text, "events"), read(text, "events", timezone="europe/berlin")

    assert [line for line, _ in without.rejects] == [2, 3, 4]
    assert without.rejects[0][1] == "occurred_at is a time without a zone; say --timezone Europe/Berlin"
    assert [row.occurred_at for row in said.rows] == [
        1777796100000000, 1777759200000000, 1777796100000000, 1777796100000000,
    ]  # fmt: skip


def test_day_and_month_either_way_round_are_read_as_the_column_or_the_caller_says(read) -> None:
    one, more = f"{EVENT}\nc,a,05/03/2026\n", f"{EVENT}\nc,a,05/03/2026\nc,a,13/03/2026\n"

    assert "day and month may be either way round" in read(one, "events", timezone="UTC").rejects[0][1]
    assert read(one, "events", timezone="UTC", date_order="mdy").rows[0].occurred_at == 1777766400000000
    assert read(more, "events", timezone="UTC").rows[0].occurred_at == 1772668800000000


def test_numbers_that_count_seconds_are_times_where_all_do(read) -> None:
    assert read(f"{EVENT}\nc,a,1777803300\nc,b,1777803301\n", "events").rows[0].occurred_at == 1777803300000000
    assert "a number alone is no time" in read(f"{EVENT}\nc,a,1777803300\nc,b,x\n", "events").rejects[0][1]


def test_money_is_read_with_its_currency_where_it_is_clear(read) -> None:
    rows = ['"1.234,56 €"', "49.90 EUR", '"(12,50)"', '"1,299"', "NaN", "inf"]
    text = f"{EVENT},value\n" + "".join(f"c,a,2026-05-0{n}T10:00:00Z,{cell}\n" for n, cell in enumerate(rows, 1))

    found, said = read(text, "events"), read(text, "events", decimal="comma")

    assert [(row.value, row.currency) for row in found.rows] == [
        (1234.56, "EUR"), (49.9, "EUR"), (-12.5, None), (None, None),
    ]  # fmt: skip
    assert [line for line, _ in found.rejects] == [5, 7]
    assert said.rows[3].value == 1.299


def test_types_are_written_as_webhooks_write_them_and_own_ones_stay(read) -> None:
    text = "contact_id,Event Type,Timestamp\n" + "".join(
        f"c,{name},2026-05-01T10:00:00Z\n"
        for name in ("Order Placed", "EMAIL_OPENED", "page-viewed", "order_completed")
    )

    assert [row.type for row in read(text, "events").rows] == [
        "order_placed", "email_opened", "page_viewed", "order_completed",
    ]  # fmt: skip


def test_a_field_may_be_the_same_in_every_row(read) -> None:
    text = "Customer ID,Order Date,Total\n7,2026-05-01T10:00:00Z,9.90\n"

    (row,) = read(text, "events", constants={"type": "order_placed"}).rows

    assert (row.contact_id, row.type, row.value) == ("7", "order_placed", 9.9)


@pytest.mark.parametrize(
    "options",
    [
        {"timezone": "Mars/X"}, {"date_order": "ydm"}, {"decimal": "dot"}, {"constants": {"colour": "red"}},
        {"renames": {"a": "id", "b": "id"}},
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(read, options: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read("id,a,b\n1,2,3\n", **options)


def test_no_sentence_about_a_row_holds_a_pattern_or_the_row(read) -> None:
    text = f"{EVENT},value,currency,human,message_id\n,日本,soon,x,EURO,perhaps,{'m' * 300}\n"

    ((_, reason),) = read(text, "events").rejects

    assert reason == (
        "type is refused: the event's name has no letter of a to z and no digit; occurred_at is refused: it is not a "
        "time; value is refused: it is not a number; human is neither true nor false"
    )
