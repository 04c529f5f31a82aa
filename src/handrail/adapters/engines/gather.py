"""Answers a question over several places: what is at servers is brought here, governed already, and joined.

A statement is taken apart where that changes nothing: a subquery of its FROM clauses that reads tables of one
server only is answered there, filter, masks and all, and stands in the rest as a table. The other side's rows
go nowhere, and a viewer's hidden rows stay where they are. What was brought is kept in memory, never on disk.
Why it may be so is docs/decisions/0029-what-is-joined-from-two-places-is-governed-first.md.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from handrail.adapters.engines.pushed import narrowed
from handrail.kernel import Invalid, LimitReached
from handrail.kernel.ports import EngineLimits, Remote, Rows

Run = Callable[[str, Mapping[str, Any], str, Mapping[str, Remote], EngineLimits], Rows]
RunHere = Callable[[str, Mapping[str, Any], str, Mapping[str, Path], EngineLimits], Rows]
_SHARE = 2  # of the memory of one question, half may be filled with what is brought


def gather(
    sql: str,
    values: Mapping[str, Any],
    schema: str,
    files: Mapping[str, Path],
    remote: Mapping[str, Remote],
    limits: EngineLimits,
    there: Run,
    here: RunHere,
) -> Rows:
    """Start a statement over files and tables of servers.

    `there` runs what one server answers, and `here` the rest over files. All of it together may take as long
    as one question. Refuses as both do, and LimitReached what would fill more than half of the memory that a
    question may use.
    """
    whole = _Whole(schema, remote, values, limits, there)
    try:
        tree = whole.without_servers(sqlglot.parse_one(sql, dialect="duckdb"))
        rest = tree.sql(dialect="duckdb", comments=False)
        tables = {**_read(tree, schema, files), **whole.parts}
        rows = here(rest, whole.used(tree), schema, tables, whole.left())
    except BaseException:
        whole.close()
        raise
    return _Gathered(rows, whole)


@dataclass
class _Whole:
    """One question on its way: what was brought so far, under which names, and what may still be used up."""

    schema: str
    remote: Mapping[str, Remote]
    values: Mapping[str, Any]
    limits: EngineLimits
    run: Run
    parts: dict[str, Path] = field(default_factory=dict)
    brought: int = 0  # bytes
    _opened: list[int] = field(default_factory=list)
    _until: float = field(default=0.0)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.limits.seconds

    def without_servers(self, tree: exp.Expr) -> exp.Expr:
        """The statement with a table of ours in the place of everything that a server answers."""
        for query in _largest(tree, self.schema, self.remote):
            self.bring_best(query)
        for table in _tables(tree, self.schema, self.remote):
            self.bring_best(_wrapped(table, self.remote[table.name], tree))
        return tree

    def bring_best(self, query: exp.Query) -> None:
        """Bring what is wanted of a query, or else all of it, or else the datasets that it reads.

        The server may have no word for a condition, and a query within another may mean nothing alone.
        """
        for wanted in filter(None, (narrowed(query), query)):
            try:
                self.bring(query, wanted)
            except Invalid:
                if wanted is query and _is_of_a_table(query):
                    raise
            else:
                return
        for leaf in _leaves(query, self.schema):
            self.bring_best(leaf)

    def bring(self, place: exp.Query, query: exp.Query) -> None:
        """Have `query` answered where its tables are, and put what comes of it into the place of `place`."""
        tables = _read(query, self.schema, self.remote)
        sql = query.sql(dialect="duckdb", comments=False)
        rows = self.run(sql, self.used(query), self.schema, tables, self.left())
        name = f"_part_{secrets.token_hex(8)}"
        try:
            self.parts[name] = self.kept(rows, tables)
        finally:
            rows.close()
        table = exp.table_(name, db=self.schema, quoted=True)
        place.replace(exp.Select().select(exp.Star()).from_(table))

    def kept(self, rows: Rows, tables: Mapping[str, Remote]) -> Path:
        """The rows as a file in memory."""
        descriptor = os.memfd_create("handrail-part", os.MFD_CLOEXEC)
        self._opened.append(descriptor)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            try:
                with pq.ParquetWriter(file, rows.schema, compression="lz4") as writer:
                    for batch in rows.batches():
                        self.brought += batch.nbytes
                        if self.brought > (self.limits.memory_mb << 20) // _SHARE:
                            raise self.too_much(tables)
                        writer.write_batch(batch)
            except pa.ArrowException:
                raise Invalid(
                    f"Some column of {' and '.join(sorted(tables))} has a type that cannot be brought here.",
                    next_step="Leave that column out, or cast it to text in a subquery of its own.",
                ) from None
        return Path(f"/proc/self/fd/{descriptor}")

    def too_much(self, tables: Mapping[str, Remote]) -> LimitReached:
        names, engine = " and ".join(sorted(tables)), next(iter(tables.values())).engine
        return LimitReached(
            f"To join it with the rest, this question would bring more of {names} from the engine {engine} "
            f"than the {self.limits.memory_mb // _SHARE} MB that one may hold.",
            next_step=f"Filter or group {names} in a subquery of its own, which is answered there: "
            "FROM (SELECT … WHERE … GROUP BY …) AS name JOIN ….",
        )

    def used(self, tree: exp.Expr) -> dict[str, Any]:
        """The values of the parameters in there."""
        names = {node.name for node in tree.find_all(exp.Placeholder)}
        return {name: value for name, value in self.values.items() if name in names}

    def left(self) -> EngineLimits:
        """The limits of one question, less the time that has passed."""
        return replace(self.limits, seconds=max(0.001, self._until - time.monotonic()))

    def close(self) -> None:
        """Forget what was brought."""
        while self._opened:
            os.close(self._opened.pop())


class _Gathered:
    """The rows of the whole; what was brought is forgotten with them."""

    def __init__(self, rows: Rows, whole: _Whole) -> None:
        self._rows, self._whole = rows, whole
        self.schema = rows.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time; refuses as `gather` does, and closes at the end."""
        try:
            yield from self._rows.batches()
        finally:
            self.close()

    def close(self) -> None:
        """Stop, whether or not all rows were taken."""
        self._rows.close()
        self._whole.close()


