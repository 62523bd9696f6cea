"""Count predictions by hour, capability and status as they are logged; what was logged before is not counted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "answer_counts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hour", "capability", "status", name=op.f("pk_answer_counts")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("answer_counts")
