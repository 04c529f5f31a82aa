"""Visits to hosted apps, each at an origin of the app's own."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "app_visits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("cookie", sa.Text(), nullable=True),
        sa.Column("expires", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.name"], name=op.f("fk_app_visits_app_apps")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_app_visits_person_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_visits")),
        sa.UniqueConstraint("cookie", name=op.f("uq_app_visits_cookie")),
        sa.UniqueConstraint("ticket", name=op.f("uq_app_visits_ticket")),
    )
    op.create_index(op.f("ix_app_visits_person"), "app_visits", ["person"])
