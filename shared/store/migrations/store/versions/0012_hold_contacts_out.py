"""Hold contacts out: a share of them for whom nothing is predicted aloud."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "holdouts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("capability", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_holdouts")),
    )


def downgrade() -> None:
    op.drop_table("holdouts")
