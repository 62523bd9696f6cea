from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from shared.features import Feature, FeatureSet
from shared.registry.artifact import Cell, example_rows, input_columns, matrix_of

PLAN = Feature("plan", "categorical", "category", "plan", attribute="plan", categories=("1", "Pro"), ignores_case=True)
DAY = Feature("day", "last_weekday", "category", "day", categories=("Monday", "Tuesday"))
LETTERS = Feature("letters", "boolean", "yes/no", "letters", attribute="letters")
ORDERS = Feature("orders", "count", "events", "orders", "order_placed", window_days=30)
NAN = float("nan")


def read(feature: Feature, cells: list[Cell] | pd.Series) -> list[float]:
    column = cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object)
    return matrix_of(pd.DataFrame({feature.name: column}), input_columns(FeatureSet((feature,))))[:, 0].tolist()


@pytest.mark.parametrize(
    ("feature", "cells", "numbers"),
    [
        (PLAN, ["1", " PRO ", "gold", None, "n/a", NAN], [0.0, 1.0, 2.0, NAN, NAN, NAN]),
        (PLAN, [1, True], [0.0, 2.0]),
        (DAY, ["Tuesday", "Sunday", None], [1.0, 2.0, NAN]),
        (LETTERS, [True, False, None, "yes", 0], [1.0, 0.0, NAN, 1.0, 0.0]),
        (ORDERS, [3, 2.5, None], [3.0, 2.5, NAN]),
    ],
    ids=["names", "a number is a name too", "weekday", "truth", "number"],
)
def test_cells_are_read_as_people_write_them(feature: Feature, cells: list[Cell], numbers: list[float]) -> None:
    assert_array_equal(read(feature, cells), numbers)


def test_a_column_of_numbers_holds_codes_as_versions_before_had_them() -> None:
    assert_array_equal(read(PLAN, pd.Series([1.0, NAN, 0.0])), [1.0, NAN, 0.0])


def test_missing_values_of_pandas_are_missing() -> None:
    assert_array_equal(read(PLAN, pd.Series(["Pro", pd.NA], dtype="string")), [1.0, NAN])
    assert_array_equal(read(LETTERS, pd.Series([True, pd.NA], dtype="boolean")), [1.0, NAN])


@pytest.mark.parametrize("cell", [[1], {"a": 1}, np.array([1, 2]), 10**400, b"x", 1j])
def test_a_cell_that_no_row_may_hold_says_nothing(cell: Any) -> None:
    column = pd.Series([cell, "3"], dtype=object)

    assert_array_equal(read(ORDERS, column), [NAN, 3.0])
    assert_array_equal(read(LETTERS, column), [NAN, NAN])


def test_the_made_up_rows_are_one_with_everything_and_one_with_nothing() -> None:
    full, empty = example_rows(input_columns(FeatureSet((PLAN, LETTERS, ORDERS))))

    assert full == {"plan": "1", "letters": True, "orders": 3.0}
    assert empty == {"plan": None, "letters": None, "orders": None}


def test_what_no_column_says_is_nan() -> None:
    values = matrix_of(pd.DataFrame({"orders": [1.0]}), input_columns(FeatureSet((PLAN, ORDERS))))

    assert_array_equal(values, np.array([[NAN, 1.0]]))
