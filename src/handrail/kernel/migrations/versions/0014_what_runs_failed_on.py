"""What runs failed on: the awkward rows of their twins."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "run_causes",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_run_causes")),
    )
    op.create_index(op.f("ix_run_causes_state"), "run_causes", ["state"])
