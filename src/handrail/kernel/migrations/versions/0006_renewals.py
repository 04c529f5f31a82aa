"""Proposals to renew: the same contract, certified until another day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape; proposals so far are of contracts with their own last day."""
    op.add_column("proposals", sa.Column("until", sa.Date(), nullable=True))
