"""What `mlflow models serve` calls: our model behind a table of features. No MLflow and no pandas in here."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.features.table import InputColumn, OutputColumn, matrix_of


class TableModel(Protocol):
    """A model that answers a table without the store."""

    @property
    def table_inputs(self) -> Sequence[InputColumn]:
        """Columns that it looks at, in the order of the matrix."""

    @property
    def table_outputs(self) -> Sequence[OutputColumn]:
        """Columns that it answers, in order."""

    def answer_table(self, values: NDArray[np.float64]) -> Mapping[str, Any]:
        """Answer a matrix with a column for each of `table_inputs`: the columns of `table_outputs`, shape (n,) each."""


class FeatureTable:
    """A loaded model as MLflow's `python_function` flavour wants it.

    A capability's `model` offers it to MLflow by a function `_load_pyfunc(path)` that returns
    `FeatureTable(<Model>.load(Path(path)))`; `register` names that module as the loader.
    """

    def __init__(self, model: TableModel) -> None:
        self._model = model

    def predict(self, table: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Answer each row.

        Args:
            table: a DataFrame with one column a feature, in any order; cells and whole columns may be missing.
            params: of the flavour's interface; none are known.

        Returns:
            A DataFrame with the same index and the model's `table_outputs`.
        """
        answers = self._model.answer_table(matrix_of(table, self._model.table_inputs))
        named = {column.name: answers[column.name] for column in self._model.table_outputs}
        return type(table)(named, index=table.index)
