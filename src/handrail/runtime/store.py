"""The runtime room's tables, and the only SQL on them."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

import sqlalchemy as sa

from handrail.kernel import Context, Manifest, storage
from handrail.kernel.held import Lease
from handrail.kernel.storage import Instant, metadata
from handrail.runtime.models import Output, Run

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    # The process that executes it, until when, and by which number; see lease.py.
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("until", Instant),
    # When somebody last took it, how often that was, and whether it may be taken once more; see take_back.py.
    sa.Column("claimed", Instant),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("stop_wanted", sa.Boolean, nullable=False),
    sa.Column("queued", Instant, nullable=False),
    sa.Column("started", Instant),
    sa.Column("finished", Instant),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("next_step", sa.Text, nullable=False),
    sa.Column("outline", sa.Text, nullable=False),
    sa.Column("ended", sa.Text, nullable=False),
    sa.Column("exit_code", sa.Integer),
    sa.Column("peak_memory", sa.BigInteger, nullable=False),
    sa.Column("questions", sa.Integer, nullable=False),
    sa.Column("variant", sa.Text, nullable=False, server_default="hostile"),
    sa.Column("twins", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("traced", sa.Boolean, nullable=False, server_default=sa.false()),
    # For how many days its manifest lets its leavings be kept, 0: as long as the settings do; see keeping.py.
    sa.Column("keep_days", sa.Integer, nullable=False, server_default="0"),
    sa.Column("outputs_swept", Instant),
    sa.Column("inputs_swept", Instant),
    sa.Index("ix_runs_app_environment", "app", "environment", "id"),
    sa.Index("ix_runs_app_environment_person", "app", "environment", "person", "id"),
    sa.Index("ix_runs_person_claimed", "person", "claimed"),
)
code = sa.Table(
    "run_code",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
outputs = sa.Table(
    "run_outputs",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("media", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
logs = sa.Table(
    "run_logs",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

_OWN = {"holder", "stop_wanted", "code", "token", "until", "claimed", "attempt", "again", "keep_days"}


def add_run(ctx: Context, run: Run, files: Mapping[str, bytes]) -> None:
    """Keep a queued run and its code; the same code is kept once."""
    digest = _keep_code(ctx, _packed(files))
    values = {column.name: getattr(run, column.name) for column in runs.c if column.name not in _OWN}
    values["manifest"] = run.manifest.text
    own = {"code": digest, "holder": "", "stop_wanted": False, "keep_days": run.manifest.keep_days}
    ctx.db.execute(sa.insert(runs).values(**values, **own))


def _keep_code(ctx: Context, packed: bytes) -> str:
    """Keep code under its hash, and let nobody free it before this transaction ends: no run names it yet."""
    digest = hashlib.sha256(packed).hexdigest()
    storage.lock_for_writing(ctx.db)
    there = sa.select(code.c.digest).where(code.c.digest == digest).with_for_update(read=True)
    while ctx.db.scalar(there) is None:
        kept = storage.insert_of(ctx.db.dialect.name)(code).values(digest=digest, content=packed)
        ctx.db.execute(kept.on_conflict_do_nothing())  # somebody may keep the same at this moment
    return digest


# Statements that each run needs several times, and which take longer to build than to execute.
_THIS = runs.c.id == sa.bindparam("b_run")
_RUN = sa.select(runs).where(_THIS)
_FILES = sa.select(code.c.content).join(runs, runs.c.code == code.c.digest).where(_THIS)
_STOP_WANTED = sa.select(runs.c.stop_wanted).where(_THIS)
_FINISHED = sa.update(runs).where(_THIS, runs.c.state == sa.bindparam("b_before"))
_PRINTED = sa.insert(logs)


def find_run(ctx: Context, run_id: str, lease: Lease | None = None) -> Run | None:
    """One run, held by this lease, or None."""
    row = ctx.db.execute(_RUN, {"b_run": run_id}).first()
    return replace(_run(row), lease=lease) if row else None


def find_runs(ctx: Context, limit: int, **wanted: str | None) -> tuple[Run, ...]:
    """Runs with these values in these columns (None: any), newest first."""
    query = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
    for column, value in wanted.items():
        if value is not None:
            query = query.where(runs.c[column] == value)
    return tuple(_run(row) for row in ctx.db.execute(query))


class Measure(NamedTuple):
    """What is counted of one run."""

    queued: datetime
    started: datetime | None
    finished: datetime | None
    state: str
    ended: str
    peak_memory: int
    person: str


def find_measures(ctx: Context, app: str, environment: str, since: date) -> tuple[Measure, ...]:
    """What is counted of each run that was queued on this day (UTC) or later, oldest first."""
    columns = [runs.c[name] for name in Measure._fields]
    start = datetime.combine(since, time(), UTC)
    query = (
        sa.select(*columns)
        .where(runs.c.app == app, runs.c.environment == environment, runs.c.queued >= start)
        .order_by(runs.c.id)
    )
    return tuple(Measure(*row) for row in ctx.db.execute(query))


class Tally(NamedTuple):
    """Runs that are alike, counted: the first was queued at `first`, and they took `seconds` together."""

    environment: str
    state: str
    ended: str
    runs: int
    seconds: float | None
    first: datetime


def count_runs(ctx: Context) -> tuple[Tally, ...]:
    """All runs, by environment, state and what ended them."""
    alike = (runs.c.environment, runs.c.state, runs.c.ended)
    took = sa.type_coerce(runs.c.finished, sa.BigInteger) - sa.type_coerce(runs.c.started, sa.BigInteger)
    counts = (sa.func.count(), sa.func.sum(took), sa.func.min(runs.c.queued, type_=Instant))
    query = sa.select(*alike, *counts).group_by(*alike).order_by(*alike)
    return tuple(
        Tally(environment, state, ended, count, None if micros is None else float(micros) / 1e6, first)
        for environment, state, ended, count, micros, first in ctx.db.execute(query)
    )


def find_files(ctx: Context, run_id: str) -> dict[str, bytes]:
    """The code that a run carries."""
    content = ctx.db.execute(_FILES, {"b_run": run_id}).scalar_one()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def count_open(ctx: Context, person: str) -> int:
    """How many runs of a person are not over."""
    query = sa.select(sa.func.count()).where(runs.c.person == person, runs.c.state.in_(("queued", "running")))
    return ctx.db.scalar(query) or 0


def note_twins(ctx: Context, run_id: str, twins: Mapping[str, str]) -> None:
    """Keep which build of each dataset's twin a run reads."""
    ctx.db.execute(sa.update(runs).where(runs.c.id == run_id).values(twins=dict(twins)))


