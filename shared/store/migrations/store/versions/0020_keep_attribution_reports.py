"""Keep attribution reports of each account: asked for over HTTP, made in the background; aggregates, no contact."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "attribution_reports",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("report_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "report_id", name=op.f("pk_attribution_reports")),
    )
    columns = ["account_id", "requested_at"]
    op.create_index("ix_attribution_reports_account_id_requested_at", "attribution_reports", columns, unique=False)


def downgrade() -> None:
    op.drop_table("attribution_reports")
