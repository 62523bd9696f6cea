"""Count erasures: who read of a contact before one, and writes after it, can tell."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account_states", sa.Column("erasures", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("account_states", "erasures")
