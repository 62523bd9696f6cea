from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from shared.registry.artifact import FeatureTable, OutputColumn, number_column

MODEL = SimpleNamespace(
    table_inputs=(number_column("a", example=1.0), number_column("b", example=2.0)),
    table_outputs=(OutputColumn("sum", "double"),),
    answer_table=lambda values: {"sum": np.nan_to_num(values[:, 0]) * 10 + values[:, 1]},
)


def test_columns_in_any_order_are_answered_by_name_under_the_same_index() -> None:
    table = pd.DataFrame({"b": [1.0, 2.0], "extra": ["x", "y"], "a": [3.0, None]}, index=["first", "second"])

    answers = FeatureTable(MODEL).predict(table)

    assert answers.to_dict() == {"sum": {"first": 31.0, "second": 2.0}}


def test_a_column_that_is_not_there_is_missing() -> None:
    answers = FeatureTable(MODEL).predict(pd.DataFrame({"b": [1.0, 2.0]}))

    assert_array_equal(answers["sum"], [1.0, 2.0])
