"""Let the index of the ranked list hold all that the list is filtered by."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS = ["account_id", "capability", "outcome", "score", "contact_id"]


def upgrade() -> None:
    op.create_index(
        "ix_latest_predictions_listed", "latest_predictions", [*KEYS, "status", "band", "asked_at"], unique=False
    )
    op.drop_index("ix_latest_predictions_ranked", table_name="latest_predictions")


def downgrade() -> None:
    op.create_index("ix_latest_predictions_ranked", "latest_predictions", KEYS, unique=False)
    op.drop_index("ix_latest_predictions_listed", table_name="latest_predictions")
