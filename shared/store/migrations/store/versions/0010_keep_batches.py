"""Keep batches: what is to be predicted in the background, its parts, and whom to take out of its files."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("models", sa.Text(), nullable=True),
        sa.Column("contacts", sa.Integer(), nullable=True),
        sa.Column("contacts_done", sa.Integer(), nullable=False),
        sa.Column("statuses", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "batch_id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_account_id_created_at"), "batches", ["account_id", "created_at"], unique=False)
    op.create_table(
        "batch_parts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "batch_id", "number", name=op.f("pk_batch_parts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batch_erasures",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("key_hash", KEY, nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "batch_id", "key_hash", name=op.f("pk_batch_erasures")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("batch_erasures")
    op.drop_table("batch_parts")
    op.drop_index(op.f("ix_batches_account_id_created_at"), table_name="batches")
    op.drop_table("batches")
