"""What others may know of a run that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape; of runs that ended before, others learn only that they failed."""
    op.add_column("runs", sa.Column("outline", sa.Text(), nullable=False, server_default=""))
