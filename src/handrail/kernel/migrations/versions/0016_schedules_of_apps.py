"""Schedules of apps: their moments, whose turn each is, who subscribes, and the mail about them."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "app_schedules",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("resumed_at", Instant(), nullable=True),
        sa.Column("paused_at", Instant(), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.name"], name=op.f("fk_app_schedules_app")),
        sa.PrimaryKeyConstraint("app", name=op.f("pk_app_schedules")),
    )
    op.create_table(
        "app_claims",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.name"], name=op.f("fk_app_claims_app")),
        sa.PrimaryKeyConstraint("app", name=op.f("pk_app_claims")),
    )
    op.create_table(
        "app_moments",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("premature", sa.Boolean(), nullable=False),
        sa.Column("claimed_at", Instant(), nullable=False),
        sa.Column("over_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["app"], ["apps.name"], name=op.f("fk_app_moments_app")),
        sa.PrimaryKeyConstraint("app", "at", name=op.f("pk_app_moments")),
    )
    op.create_index(op.f("ix_app_moments_state"), "app_moments", ["state"])
    op.create_table(
        "app_turns",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("moment", Instant(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("unlucky", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "moment", "person", name=op.f("pk_app_turns")),
    )
    op.create_index(op.f("ix_app_turns_state"), "app_turns", ["state"])
    op.create_index(op.f("ix_app_turns_run"), "app_turns", ["run"])
    op.create_table(
        "app_subscriptions",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wants", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.name"], name=op.f("fk_app_subscriptions_app")),
        sa.PrimaryKeyConstraint("app", "kind", "name", name=op.f("pk_app_subscriptions")),
    )
    op.create_table(
        "app_mails",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("moment", Instant(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["apps.name"], name=op.f("fk_app_mails_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_mails")),
        sa.UniqueConstraint(
            "app", "moment", "person", "kind", name=op.f("uq_app_mails_app_moment_person_kind")
        ),
    )
    op.create_index(op.f("ix_app_mails_state"), "app_mails", ["state"])
