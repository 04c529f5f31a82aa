"""How many web apps each host has room for, and whether it has any left."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. Hosts that live say within seconds how many they have room for."""
    with op.batch_alter_table("hosts") as batch:
        batch.add_column(sa.Column("places", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("room", sa.Boolean(), nullable=False, server_default=sa.true()))
