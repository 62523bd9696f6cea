"""The table that a version answers without the store: the items that somebody bought, and how long ago each was."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.history import Bought
from shared.registry.artifact import InputColumn, OutputColumn, category_column, number_column

MOST_BOUGHT = 10
"""Purchases of a row, and items of its answer."""
UNDATED_DAYS = 1.0
"""How long ago a purchase was of which no time is given."""


@lru_cache(maxsize=8)
def table_inputs(items: Sequence[str]) -> tuple[InputColumn, ...]:
    """Describe a row: items, and how many days ago each was bought."""
    named = category_column("", items)
    columns = []
    for place in range(1, MOST_BOUGHT + 1):
        columns.append(InputColumn(f"bought_{place}", "string", named.read, items[(place - 1) % len(items)]))
        columns.append(number_column(f"days_ago_{place}", example=float(7 * place)))
    return tuple(columns)


def table_outputs() -> tuple[OutputColumn, ...]:
    """Describe an answer: items, and the chance of each."""
    columns = []
    for place in range(1, MOST_BOUGHT + 1):
        columns += [OutputColumn(f"item_{place}", "string"), OutputColumn(f"score_{place}", "double")]
    return tuple(columns)


def bought_in_table(values: NDArray[np.float64]) -> Bought:
    """Read rows with the columns of `table_inputs` as purchases."""
    item, age = values[:, 0::2], values[:, 1::2]
    owner, place = np.nonzero(~np.isnan(item))
    code = item[owner, place].astype(np.int64)
    ago = np.nan_to_num(age[owner, place], nan=UNDATED_DAYS)
    order = np.lexsort((ago, code, owner))
    owner, code, ago = owner[order], code[order], ago[order]
    first = np.ones(len(owner), dtype=bool)
    first[1:] = (owner[1:] != owner[:-1]) | (code[1:] != code[:-1]) | (ago[1:] != ago[:-1])
    return Bought(owner[first], code[first], ago[first])
