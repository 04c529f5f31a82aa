"""Values like no other, planted among real rows before a twin is attacked: none may come back.

One row has, in every column with room for it, a name that nobody has, a number a thousand times the greatest,
a date long after the last, and a free text that nobody wrote; k - 1 further rows share a category that is
theirs alone. Whatever remembers single rows, or forgets to count, hands one of them out.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from handrail.twins import codec
from handrail.twins.columns import quoted
from handrail.twins.models import Sketch, TableSketch
from handrail.twins.plane import Plane
from handrail.twins.roles import kind_of

KINDS = ("a name", "a free text", "a rare category", "an extreme number", "a late date")
NAME = "Zzyzx-Canary"
TEXT = "Qyxwhj-Canary told nobody but the nurse of it, and moved away in spring."
RARE = "Vvorrx-Canary"
HALF = '"#half"'  # which half a row is in
BEYOND = 1000.0  # times the greatest number
YEARS = 40  # after the last date
_PROSE = 30  # characters from which a column holds free text


def planted(con: duckdb.DuckDBPyConnection, names: Sequence[str], k: int) -> str:
    """SQL that adds the canaries to the rows of `picked`."""
    types = {row[0]: row[1] for row in con.execute("DESCRIBE picked").fetchall()}
    alone = ", ".join(_alone(con, name, types[name]) for name in names)
    few = ", ".join(
        f"'{RARE}' AS {quoted(name)}" if _is_text(types[name]) else quoted(name) for name in names
    )
    return (
        f" UNION ALL SELECT {alone} FROM picked"
        f" UNION ALL (SELECT {few} FROM picked WHERE {HALF} = 0 LIMIT {max(k - 1, 1)})"
    )


def found_again(plane: Plane, sketch: Sketch, twin: pa.Table) -> dict[str, str]:
    """The kinds of canaries that are in a sketch or a twin, each with the column they came back in."""
    found: dict[str, str] = {}
    (table,) = sketch.tables
    for kind, value in zip(KINDS, (NAME, TEXT, RARE), strict=False):
        words = value.split()[0]
        for column in table.columns:
            told = codec.to_json(Sketch(sketch.k, (_only(table, column.name),))).decode()
            if words in told or (column.name in twin.column_names and _holds(twin[column.name], words)):
                found.setdefault(kind, column.name)
        if kind not in found and words in codec.to_json(sketch).decode():  # in a rule between columns
            found[kind] = table.columns[0].name
    for column in table.columns:
        if not column.shares or column.name not in twin.column_names:
            continue
        if column.kind in ("integer", "decimal", "float") and _beyond(plane, table.name, column.name):
            found.setdefault("an extreme number", column.name)
        if column.kind in ("date", "timestamp") and _later(plane, table.name, column.name):
            found.setdefault("a late date", column.name)
    return found


def _alone(con: duckdb.DuckDBPyConnection, name: str, sql_type: str) -> str:
    """A value that no other row has, where the type has room for one; else any that occurs."""
    kind, column = kind_of(sql_type), quoted(name)
    if _is_text(sql_type):
        (length,) = con.execute(f"SELECT coalesce(median(len({column})), 0) FROM picked").fetchall()[0]
        return f"'{TEXT if length >= _PROSE else NAME}' AS {column}"
    if kind in ("integer", "decimal", "float"):
        beyond = f"max(abs({column}))::DOUBLE * {BEYOND}"
        return f"coalesce(TRY_CAST({beyond} AS {sql_type}), min({column})) AS {column}"
    if kind in ("date", "timestamp"):
        last = f"max({column}) FILTER (isfinite({column}) AND year({column}) < 9000)"
        late = f"TRY_CAST({last} + INTERVAL {YEARS} YEAR AS {sql_type})"
        return f"coalesce({late}, min({column})) AS {column}"
    return f"min({column}) AS {column}"


def _is_text(sql_type: str) -> bool:
    return kind_of(sql_type) == "text" and not sql_type.upper().startswith("ENUM(")


def _only(table: TableSketch, column: str) -> TableSketch:
    """The sketch of one column, without what its table says."""
    return TableSketch(table.name, table.rows, (table.column(column),), ())


def _holds(values: pa.ChunkedArray, word: str) -> bool:
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return bool(text and pc.any(pc.match_substring(values, word)).as_py())


def _beyond(plane: Plane, table: str, column: str) -> bool:
    """Whether the twin holds a number as great as the canary's, where that was greater than all others."""
    greatest = f"max(abs({quoted(column)}))::DOUBLE"
    return _told(plane, table, greatest, f"twin >= train / 2 AND train > hold * {BEYOND / 10}")


def _later(plane: Plane, table: str, column: str) -> bool:
    """Whether the twin holds a date nearly as late as the canary's, where no other is."""
    name = quoted(column)
    last = f"max(epoch({name}::TIMESTAMP)) FILTER (isfinite({name}) AND year({name}) < 9990)"
    years = YEARS / 2 * 31_557_600
    return _told(plane, table, last, f"twin > train - {years} AND train > hold + {years}")


def _told(plane: Plane, table: str, measure: str, test: str) -> bool:
    (found,) = plane.con.execute(
        f"SELECT {test} FROM (SELECT {measure} AS twin FROM twin_rows), "
        f"(SELECT {measure} AS hold FROM hold_rows), (SELECT {measure} AS train FROM {plane.views[table]})"
    ).fetchall()[0]
    return bool(found)
