"""The catalog as rows, whose turn a scheduled check is, and notices to people."""

import sqlalchemy as sa
from alembic import op

from handrail.kernel.storage import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this shape."""
    op.create_table(
        "catalog",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("schedules", sa.Text(), nullable=False),
        sa.Column("proposed", sa.Text(), nullable=True),
        sa.Column("proposed_at", Instant(), nullable=True),
        sa.Column("renews", sa.Boolean(), nullable=False),
        sa.Column("certified", sa.Text(), nullable=True),
        sa.Column("certified_at", Instant(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", name=op.f("pk_catalog")),
    )
    op.create_table(
        "catalog_words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", "dataset", name=op.f("pk_catalog_words")),
    )
    op.create_index(op.f("ix_catalog_words_dataset"), "catalog_words", ["dataset"])
    op.create_table(
        "catalog_folder",
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("folder", name=op.f("pk_catalog_folder")),
    )
    op.create_table(
        "quality_turns",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("moment", Instant(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("dataset", name=op.f("pk_quality_turns")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("told_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint(
            "person", "kind", "subject", "about", name=op.f("uq_notices_person_kind_subject_about")
        ),
    )
    op.create_index(op.f("ix_notices_person"), "notices", ["person"])
    op.create_index(op.f("ix_notices_subject"), "notices", ["subject"])
