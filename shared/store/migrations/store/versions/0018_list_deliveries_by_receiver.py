"""List the newest deliveries to a subscription, in a state, without looking through all others."""

from alembic import op

from shared.store.migrations.steps import announce

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    announce("deliveries: making the index ix_deliveries_newest", "deliveries")
    op.create_index(
        "ix_deliveries_newest",
        "deliveries",
        ["account_id", "subscription_id", "state", "created_at", "delivery_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_newest", table_name="deliveries")
