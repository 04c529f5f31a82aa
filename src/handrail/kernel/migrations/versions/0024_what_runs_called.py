"""What each run called of other systems, with the class of the answers."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. What earlier runs called is known by app and version only."""
    op.create_table(
        "run_calls",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "connector", "call", name=op.f("pk_run_calls")),
    )
