"""File predictions under the segment that they tell."""

import sqlalchemy as sa
from alembic import op

from shared.store.migrations.steps import announce

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("latest_predictions", "prediction_log"):
        op.add_column(table, sa.Column("segment", KEY, nullable=True))
    announce("latest_predictions: making the index ix_latest_predictions_segment", "latest_predictions")
    op.create_index(
        "ix_latest_predictions_segment",
        "latest_predictions",
        ["account_id", "segment", "contact_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_latest_predictions_segment", table_name="latest_predictions")
    for table in ("latest_predictions", "prediction_log"):
        op.drop_column(table, "segment")
