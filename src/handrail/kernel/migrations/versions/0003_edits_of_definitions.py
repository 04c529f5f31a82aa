"""Edits of definitions, each one with its transaction."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "definition_edits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_definition_edits")),
    )
