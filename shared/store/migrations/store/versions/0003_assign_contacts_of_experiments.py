"""Assign contacts of experiments."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "assignments",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("propensity", sa.Double(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("policy_at", sa.BigInteger(), nullable=False),
        sa.Column("default_send_at", sa.BigInteger(), nullable=False),
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "campaign_id", "contact_id", name=op.f("pk_assignments")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("assignments")
