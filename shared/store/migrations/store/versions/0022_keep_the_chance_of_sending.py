"""Keep with each decision the chance that anything was sent, where sending nothing could be chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message_decisions", sa.Column("sending", sa.Double(), server_default="1", nullable=False))


def downgrade() -> None:
    op.drop_column("message_decisions", "sending")
