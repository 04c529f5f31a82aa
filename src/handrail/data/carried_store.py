"""Tables of what runs carry: which columns each has read, and whom its answers showed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from handrail.kernel import Context, storage

# A column named "" stands for the dataset itself. `counted` says that whom its rows are about was counted.
reads = sa.Table(
    "run_reads",
    storage.metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("column", sa.Text, primary_key=True),
    sa.Column("classification", sa.Text, nullable=False),
    sa.Column("counted", sa.Boolean, nullable=False),
)
# Each entity as the 64 bits that stand for it on the trail, a row a batch of an answer.
shown = sa.Table(
    "run_shown",
    storage.metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("query", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("marks", sa.LargeBinary, nullable=False),
)
_SIZE = 8  # bytes of a mark


class Read(NamedTuple):
    """A column that a run has read, with its class then ("": none)."""

    dataset: str
    column: str
    classification: str
    counted: bool


def keep_reads(ctx: Context, run: str, found: Iterable[Read]) -> None:
    """Keep what a run reads; what it has read before stays, but for what was not counted this time."""
    rows = [{"run": run, **one._asdict()} for one in found]
    made = storage.insert_of(ctx.db.dialect.name)(reads)
    both = sa.and_(reads.c.counted, made.excluded.counted)
    keys = list(reads.primary_key.columns)
    ctx.db.execute(made.on_conflict_do_update(index_elements=keys, set_={"counted": both}), rows)


def find_reads(ctx: Context, run: str) -> tuple[Read, ...]:
    """What a run has read, by dataset and column."""
    columns = [reads.c[name] for name in Read._fields]
    query = sa.select(*columns).where(reads.c.run == run).order_by(reads.c.dataset, reads.c.column)
    return tuple(Read(*row) for row in ctx.db.execute(query))


def keep_shown(ctx: Context, run: str, subject: str, query: str, part: int, marks: Collection[str]) -> None:
    """Keep whom a batch of an answer to a run showed, by what stands for them."""
    packed = b"".join(bytes.fromhex(mark) for mark in sorted(marks))
    ctx.db.execute(sa.insert(shown).values(run=run, subject=subject, query=query, part=part, marks=packed))


def find_shown(ctx: Context, run: str) -> dict[str, set[str]]:
    """Everybody whom a run's answers showed, by kind of entity."""
    found: dict[str, set[str]] = {}
    for row in ctx.db.execute(sa.select(shown.c.subject, shown.c.marks).where(shown.c.run == run)):
        marks = (row.marks[start : start + _SIZE].hex() for start in range(0, len(row.marks), _SIZE))
        found.setdefault(row.subject, set()).update(marks)
    return found


def datasets_of(ctx: Context, runs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The datasets that each of these runs has read, where it read any."""
    found: dict[str, set[str]] = {}
    query = sa.select(reads.c.run, reads.c.dataset).where(reads.c.run.in_(runs)).distinct()
    for row in ctx.db.execute(query):
        found.setdefault(row.run, set()).add(row.dataset)
    return {run: frozenset(datasets) for run, datasets in found.items()}


def forget(ctx: Context, runs: Collection[str]) -> None:
    """Forget what these runs have read and whom they showed."""
    for table in (reads, shown):
        ctx.db.execute(sa.delete(table).where(table.c.run.in_(runs)))
