"""With which session or token a visit to an app was begun, so that it ends with that."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape. What is visited already ends by its time, some hours after it was begun."""
    with op.batch_alter_table("app_visits") as batch:
        batch.add_column(sa.Column("proof", sa.Text(), nullable=False, server_default=""))
