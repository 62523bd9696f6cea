"""Statements that are compiled once for all stores of a test run's process."""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.util import LRUCache

import shared.store.sql

KEPT = 5_000


class OfAllEngines(LRUCache[Any, Any]):
    """What was compiled for one kind of database, whichever of its engines asks.

    An engine's own cache looks a statement up with the engine's dialect, of which each has its own.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_of_kind(key), compiled)


def _of_kind(key: Any) -> Any:
    dialect, *statement = key
    return dialect.name, *statement


def compile_once() -> None:
    """Let stores that are opened from now on share what was compiled.

    A process of the product opens one store; one that runs tests opens thousands, and compiling the same statements for
    each takes a quarter of the time of the store's tests.
    """
    kept = OfAllEngines(KEPT)

    def engine_of(*given: Any, **named: Any) -> Engine:
        engine = create_engine(*given, **named)
        engine.update_execution_options(compiled_cache=kept)
        return engine

    shared.store.sql.create_engine = engine_of  # type: ignore[attr-defined]
