"""Keep how many answers of a version rest on inputs that its training did not know."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("input_drift", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "input_drift")
