"""Budgets by app as well, with tallies instead of counts, and fingerprints of large answers.

The day on which this runs is counted anew: a count without its tally cannot be gone on from.
"""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.drop_table("seen_days")
    op.create_table(
        "seen_days",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entities", sa.BigInteger(), nullable=False),
        sa.Column("tally", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("person", "app", "subject", "day", name=op.f("pk_seen_days")),
    )
    op.create_index("ix_seen_days_day", "seen_days", ["day"])
    op.create_table(
        "seen_fingerprints",
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("entities", sa.Integer(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("query", "subject", "part", name=op.f("pk_seen_fingerprints")),
    )
    op.create_index("ix_seen_fingerprints_at", "seen_fingerprints", ["subject", "at"])