def _read(tree: exp.Expr, schema: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `tables` that are read in there."""
    names = {table.name for table in tree.find_all(exp.Table) if table.db == schema}
    return {name: place for name, place in tables.items() if name in names}


def _tables(tree: exp.Expr, schema: str, remote: Mapping[str, Remote]) -> list[exp.Table]:
    return [table for table in tree.find_all(exp.Table) if table.db == schema and table.name in remote]


def _largest(node: exp.Expr, schema: str, remote: Mapping[str, Remote]) -> list[exp.Query]:
    """The largest subqueries and common tables that read tables of one server only."""
    if isinstance(node, exp.Query) and _may_stand_alone(node) and _is_of_one_server(node, schema, remote):
        return [node]
    return [found for child in node.iter_expressions() for found in _largest(child, schema, remote)]


def _may_stand_alone(query: exp.Query) -> bool:
    """Whether rows can be in its place; one that is about the row around it is refused by who plans it."""
    return not isinstance(query, exp.Subquery) and isinstance(query.parent, exp.CTE | exp.Subquery)


def _is_of_one_server(query: exp.Query, schema: str, remote: Mapping[str, Remote]) -> bool:
    tables = list(query.find_all(exp.Table))
    if not tables or len(tables) > len(_tables(query, schema, remote)) or query.find(exp.Lateral) is not None:
        return False
    return len({remote[table.name].engine for table in tables}) == 1


def _leaves(query: exp.Query, schema: str) -> list[exp.Query]:
    """The datasets in there as their viewer sees them: the innermost queries that read one table."""
    found: dict[int, exp.Query] = {}
    for table in query.find_all(exp.Table):
        select = table.find_ancestor(exp.Select)
        while select is not None and not _is_of_a_table(select):
            select = select.find_ancestor(exp.Select)
        if select is not None and select is not query and table.db == schema:
            found[id(select)] = select
    return list(found.values())


def _is_of_a_table(query: exp.Query) -> bool:
    """Whether it is the subquery that stands for a dataset, and not the count of its cells within."""
    source = query.args.get("from_")
    stands = isinstance(query.parent, exp.Subquery) and isinstance(query.parent.parent, exp.From | exp.Join)
    return stands and source is not None and isinstance(source.this, exp.Table)


def _wrapped(table: exp.Table, place: Remote, tree: exp.Expr) -> exp.Select:
    """A query in the place of a bare table, as checks of quality name it, with the columns that are named."""
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    every = any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))
    columns = [name for name, _ in place.columns if every or name.lower() in named] or [place.columns[0][0]]
    select = exp.Select().select(*(exp.column(name, quoted=True) for name in columns))
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
    around = exp.Subquery(this=select, alias=alias.copy(), joins=table.args.get("joins"))
    table.replace(around)
    select.set("from_", exp.From(this=exp.table_(table.name, db=table.db, quoted=True)))
    return select
