from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

from shared.registry.pyfunc import FeatureTable


class Table:
    """As much of a DataFrame as is used."""

    def __init__(self, columns: dict[str, list[float]]) -> None:
        self.columns = columns

    def __getitem__(self, names: list[str]) -> "Table":
        return Table({name: self.columns[name] for name in names})

    def to_numpy(self, dtype: Any, na_value: float) -> np.ndarray:
        return np.array(list(self.columns.values()), dtype=dtype).T


def test_columns_are_put_in_the_model_s_order() -> None:
    model = SimpleNamespace(columns=("a", "b"), predict_matrix=lambda matrix: matrix[:, 0] * 10 + matrix[:, 1])

    answers = FeatureTable(model).predict(Table({"b": [1.0, 2.0], "extra": [0.0, 0.0], "a": [3.0, 4.0]}))

    assert_array_equal(answers, [31.0, 42.0])
