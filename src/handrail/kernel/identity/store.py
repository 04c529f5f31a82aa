"""People, links, sessions and tokens in our database. Of every secret only a hash is kept."""

from typing import Any

import sqlalchemy as sa

from handrail.kernel.context import Context
from handrail.kernel.people import Person
from handrail.kernel.storage import Instant, metadata

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("password", sa.Text),
)
links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("expires", Instant, nullable=False),
    sa.Column("used", Instant),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("previous", sa.Text),
    sa.Column("rotated", Instant, nullable=False),
    sa.Column("expires", Instant, nullable=False),
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON),
    sa.Column("created", Instant, nullable=False),
    sa.Column("expires", Instant, nullable=False),
    sa.Column("revoked", Instant),
)


def person(row: Any) -> Person:
    """A row of `people` as a Person."""
    attributes = {key: tuple(v) if isinstance(v, list) else v for key, v in row.attributes.items()}
    return Person(
        row.id, row.name, row.email, frozenset(row.roles), frozenset(row.groups), attributes, row.active
    )


def find(ctx: Context, person_id: str) -> Person | None:
    """The person with this id."""
    row = ctx.db.execute(sa.select(people).where(people.c.id == person_id)).one_or_none()
    return person(row) if row else None


def find_by_email(ctx: Context, email: str) -> tuple[Person, str | None] | None:
    """The person with this e-mail address, in any case, and the hash of the password."""
    row = ctx.db.execute(sa.select(people).where(people.c.email == email.strip().lower())).one_or_none()
    return (person(row), row.password) if row else None
