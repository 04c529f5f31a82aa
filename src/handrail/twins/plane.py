"""The production plane of one build: a closed DuckDB connection in which each extract is a view."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

import duckdb

from handrail.kernel import Conflict
from handrail.twins.columns import Source, quoted
from handrail.twins.models import Table
from handrail.twins.roles import Layout, Link, layout

if TYPE_CHECKING:
    from handrail.twins.descendants import Told

MEMORY_MB = 1024
# Rows that a sketch is taken from: shares are then right to two tenths of a per cent, and what is shared by k
# of a sample is shared by k of all.
SKETCHED_ROWS = 60_000
FEW_ROWS = 50_000  # below this, starting a second thread takes longer than it saves
UTC = "SET TimeZone = 'UTC'"
_PLACE = quoted("#place")
_APART = count()
Crowds = tuple[tuple[tuple[int, int], ...], ...]  # by column: bins, and how many are in each, most first


@dataclass(frozen=True)
class Plane:
    """The connection, and per table its view, the sample of it, real column types and row count."""

    con: duckdb.DuckDBPyConnection
    tables: Mapping[str, Table]
    layout: Layout
    views: Mapping[str, str]
    samples: Mapping[str, str]  # the same as the view for tables that are not large
    types: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, int]
    sampled: Mapping[str, int]
    k: int
    holders: Mapping[str, str] = field(default_factory=dict)  # see `holder`
    keyed: dict[tuple[str, tuple[str, ...]], bool] = field(default_factory=dict)  # asked once, see `is_key`
    backed: dict[str, bool] = field(default_factory=dict)  # asked once, see `is_backed`
    told: dict[str, Told] = field(default_factory=dict)  # small tables whose rows are told, found by `take`
    crowds: dict[str, Crowds] = field(default_factory=dict)  # by table that others point at, found by `take`
    pointed: dict[tuple[str, str], str] = field(default_factory=dict)  # see `pointed_at`
    within: str = "memory"  # the database of the connection that holds its tables, see `apart`

    def is_key(self, table: str, columns: tuple[str, ...]) -> bool:
        """Whether these columns together differ in every row of a table that has rows."""
        if (table, columns) not in self.keyed:
            listed = ", ".join(quoted(column) for column in columns)
            rows, distinct = self.con.execute(
                f"SELECT count(*), count(DISTINCT ({listed})) FROM {self.views[table]}"
            ).fetchall()[0]
            self.keyed[table, columns] = bool(rows and rows == distinct)
        return self.keyed[table, columns]

    def is_backed(self, table: str) -> bool:
        """Whether k stand behind a table's rows, or they may be told. Of fewer, their children say nothing
        either: which share of the children belongs to those of a kind is a fact about these few.
        """
        if table in self.told or self.tables[table].verbatim:
            return True
        if table not in self.backed:
            source = self.whole(table)
            (holders,) = source.one(f"SELECT {source.holders} FROM {source.relation}")
            self.backed[table] = holders >= source.k
        return self.backed[table]

    def rows_of(self, table: str) -> str:
        """The sample of a table, by the name that it has for a connection `apart`."""
        return f"{self.within}.main.{self.samples[table]}"

    def place(self, table: str) -> str:
        """The column that says where a row stands in a table of which all rows are kept, from 0."""
        return _PLACE if _hides_rowid(self.types[table]) else "rowid"

    @contextmanager
    def beside(self) -> Iterator[Plane]:
        """The same on a connection of its own, for another thread: temporary tables are not shared."""
        with self.con.cursor() as con:
            con.execute(f"{UTC}; USE {self.within}")
            yield replace(self, con=con)

    @contextmanager
    def apart(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
        """A connection to an empty database of its own, by name, that is gone afterwards; its own tables are
        what is meant by their names, those of this plane have the name of its database before theirs.

        To open another DuckDB takes forty milliseconds, fifty times as long.
        """
        name = f"apart_{next(_APART)}"
        with self.con.cursor() as con:
            con.execute(f"{UTC}; ATTACH ':memory:' AS {name}; USE {name}")
            try:
                yield con, name
            finally:
                con.execute(f"USE {self.within}; DETACH {name}")

    def source(self, table: str, relation: str | None = None, entity: str | None = None) -> Source:
        """The sample of a table, or a relation made of it, counting its entity where it has one."""
        if relation is None:
            entity = self.holder(table)
        k = self.k_of(table)
        return Source(self.con, relation or self.samples[table], self.sampled[table], k, entity)

    def holder(self, table: str) -> str | None:
        """The column of the sample that numbers whom k counts, null for nobody; None where that is rows."""
        return self.holders.get(table)

    def whole(self, table: str) -> Source:
        """All rows of a table, for what must hold in every one of them."""
        own = self.tables[table].entity
        entity = quoted(own) if own else None
        if self.samples[table] == self.views[table]:
            entity = self.holder(table)
        return Source(self.con, self.views[table], self.rows[table], self.k_of(table), entity)

    def k_of(self, table: str) -> int:
        """How many stand behind what is told of a table: as many as its contract asks for, or that of a
        table which it points at, since each of its rows also tells of one of those."""
        asked = (self.tables[one].k or 0 for one in {table, *self.above(table)})
        return max(self.k, *asked)

    def above(self, table: str) -> set[str]:
        """The tables that its rows point at, directly or by others."""
        found: set[str] = set()
        waiting = [table]
        while waiting:
            new = {link.to for link in self.links(waiting.pop()) if link.to in self.tables} - found
            found |= new
            waiting += new
        return found

    def links(self, table: str) -> Sequence[Link]:
        """The links of a table."""
        return self.layout.links[table]

    def pointed_at(self, table: str, link: Link) -> str:
        """The rows that the sample of a table points at by a link, and perhaps others, to be joined with it.

        Of a large table they are copied once: each question that joins the two would read all of its rows.
        """
        there, known = self.views[link.to], (table, link.name)
        if self.samples[link.to] == there:
            return there
        if known not in self.pointed:
            sample = self.samples[table]
            copy = f"{sample}_at_{len(self.pointed)}_{there}"
            self.con.execute(
                f"CREATE TABLE {copy} AS SELECT p.* FROM {there} AS p SEMI JOIN {sample} AS t "
                f"ON {self.joined(table, link, 't', 'p')}"
            )
            self.pointed[known] = copy
        return self.pointed[known]

    def late(self, table: str, link: Link) -> bool:
        """Whether the link closes a circle of tables."""
        return (table, link.name) in self.layout.late

    def joined(self, child: str, link: Link, left: str, right: str) -> str:
        """SQL for "this row points at that one"; as text where the two types are of different families."""
        parts = []
        for own, other in zip(link.columns, link.to_columns, strict=True):
            a, b = f"{left}.{quoted(own)}", f"{right}.{quoted(other)}"
            texts = [kind == "VARCHAR" for kind in (self.types[child][own], self.types[link.to][other])]
            parts.append(f"{a}::VARCHAR = {b}::VARCHAR" if texts[0] != texts[1] else f"{a} = {b}")
        return " AND ".join(parts)


def _holder(view: str, columns: Collection[str]) -> str:
    """A name that no two tables have which are joined, nor the table itself: by its own column of that name
    somebody could have rows counted for people."""
    name, taken = f"#holder of {view}", {one.lower() for one in columns}
    while name.lower() in taken:
        name += "#"
    return quoted(name)


def _hides_rowid(columns: Collection[str]) -> bool:
    """Whether a table has a column of its own that is called as DuckDB calls the place of a row."""
    return any(name.lower() == "rowid" for name in columns)


def open_plane(tables: Sequence[Table], k: int, memory_mb: int = MEMORY_MB) -> Plane:
    """Open the extracts; refuses Conflict when a contract names a column that its extract does not have."""
    con = duckdb.connect(config={"threads": 2, "memory_limit": f"{memory_mb}MB"})
    con.execute(UTC)
    for number, table in enumerate(tables):
        con.read_parquet(str(table.path)).create_view(f"src_{number}")
    plane = plane_over(con, tables, k)
    if sum(plane.rows.values()) < FEW_ROWS:
        con.execute("SET threads = 1")
    return plane


def plane_over(
    con: duckdb.DuckDBPyConnection, tables: Sequence[Table], k: int, within: str = "memory"
) -> Plane:
    """The plane of tables whose rows the views src_0, src_1 … of a connection give, in their order.

    Of a large table a sample is kept, from its file. Refuses Conflict as `open_plane` does.
    """
    views: dict[str, str] = {}
    samples: dict[str, str] = {}
    types: dict[str, dict[str, str]] = {}
    rows: dict[str, int] = {}
    sampled: dict[str, int] = {}
    holders: dict[str, str] = {}
    for number, table in enumerate(tables):
        view = f"src_{number}"
        views[table.name] = view
        found = {row[0]: row[1] for row in con.execute(f"DESCRIBE {view}").fetchall()}
        missing = [one.name for one in table.fields if one.name not in found]
        if missing:
            raise Conflict(
                f"The contract of {table.name} names {', '.join(missing)}, which its extract does not have.",
                next_step="Import the source again, or remove the column from the contract.",
            )
        types[table.name] = found
        rows[table.name] = con.execute(f"SELECT count(*) FROM {view}").fetchall()[0][0]
        every = -(-rows[table.name] // SKETCHED_ROWS)
        kept = f"{view}_kept"  # opening Parquet for each aggregate costs more
        holder = ""
        if table.entity:  # numbers are told apart sooner than what they stand for
            own = quoted(table.entity)
            numbered = f"(dense_rank() OVER (ORDER BY {own}) - 1)::INTEGER"
            holders[table.name] = _holder(view, found)
            holder = f", CASE WHEN {own} IS NOT NULL THEN {numbered} END AS {holders[table.name]}"
        if every <= 1:
            place = f", row_number() OVER () - 1 AS {_PLACE}" if _hides_rowid(found) else ""
            con.execute(f"CREATE TABLE {kept} AS SELECT *{place}{holder} FROM {view}; DROP VIEW {view}")
            con.execute(f"ALTER TABLE {kept} RENAME TO {view}")
        else:
            con.execute(
                f"CREATE TABLE {kept} AS SELECT * EXCLUDE (file_row_number){holder} "
                f"FROM read_parquet(?, file_row_number = true) WHERE hash(file_row_number) % {every} = 0",
                [str(table.path)],
            )
        samples[table.name] = kept if every > 1 else view
        sampled[table.name] = con.execute(f"SELECT count(*) FROM {samples[table.name]}").fetchall()[0][0]
    by_name = {table.name: table for table in tables}
    return Plane(
        con, by_name, layout(tables), views, samples, types, rows, sampled, k, holders, within=within
    )
