"""Lineage: what apps read for metrics, what they ask in the sandbox, and events on their way to others."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "lineage_outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_lineage_outbox")),
    )
    op.create_table(
        "lineage_turns",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_turns")),
    )
    op.create_table(
        "observed_metric_reads",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("last", Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "app",
            "version",
            "environment",
            "metric",
            "dataset",
            "column",
            name=op.f("pk_observed_metric_reads"),
        ),
    )
    op.create_table(
        "observed_questions",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("app", "version", "digest", name=op.f("pk_observed_questions")),
    )
