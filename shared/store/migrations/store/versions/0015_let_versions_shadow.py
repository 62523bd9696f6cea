"""Keep which version answers beside the champion, unseen, and what was found when both were compared."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "shadows",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.name"], name=op.f("fk_shadows_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", name=op.f("pk_shadows")),
    )


def downgrade() -> None:
    op.drop_table("shadows")
