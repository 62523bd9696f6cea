"""Keep commands about models (train, promote, roll back), and find what was done to one model in the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "model_commands",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("command_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("capability", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "command_id", name=op.f("pk_model_commands")),
    )
    op.create_index(
        op.f("ix_model_commands_account_id_capability_outcome_created_at"),
        "model_commands",
        ["account_id", "capability", "outcome", "created_at"],
        unique=False,
    )
    name = op.f("ix_audit_account_id_target_number")
    op.create_index(name, "audit", ["account_id", "target", "number"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_account_id_target_number"), table_name="audit")
    op.drop_index(op.f("ix_model_commands_account_id_capability_outcome_created_at"), table_name="model_commands")
    op.drop_table("model_commands")
