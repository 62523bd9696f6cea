from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.columnar_events import ColumnarEvents
from shared.contracts.rows import EventRow

optional = st.none() | st.text(max_size=2)
rows = st.builds(
    EventRow,
    *(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3), st.integers(), st.integers()),
    *(st.none() | st.floats(allow_nan=False), optional, optional, optional, optional, optional),
    st.sampled_from([None, 0, 1]),
)


@given(st.lists(rows, max_size=6), st.integers(0, 7), st.integers(0, 7))
def test_columns_hold_the_rows_that_they_were_made_of(given_rows: list[EventRow], start: int, stop: int) -> None:
    columns = ColumnarEvents.of_rows(given_rows)

    assert list(columns) == given_rows
    assert len(columns) == len(given_rows)
    assert [columns[place] for place in range(len(columns))] == given_rows
    assert list(columns[start:stop]) == given_rows[start:stop]
    assert len(columns[start:stop]) == len(given_rows[start:stop])


@given(st.lists(st.tuples(rows, st.booleans()), max_size=6))
def test_chosen_events_are_kept_in_order(chosen: list[tuple[EventRow, bool]]) -> None:
    columns = ColumnarEvents.of_rows([row for row, _ in chosen])

    kept = columns.only([keep for _, keep in chosen])

    assert list(kept) == [row for row, keep in chosen if keep]
    assert len(kept) == len(list(kept))


def test_a_field_that_no_event_has_is_no_column() -> None:
    columns = ColumnarEvents.of_rows([EventRow("a", "1", "x", 5, 6, item="i"), EventRow("b", "2", "x", 7, 8)])

    assert columns.values.keys() == {"contact_id", "event_id", "type", "occurred_at", "recorded_at", "item"}
    assert columns.column("item") == ("i", None)
    assert columns.column("value") == [None, None]
