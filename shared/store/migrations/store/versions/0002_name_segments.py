"""Let accounts name their segments."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "segment_names",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("renamed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_segment_names_accounts")),
        sa.PrimaryKeyConstraint("account_id", "segment_id", name=op.f("pk_segment_names")),
    )


def downgrade() -> None:
    op.drop_table("segment_names")
