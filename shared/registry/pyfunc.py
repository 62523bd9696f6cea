"""What `mlflow models serve` calls: our model behind a table of features. No MLflow and no pandas in here."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class MatrixModel(Protocol):
    """A model that predicts from features."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns it expects, in order."""

    def predict_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n,), from features of shape (n, n_features)."""


class FeatureTable:
    """A loaded model as MLflow's `python_function` flavour wants it.

    A capability's `model.py` offers it to MLflow by a function `_load_pyfunc(path)` that returns
    `FeatureTable(<Model>.load(Path(path)))`; `register` names that module as the loader.
    """

    def __init__(self, model: MatrixModel) -> None:
        self._model = model

    def predict(self, table: Any, params: dict[str, Any] | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Predict a probability for each row.

        Args:
            table: a DataFrame with one column a feature, in any order.
            params: of the flavour's interface; none are known.
        """
        ordered = table[list(self._model.columns)]
        return self._model.predict_matrix(np.ascontiguousarray(ordered.to_numpy(dtype=np.float64, na_value=np.nan)))