def want_stop(ctx: Context, run_id: str) -> None:
    """Leave word for whoever executes it."""
    ctx.db.execute(sa.update(runs).where(runs.c.id == run_id).values(stop_wanted=True))


def stop_wanted(ctx: Context, run_id: str) -> bool:
    """Whether somebody asked for its end."""
    return bool(ctx.db.scalar(_STOP_WANTED, {"b_run": run_id}))


def finish(ctx: Context, run: Run, before: str) -> bool:
    """Close a run that is in state `before`; False when it is not, so that no run ends twice."""
    said = ("state", "finished", "reason", "next_step", "outline", "ended", "exit_code", "peak_memory")
    values = {name: getattr(run, name) for name in (*said, "questions")}
    about = {"b_run": run.id, "b_before": before, "holder": "", "until": None}
    return ctx.db.execute(_FINISHED, {**values, **about}).rowcount == 1


def add_output(ctx: Context, output: Output, content: bytes) -> None:
    """Keep one output."""
    values = {column.name: getattr(output, column.name) for column in outputs.c if column.name != "content"}
    ctx.db.execute(sa.insert(outputs).values(**values, content=content))


def find_outputs(ctx: Context, run_id: str) -> tuple[Output, ...]:
    """What a run handed over, in its order."""
    columns = [column for column in outputs.c if column.name != "content"]
    query = sa.select(*columns).where(outputs.c.run == run_id).order_by(outputs.c.n)
    return tuple(Output(**row._mapping) for row in ctx.db.execute(query))


def find_output(ctx: Context, run_id: str, n: int) -> tuple[Output, bytes] | None:
    """One output with its content, or None."""
    row = ctx.db.execute(sa.select(outputs).where(outputs.c.run == run_id, outputs.c.n == n)).first()
    if row is None:
        return None
    values = dict(row._mapping)
    content = values.pop("content")
    return Output(**values), content


def add_log(ctx: Context, run_id: str, n: int, content: bytes) -> None:
    """Keep the next piece of what a run printed."""
    ctx.db.execute(_PRINTED, {"run": run_id, "n": n, "content": content})


def find_log(ctx: Context, run_id: str) -> bytes:
    """All that a run has printed so far."""
    query = sa.select(logs.c.content).where(logs.c.run == run_id).order_by(logs.c.n)
    return b"".join(ctx.db.scalars(query))


def count_outputs(ctx: Context, run_id: str) -> int:
    """How many outputs a run has handed over so far."""
    return ctx.db.scalar(sa.select(sa.func.count()).where(outputs.c.run == run_id)) or 0


def log_size(ctx: Context, run_id: str) -> int:
    """How many bytes a run has printed so far, as far as they are kept."""
    query = sa.select(sa.func.sum(sa.func.length(logs.c.content))).where(logs.c.run == run_id)
    return int(ctx.db.scalar(query) or 0)


def find_log_end(ctx: Context, run_id: str, most: int) -> tuple[bytes, int]:
    """The last pieces of what a run printed, at least `most` bytes where there are so many, and the total."""
    mine = logs.c.run == run_id
    sizes = ctx.db.execute(
        sa.select(logs.c.n, sa.func.length(logs.c.content)).where(mine).order_by(logs.c.n.desc())
    ).all()
    held, first = 0, 0
    for first, size in sizes:  # noqa: B007 - the last one looked at is where to begin
        held += size
        if held >= most:
            break
    query = sa.select(logs.c.content).where(mine, logs.c.n >= first).order_by(logs.c.n)
    return b"".join(ctx.db.scalars(query)), sum(size for _, size in sizes)


def _run(row: Any) -> Run:
    values = {key: value for key, value in row._mapping.items() if key not in _OWN}
    return Run(**{**values, "manifest": Manifest.parse(row.manifest)})


def _packed(files: Mapping[str, bytes]) -> bytes:
    """The files as one archive that depends on their names and contents alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
