"""Create the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "latest_predictions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("band", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "contact_id", "capability", "outcome", name=op.f("pk_latest_predictions")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_latest_predictions_ranked",
        "latest_predictions",
        ["account_id", "capability", "outcome", "score", "contact_id"],
        unique=False,
    )

    op.create_table(
        "prediction_log",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("band", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id",
            "capability",
            "outcome",
            "contact_id",
            "cutoff",
            "asked_at",
            "request_id",
            name=op.f("pk_prediction_log"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_prediction_log_account_id_asked_at", "prediction_log", ["account_id", "asked_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_prediction_log_account_id_asked_at", table_name="prediction_log")
    op.drop_table("prediction_log")
    op.drop_index("ix_latest_predictions_ranked", table_name="latest_predictions")
    op.drop_table("latest_predictions")
