"""Keep what was withheld: the probability of a contact that is held out, for reports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prediction_log", sa.Column("withheld_probability", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("prediction_log", "withheld_probability")
