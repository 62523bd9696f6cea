"""Log predictions in the order of time, and find past scores by week: a call writes pages that lie together.

On SQLite both tables are written anew with row ids, in the order of time: bodies lie in whole pages.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.store.migrations.steps import announce, copy_rows

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
LOG, LATEST, OLD = "prediction_log", "latest_predictions", "_before"
BY_CONTACT = ["account_id", "capability", "outcome", "contact_id", "cutoff", "asked_at", "request_id"]
BY_TIME = ["account_id", "asked_at", "contact_id", "capability", "outcome", "request_id", "cutoff"]
FOUND_BY_TIME = ["account_id", "asked_at", "capability", "outcome", "contact_id", "cutoff", "request_id"]
"""As the index of the old log has them: nothing is sorted, and a batch of a million answers has one `asked_at`."""
QUESTION = ["account_id", "capability", "outcome"]
LATEST_KEY = ["account_id", "contact_id", "capability", "outcome"]
LISTED = [*QUESTION, "score", "probability", "contact_id", "status", "band", "asked_at", "version"]
SEGMENT = ["account_id", "segment", "contact_id"]
HAS_SEGMENT = sa.text("segment IS NOT NULL")
WEEK = sa.text("(cutoff / 604800000000)")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _anew(LOG, BY_TIME, _log_columns(), FOUND_BY_TIME)
        _anew(LATEST, LATEST_KEY, _latest_columns(), LATEST_KEY)
        _drop_old()
        _index("ix_latest_predictions_listed", LATEST, LISTED)
    else:
        op.drop_index("ix_prediction_log_account_id_asked_at", table_name=LOG)
        op.drop_index("ix_latest_predictions_segment", table_name=LATEST)
        _key_anew(BY_TIME)
    _index("ix_prediction_log_past", LOG, [*QUESTION, WEEK, "contact_id", "cutoff", "asked_at", "score"])
    _index("ix_latest_predictions_segment", LATEST, SEGMENT, sqlite_where=HAS_SEGMENT, postgresql_where=HAS_SEGMENT)


def downgrade() -> None:
    op.drop_index("ix_prediction_log_past", table_name=LOG)
    if op.get_bind().dialect.name == "sqlite":
        _anew(LOG, BY_CONTACT, _log_columns(), BY_TIME, sqlite_with_rowid=False)
        _anew(LATEST, LATEST_KEY, _latest_columns(), LATEST_KEY, sqlite_with_rowid=False)
        _drop_old()
        _index("ix_latest_predictions_listed", LATEST, LISTED)
    else:
        op.drop_index("ix_latest_predictions_segment", table_name=LATEST)
        _key_anew(BY_CONTACT)
    _index("ix_latest_predictions_segment", LATEST, SEGMENT)
    _index("ix_prediction_log_account_id_asked_at", LOG, ["account_id", "asked_at"])


def _index(name: str, table: str, columns: list[Any], **options: Any) -> None:
    announce(f"{table}: making the index {name}", table)
    op.create_index(name, table, columns, **options)


def _key_anew(key: list[str]) -> None:
    announce(f"{LOG}: making the primary key", LOG)
    op.drop_constraint("pk_prediction_log", LOG, type_="primary")
    op.create_primary_key("pk_prediction_log", LOG, key)


def _anew(name: str, key: list[str], columns: list["sa.Column[object]"], order: list[str], **options: bool) -> None:
    """Write a table of SQLite anew in an order that an index of the old one gives."""
    op.rename_table(name, f"{name}{OLD}")
    table = op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")), **options)
    source = sa.table(f"{name}{OLD}", *(sa.column(column.name) for column in columns))
    copy_rows(f"{name}: writing rows in a new order", source, table, order)


def _drop_old() -> None:
    """Drop what was written anew, with its indexes.

    To be able to take a statement back, SQLite holds in memory the pages of a table that is dropped with rows, and
    those that were freed before and get rows again: so each table is emptied first, and only once both are written.
    """
    for name in (LOG, LATEST):
        announce(f"{name}: removing the rows of before", f"{name}{OLD}")
        op.execute(sa.delete(sa.table(f"{name}{OLD}")))
        op.drop_table(f"{name}{OLD}")


def _log_columns() -> list["sa.Column[object]"]:
    return [
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        *_answer_columns(),
        sa.Column("withheld_probability", sa.Double(), nullable=True),
    ]


def _latest_columns() -> list["sa.Column[object]"]:
    return [
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        *_answer_columns(),
    ]


def _answer_columns() -> list["sa.Column[object]"]:
    return [
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("band", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("segment", KEY, nullable=True),
    ]
