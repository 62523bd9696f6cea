"""Keep the messages of each account's catalogue, and which of them was decided on for whom, among which others."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "message_catalogues",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_message_catalogues")),
    )
    op.create_table(
        "message_variants",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", name=op.f("pk_message_variants")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message_candidates",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("candidates_id", KEY, nullable=False),
        sa.Column("message_ids", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "candidates_id", name=op.f("pk_message_candidates")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message_decisions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("propensity", sa.Double(), nullable=False),
        sa.Column("candidates_id", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("reward", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "account_id", "contact_id", "decided_at", "decision_id", name=op.f("pk_message_decisions")
        ),
        sqlite_with_rowid=False,
    )
    for sought, unique in (("decision_id", True), ("decided_at", False)):
        columns = ["account_id", sought]
        op.create_index(f"ix_message_decisions_account_id_{sought}", "message_decisions", columns, unique=unique)


def downgrade() -> None:
    op.drop_table("message_decisions")
    op.drop_table("message_candidates")
    op.drop_table("message_variants")
    op.drop_table("message_catalogues")
