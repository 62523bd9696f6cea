"""Keep what is said of a plan as a whole that was made by a batch."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("summary", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("batches", "summary")
