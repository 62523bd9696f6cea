"""An artifact as all see it who do not import MLflow: what names it, how it is fetched, and the table that it answers.

`mlflow models serve` asks a version by a table that people fill in: its features as columns, how cells become numbers,
rows, answers. It holds what a person would write: the name of a category, true or false, a number, or nothing. Numbers
in the column of a category are its codes, as tables of versions before had them. No pandas in here either.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from shared.features.feature import Feature, FeatureSet, as_boolean, as_category, parser_of
from shared.values.words import is_missing


def digest_of(folder: Path) -> str:
    """Hash the names and contents of all files in a folder.

    Args:
        folder: of an artifact; sub-folders are included, the folder's own name is not.

    Returns:
        SHA-256, 64 hexadecimal digits; lengths go in too, so that no two folders read alike.
    """
    whole = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        whole.update(f"{len(name)} {len(content)}\n".encode() + name + content)
    return whole.hexdigest()


class ArtifactRequest(BaseModel):
    """An artifact that is to be brought."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str
    capability: str
    outcome: str
    version: str
    digest: str


class Fetched(BaseModel):
    """What became of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: Literal["fetched", "unavailable", "refused"]
    cause: str = ""


Matrix = NDArray[np.float64]
CellType = Literal["double", "long", "string", "boolean", "any"]
"""As MLflow names them; `any` for true, false or nothing: its server reads nothing in a `boolean` column as false."""
Cell = str | float | bool | None

_MADE_UP = {"events": 3.0, "days": 12.0, "amount": 49.9, "ratio": 0.25, "hour": 9.0, "campaigns": 2.0, "items": 2.0}
"""What stands in an example for a number of a unit."""


@dataclass(frozen=True, slots=True)
class InputColumn:
    """A column of the table that a version answers."""

    name: str
    type: CellType
    read: Callable[[Any], float]
    """From a cell to the number that the model looks at; NaN where nothing stands in it."""
    example: Cell
    """Made up."""
    required: bool = False
    """Whether a row says nothing without it."""


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of what a version answers."""

    name: str
    type: CellType


def input_columns(feature_set: FeatureSet) -> tuple[InputColumn, ...]:
    """Describe each feature as a column, in matrix order."""
    return tuple(_column(feature) for feature in feature_set.features)


def number_column(name: str, *, example: float, required: bool = False) -> InputColumn:
    """Describe a column of numbers."""
    return InputColumn(name, "double", as_float, example, required)


def category_column(name: str, categories: Sequence[str], *, required: bool = False) -> InputColumn:
    """Describe a column with one of some names, coded by their order."""
    place = {category: float(code) for code, category in enumerate(categories)}
    return InputColumn(name, "string", lambda value: as_category(value, place), categories[0], required)


def _column(feature: Feature) -> InputColumn:
    if feature.kind == "categorical":
        return InputColumn(feature.name, "string", parser_of(feature), (*feature.categories, "other")[0])
    if feature.is_categorical:
        return category_column(feature.name, feature.categories or ("other",))
    if feature.kind == "boolean":
        return InputColumn(feature.name, "any", _truth, True)
    return number_column(feature.name, example=_MADE_UP.get(feature.unit, 1.0))


def as_float(value: Any) -> float:
    """Read a number; NaN where there is none.

    >>> as_float(2), as_float(None)
    (2.0, nan)
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _truth(value: Any) -> float:
    return math.nan if is_missing(value) else as_boolean(value)


def matrix_of(table: Any, columns: Sequence[InputColumn]) -> Matrix:
    """Read a table.

    Args:
        table: a DataFrame with the columns in any order; one that is not there is missing in every row.
        columns: those that a model looks at.

    Returns:
        Shape (len(table), len(columns)); NaN where a cell says nothing.
    """
    values = np.full((len(table), len(columns)), np.nan)
    present = set(table.columns)
    for place, column in enumerate(columns):
        if column.name in present:
            values[:, place] = _numbers(table[column.name], column)
    return values


def _numbers(cells: Any, column: InputColumn) -> NDArray[np.float64]:
    if cells.dtype.kind in "iuf":
        return np.asarray(cells.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    read = lru_cache(maxsize=None, typed=True)(column.read)  # a category comes again and again; 1 is not True
    return np.array([math.nan if _is_nothing(cell) else read(cell) for cell in cells.tolist()], dtype=np.float64)


def _is_nothing(cell: Any) -> bool:
    """Whether a cell is None, NaN, or what pandas writes for a missing value: none of these equals itself.

    A list, an object or an array says nothing either: what the service takes holds none.
    """
    if cell is None or not isinstance(cell, Hashable) or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return bool(cell != cell)


def example_rows(columns: Sequence[InputColumn]) -> list[dict[str, Cell]]:
    """Make two rows up: one with everything, one with only what has to be there."""
    return [
        {column.name: column.example for column in columns},
        {column.name: column.example if column.required else None for column in columns},
    ]


class TableModel(Protocol):
    """A model that answers a table without the store."""

    @property
    def table_inputs(self) -> Sequence[InputColumn]:
        """Columns that it looks at, in the order of the matrix."""

    @property
    def table_outputs(self) -> Sequence[OutputColumn]:
        """Columns that it answers, in order."""

    def answer_table(self, values: Matrix) -> Mapping[str, Any]:
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
