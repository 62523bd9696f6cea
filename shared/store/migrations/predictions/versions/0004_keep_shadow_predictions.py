"""Keep what a shadowing version answered beside the champion."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "shadow_predictions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("champion_version", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("champion_probability", sa.Double(), nullable=True),
        sa.Column("band", sa.String(), nullable=True),
        sa.Column("champion_band", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "account_id",
            "capability",
            "outcome",
            "version",
            "champion_version",
            "contact_id",
            "day",
            name=op.f("pk_shadow_predictions"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_shadow_predictions_account_id_asked_at"),
        "shadow_predictions",
        ["account_id", "asked_at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_shadow_predictions_account_id_asked_at"), table_name="shadow_predictions")
    op.drop_table("shadow_predictions")
