"""Reconciliations and certifications of metrics."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "metric_certifications",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reconciliation", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("certified_by", sa.Text(), nullable=False),
        sa.Column("certified_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_certifications")),
        sa.UniqueConstraint("metric", "digest", name=op.f("uq_metric_certifications_metric_digest")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("reconciled_by", sa.Text(), nullable=False),
        sa.Column("reconciled_at", Instant(), nullable=False),
        sa.Column("worst", sa.Double(), nullable=False),
        sa.Column("within", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    with op.batch_alter_table("reconciliations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reconciliations_metric"), ["metric"], unique=False)
