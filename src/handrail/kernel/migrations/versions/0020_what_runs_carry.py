"""What runs are given and what they carry away: files, the columns that they read, and whom they showed."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. Nothing is known of what earlier runs have read, so they are not `traced`."""
    op.create_table(
        "run_reads",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run", "dataset", "column", name=op.f("pk_run_reads")),
    )
    op.create_table(
        "run_shown",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "subject", "query", "part", name=op.f("pk_run_shown")),
    )
    op.create_table(
        "run_inputs",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_run_inputs_run_runs")),
        sa.PrimaryKeyConstraint("run", "name", name=op.f("pk_run_inputs")),
    )
    with op.batch_alter_table("runs") as batch:
        batch.add_column(sa.Column("traced", sa.Boolean(), nullable=False, server_default=sa.false()))
