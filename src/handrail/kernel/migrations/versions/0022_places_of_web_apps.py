"""Which run answers in which seat, and where hosts reach each other's web apps."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. A web app that is awake has no seat; whoever wakes it next takes one."""
    with op.batch_alter_table("hosts") as batch:
        batch.add_column(sa.Column("address", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("known_as", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "seats",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("whose", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "environment", "whose", name=op.f("pk_seats")),
    )
    op.create_index(op.f("ix_seats_run"), "seats", ["run"])
