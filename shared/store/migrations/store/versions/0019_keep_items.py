"""Keep the items of each account's catalogue, which were deleted lately, and when the whole changed last.

Imports count the items that they store.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("category", KEY, nullable=True),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "item_id", name=op.f("pk_items")),
        sqlite_with_rowid=False,
    )
    for sought in (["updated_at"], ["category", "active"], ["active"], ["active", "name_key"]):
        columns = ["account_id", *sought, "item_id"]
        op.create_index(f"ix_items_{'_'.join(columns)}", "items", columns, unique=False)
    op.create_table(
        "deleted_items",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "item_id", name=op.f("pk_deleted_items")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_deleted_items_account_id_deleted_at", "deleted_items", ["account_id", "deleted_at"], unique=False
    )
    op.create_table(
        "item_catalogues",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("offered", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_item_catalogues")),
    )
    for name in ("items_made", "items_updated"):
        op.add_column("imports", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("imports", "items_updated")
    op.drop_column("imports", "items_made")
    op.drop_table("item_catalogues")
    op.drop_table("deleted_items")
    op.drop_table("items")
