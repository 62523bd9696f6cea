"""Let the index of the ranked list hold all that the list is filtered by."""

from alembic import op

from shared.store.migrations.steps import announce

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

QUESTION = ["account_id", "capability", "outcome"]


def upgrade() -> None:
    listed = [*QUESTION, "score", "probability", "contact_id", "status", "band", "asked_at", "version"]
    announce("latest_predictions: making the index ix_latest_predictions_listed", "latest_predictions")
    op.create_index("ix_latest_predictions_listed", "latest_predictions", listed, unique=False)
    op.drop_index("ix_latest_predictions_ranked", table_name="latest_predictions")


def downgrade() -> None:
    announce("latest_predictions: making the index ix_latest_predictions_ranked", "latest_predictions")
    op.create_index(
        "ix_latest_predictions_ranked", "latest_predictions", [*QUESTION, "score", "contact_id"], unique=False
    )
    op.drop_index("ix_latest_predictions_listed", table_name="latest_predictions")
