"""What the workers of a run load, each in another order: what one of them has compiled, the others only read.

All of them load all tests. Side by side they would compile the same file at the same time, each for itself.
"""

import importlib
import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

LIBRARIES = (
    ("pandas", "polars"),
    ("mlflow", "distributed"),
    ("scipy.stats", "scipy.interpolate", "scipy.optimize", "sklearn.linear_model", "sklearn.mixture"),
)
"""Large ones, in parts of about the same size."""
T = TypeVar("T")


def begin_elsewhere(config: pytest.Config) -> None:
    """Let a worker that looks at all tests load others first; in which order they run is not decided here."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or not _worker():
        return
    for libraries in _from_own_part(LIBRARIES):
        for name in libraries:
            importlib.import_module(name)
    tests, *product = (config.rootpath / name for name in config.args)
    integration, unit = tests / "integration", tests / "unit"
    rest = [one for one in sorted(tests.iterdir()) if one.is_dir() and one not in (integration, unit)]
    parts = _from_own_part(([integration], [unit], [*rest, *product]))
    config.args[:] = [str(path) for part in parts for path in part]


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "")


def _from_own_part(parts: Sequence[T]) -> Sequence[T]:
    """Return the parts in the order of this worker."""
    first = int(_worker().removeprefix("gw")) % len(parts)
    return [*parts[first:], *parts[:first]]
