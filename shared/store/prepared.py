"""Reads of the request path: compiled once a dialect, sent as text, and answered with the driver's own tuples.

SQLAlchemy writes them; left to run them too, it spends more on cache keys and Row objects than the database on
the rows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Dialect, SelectBase, String, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from shared.errors import StoreUnavailable

IDS = "ids"
"""The parameter that holds a list of keys: one parameter, so that the text is the same for any number of them."""


class Prepared:
    """A read whose text depends on the dialect alone.

    Args:
        write: make the statement, given whether it is for SQLite.
    """

    def __init__(self, write: Callable[[bool], SelectBase]) -> None:
        self._write = write
        self._texts: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Read all rows, as the driver gives them: flags of SQLite are 0 and 1.

        Args:
            connection: open for reading.
            values: every parameter by name; lists of keys are collections.

        Raises:
            StoreUnavailable: the connection broke while the rows were read.
        """
        dialect = connection.dialect
        text, order = self._texts.get(dialect.name) or self._compiled(dialect)
        if order is None:
            result = connection.exec_driver_sql(text, dict(values))
        else:
            result = connection.exec_driver_sql(text, tuple(_sqlite_value(values[name]) for name in order))
        if result.cursor is None:
            raise RuntimeError("the statement returns no rows")
        try:
            rows: Sequence[Any] = result.cursor.fetchall()
        except dialect.loaded_dbapi.Error as error:
            raise StoreUnavailable("The connection to the store was lost; try again.") from error
        result.close()
        return rows

    def _compiled(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
        compiled = self._write(dialect.name == "sqlite").compile(dialect=dialect)
        order = compiled.positiontup
        self._texts[dialect.name] = str(compiled), None if order is None else tuple(order)
        return self._texts[dialect.name]


def among_ids(column: Any, *, sqlite: bool, parameter: str = IDS) -> ColumnElement[bool]:
    """Say that a column holds one of the keys of a parameter."""
    condition: ColumnElement[bool] = column == func.any(bindparam(parameter, type_=ARRAY(String)))
    if sqlite:
        condition = column.in_(select(func.json_each(bindparam(parameter, type_=String)).table_valued("value").c.value))
    return condition


def _sqlite_value(value: Any) -> Any:
    return orjson.dumps(list(value)).decode() if isinstance(value, Collection) and not isinstance(value, str) else value
