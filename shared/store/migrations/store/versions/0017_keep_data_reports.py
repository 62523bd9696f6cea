"""Keep the last data report of each account: made in the background, read by pages."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "data_reports",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_data_reports_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_data_reports")),
    )


def downgrade() -> None:
    op.drop_table("data_reports")
