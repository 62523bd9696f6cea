"""Long steps of migrations: each is announced before it begins, and rows that are written anew are counted."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op

AT_ONCE = 5_000
"""Rows of one statement: a tenth of a second."""


def announce(step: str, table: str) -> None:
    """Report a step whose end cannot be foreseen; of a table without rows nothing is reported."""
    if op.get_bind().execute(sa.select(sa.literal(1)).select_from(sa.table(table)).limit(1)).first() is not None:
        report(step)


def report(step: str, done: int = 0, total: int | None = None) -> None:
    """Report to whoever asked for the migration.

    Args:
        step: what is done.
        done: rows so far.
        total: rows in all; None: they are not counted.
    """
    context.config.attributes["progress"](step, done, total)


def copy_rows(step: str, source: sa.TableClause, target: sa.Table, key: Sequence[str]) -> None:
    """Copy all rows in the order of a unique key, some thousand a statement.

    Args:
        step: what is reported.
        source: has an index of the key, in which each statement finds where the one before ended.
        target: takes the columns of the source.
        key: columns without nulls.
    """
    connection, place = op.get_bind(), [source.c[name] for name in key]
    total = connection.scalar(sa.select(sa.func.count()).select_from(source)) or 0
    done, after = 0, list[Any]()
    while done < total:
        report(step, done, total)
        ends = sa.select(*place).where(*after).order_by(*place).offset(AT_ONCE - 1).limit(1)
        last = connection.execute(ends).first()
        until = [] if last is None else [sa.tuple_(*place) <= tuple(last)]
        rows = sa.select(*source.c).where(*after, *until).order_by(*place)
        done += connection.execute(sa.insert(target).from_select(list(source.c), rows)).rowcount
        after = [] if last is None else [sa.tuple_(*place) > tuple(last)]
    if total:
        report(step, done, total)
