"""The table of the files that runs were given; each belongs to one run, and nothing else can name it."""

import hashlib

import sqlalchemy as sa

from handrail.kernel import Context, Upstream
from handrail.kernel.storage import metadata
from handrail.runtime.models import Input

inputs = sa.Table(
    "run_inputs",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
_ABOUT = [inputs.c[name] for name in Input.__dataclass_fields__]


def add_input(ctx: Context, run_id: str, given: Input, content: bytes) -> None:
    """Keep a file for one run."""
    values = {name: getattr(given, name) for name in Input.__dataclass_fields__}
    ctx.db.execute(sa.insert(inputs).values(run=run_id, **values, content=content))


def find_inputs(ctx: Context, run_id: str) -> tuple[Input, ...]:
    """What a run was given, by name."""
    query = sa.select(*_ABOUT).where(inputs.c.run == run_id).order_by(inputs.c.name)
    return tuple(Input(**row._mapping) for row in ctx.db.execute(query))


def find_input(ctx: Context, run_id: str, name: str) -> tuple[Input, bytes] | None:
    """One file that a run was given, or None; refuses Upstream when it is not the one that was given."""
    mine = (inputs.c.run == run_id, inputs.c.name == name)
    row = ctx.db.execute(sa.select(*_ABOUT, inputs.c.content).where(*mine)).first()
    if row is None:
        return None
    values = dict(row._mapping)
    content = values.pop("content")
    found = Input(**values)
    if hashlib.sha256(content).hexdigest() != found.digest:
        raise Upstream(
            f"The file {name} of this run is not what was given.", next_step="Tell an admin; start a new run."
        )
    return found, content
