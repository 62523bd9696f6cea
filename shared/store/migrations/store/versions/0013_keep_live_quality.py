"""Keep how models do on what happened afterwards, and how far their inputs have drifted."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
ACCOUNT = ["accounts.name"]


def upgrade() -> None:
    op.create_table(
        "model_quality",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("measured_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ACCOUNT, name=op.f("fk_model_quality_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", name=op.f("pk_model_quality")),
    )
    op.create_table(
        "model_drift",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("measured_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ACCOUNT, name=op.f("fk_model_drift_accounts")),
        sa.PrimaryKeyConstraint("account_id", "capability", "outcome", "version", name=op.f("pk_model_drift")),
    )


def downgrade() -> None:
    op.drop_table("model_drift")
    op.drop_table("model_quality")
