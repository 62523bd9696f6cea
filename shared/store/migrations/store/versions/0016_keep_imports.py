"""Keep imports of uploaded files, whom the last one made, and whom to take out of their files."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("has_file", sa.Boolean(), nullable=False),
        sa.Column("has_rejects", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("contacts_made", sa.BigInteger(), nullable=False),
        sa.Column("contacts_updated", sa.BigInteger(), nullable=False),
        sa.Column("events_made", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "import_id", name=op.f("pk_imports")),
    )
    name = op.f("ix_imports_account_id_created_at")
    op.create_index(name, "imports", ["account_id", "created_at"], unique=False)
    op.create_table(
        "import_contacts",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "contact_id", name=op.f("pk_import_contacts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "import_erasures",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("key_hash", KEY, nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "import_id", "kind", "key_hash", name=op.f("pk_import_erasures")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("import_erasures")
    op.drop_table("import_contacts")
    op.drop_index(op.f("ix_imports_account_id_created_at"), table_name="imports")
    op.drop_table("imports")
