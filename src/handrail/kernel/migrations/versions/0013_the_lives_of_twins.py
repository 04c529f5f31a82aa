"""The lives of twins: which build and variant a rendition is, frozen builds, refreshes, what a run read."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "twin_pins",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("frozen_by", sa.Text(), nullable=False),
        sa.Column("frozen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "build", name=op.f("pk_twin_pins")),
    )
    op.create_table(
        "twin_refreshes",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("moment", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", name=op.f("pk_twin_refreshes")),
    )
    _add("twin_builds", sa.Column("why", sa.Text(), nullable=False, server_default=""))
    _add("renditions", sa.Column("build", sa.Text(), nullable=False, server_default=""))
    _add("renditions", sa.Column("variant", sa.Text(), nullable=False, server_default="hostile"))
    _add("runs", sa.Column("variant", sa.Text(), nullable=False, server_default="hostile"))
    _add("runs", sa.Column("twins", sa.JSON(), nullable=False, server_default="{}"))
    _name_builds()


def _add(table: str, column: sa.Column[object]) -> None:
    with op.batch_alter_table(table) as batch:
        batch.add_column(column)


def _name_builds() -> None:
    """Write the build of each rendition, which its facts name, into the column of its own."""
    renditions = sa.table(
        "renditions", sa.column("id", sa.Text), sa.column("facts", sa.JSON), sa.column("build", sa.Text)
    )
    known = op.get_bind()
    for row in known.execute(sa.select(renditions)).all():
        build = str(row.facts.get("build", ""))
        known.execute(renditions.update().where(renditions.c.id == row.id).values(build=build))
