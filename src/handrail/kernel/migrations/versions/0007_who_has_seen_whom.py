"""Who has seen whom: for each viewer, kind of entity and day a count, and the entities as keyed hashes."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "seen_days",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entities", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "subject", "day", name=op.f("pk_seen_days")),
    )
    op.create_table(
        "seen_entities",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person", "subject", "day", "entity", "app", name=op.f("pk_seen_entities")),
    )
    op.create_index("ix_seen_entities_entity", "seen_entities", ["subject", "entity"])
