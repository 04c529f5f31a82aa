"""Which process holds a run and until when, and which processes there are to do them."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. A run that goes on has no lease: it is taken back as one whose lease has run out."""
    with op.batch_alter_table("runs") as batch:
        batch.add_column(sa.Column("token", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("until", Instant(), nullable=True))
        batch.add_column(sa.Column("claimed", Instant(), nullable=True))
        batch.add_column(sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("again", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.create_index("ix_runs_person_claimed", ["person", "claimed"])
    op.create_table(
        "hosts",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("seen", Instant(), nullable=False),
        sa.Column("ahead_ms", sa.BigInteger(), nullable=False),
        sa.Column("sound", sa.Boolean(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_hosts")),
    )
    op.create_table(
        "host_certificates",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("revoked", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_host_certificates")),
    )
    op.create_index(op.f("ix_host_certificates_name"), "host_certificates", ["name"])
