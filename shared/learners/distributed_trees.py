"""Trees grown on rows that lie on the workers of a Dask cluster, by `lightgbm.dask`: more than one machine holds."""

import re
import warnings
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from shared.learners.simple import Columns
from shared.learners.trees import Trees, TreeShape

_OF_THE_CLUSTER: Final = re.compile(r"^\[(machines|local_listen_port|machine_list_filename|num_machines): .*\]\n", re.M)
PORT: Final = 12_400
"""Where workers reach each other while trees grow, if each has a machine of its own; else any free one."""
_OWN: Final = ("num_threads", "force_row_wise")
"""What each worker decides for itself."""


def fit_on_workers(
    client: Any, parts: Sequence[Any], columns: Columns, *, shape: TreeShape, rounds: int, seed: int
) -> Trees:
    """Grow a fixed number of trees on all parts together.

    The sums of many machines are not added in one order, so that two runs may differ in their last digits.

    Args:
        client: of the cluster.
        parts: futures of (matrix, labels), none of them empty.
        columns: names and which are categories.
        shape: size and speed.
        rounds: how many trees.
        seed: of the row and column samples.
    """
    import dask.array
    from dask import delayed
    from lightgbm.dask import DaskLGBMRegressor  # of any objective: no classes are looked up, margins are the same

    first, second = delayed(_matrix, pure=False), delayed(_labels, pure=False)
    width = len(columns)
    rows = [dask.array.from_delayed(first(part), shape=(np.nan, width), dtype=np.float64) for part in parts]
    labels = [dask.array.from_delayed(second(part), shape=(np.nan,), dtype=np.float64) for part in parts]
    parameters = {name: value for name, value in shape.parameters(seed, rows=0).items() if name not in _OWN}
    hosts = [urlsplit(address).hostname for address in client.scheduler_info()["workers"]]
    if len({*hosts}) == len(hosts):
        parameters["local_listen_port"] = PORT
    model = DaskLGBMRegressor(client=client, n_estimators=max(1, rounds), tree_learner="data", **parameters)
    with client.as_current(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored", UserWarning)
        model.fit(
            dask.array.concatenate(rows, allow_unknown_chunksizes=True),
            dask.array.concatenate(labels, allow_unknown_chunksizes=True),
            feature_name=[f"f{position}" for position in range(width)],
            categorical_feature=list(columns.categorical),
        )
    # Addresses of machines are nothing that a registered model should know.
    return Trees(_OF_THE_CLUSTER.sub("", model.booster_.model_to_string()))


def _matrix(part: tuple[Any, Any]) -> Any:
    return part[0]


def _labels(part: tuple[Any, Any]) -> Any:
    return part[1]
