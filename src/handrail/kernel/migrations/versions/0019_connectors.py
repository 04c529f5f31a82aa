"""Connectors: what apps called, how often this minute, and the first writes that wait for a yes."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "connector_uses",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint(
            "app", "commit", "environment", "connector", "call", name=op.f("pk_connector_uses")
        ),
    )
    op.create_index("ix_connector_uses_connector", "connector_uses", ["connector"])
    op.create_table(
        "connector_turns",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "app", "environment", name=op.f("pk_connector_turns")),
    )
    op.create_table(
        "connector_approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connector_approvals")),
        sa.UniqueConstraint(
            "connector", "app", "commit", "call", "target", name=op.f("uq_connector_approvals_asked")
        ),
    )
    op.create_index(op.f("ix_connector_approvals_connector"), "connector_approvals", ["connector"])
