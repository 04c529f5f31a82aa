"""What each dataset may be used for, as rows; the catalog is read anew from the contracts."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "catalog_purposes",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "dataset", name=op.f("pk_catalog_purposes")),
    )
    op.create_index(op.f("ix_catalog_purposes_dataset"), "catalog_purposes", ["dataset"])
    for table in ("catalog", "catalog_words", "catalog_folder"):
        op.execute(sa.table(table).delete())
