"""How long runs are kept: what was deleted of each and when, who keeps one longer, and the sweeps."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. No manifest of an earlier run says how long it is kept."""
    op.add_column("runs", sa.Column("keep_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("outputs_swept", Instant()))
    op.add_column("runs", sa.Column("inputs_swept", Instant()))
    op.create_index("ix_runs_app_environment_person", "runs", ["app", "environment", "person", "id"])
    op.create_table(
        "run_holds",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_run_holds_run_runs")),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_run_holds")),
    )
    op.create_table(
        "run_sweeps",
        sa.Column("moment", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("ended", Instant()),
        sa.Column("outputs", sa.BigInteger(), nullable=False),
        sa.Column("inputs", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("freed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("moment", name=op.f("pk_run_sweeps")),
    )
    op.create_table(
        "run_tallies",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "state", "ended", name=op.f("pk_run_tallies")),
    )
