"""What must never be wrong in a plain twin: orphans, duplicate keys, and promises that real tables keep."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from handrail_bench.twins.declared import Schema, slug


def integrity(real: Path, twin: Path, known: Schema) -> dict[str, Any]:
    """How many orphans, duplicate keys and broken promises there are, and which.

    Promises are those that the real tables keep: columns and their kinds, columns that are always filled, and
    the rules of the database.
    """
    with duckdb.connect() as con:
        files = {slug(path.stem): path for path in twin.glob("*.parquet")}
        here = [name for name in known["tables"] if slug(name) in files]
        for name in here:
            con.execute(f"CREATE VIEW {_quoted(name)} AS FROM {_text(files[slug(name)])}")
        columns = {name: {slug(row[0]): row for row in _described(con, name)} for name in here}
        orphans = dict(_orphans(con, known, columns))
        doubles = dict(_doubles(con, known, columns))
        broken = {f"{name} is not there": 1 for name in known["tables"] if name not in here}
        broken |= dict(_unfilled(con, known, columns)) | dict(_rules(con, known))
        broken |= dict(_retyped(real, columns))
    return {
        "orphans": sum(orphans.values()),
        "duplicate_keys": sum(doubles.values()),
        "contract_violations": sum(broken.values()),
        "what": {what: count for what, count in (orphans | doubles | broken).items() if count},
    }


def _orphans(con: duckdb.DuckDBPyConnection, known: Schema, columns: Any) -> Iterable[tuple[str, int]]:
    for link in known["links"]:
        child, parent = link["child"], link["parent"]
        if child not in columns or parent not in columns:
            continue
        mine = [_named(columns[child], one) for one in link["columns"]]
        theirs = [_named(columns[parent], one) for one in link["parent_columns"]]
        if None in mine or None in theirs:
            continue
        filled = " AND ".join(f"c.{one} IS NOT NULL" for one in mine)
        same = " AND ".join(f"c.{a} = p.{b}" for a, b in zip(mine, theirs, strict=True))
        lacking = f"NOT EXISTS (FROM {_quoted(parent)} p WHERE {same})"
        sql = f"SELECT count(*) FROM {_quoted(child)} c WHERE {filled} AND {lacking}"
        yield f"orphans: {child}({', '.join(link['columns'])})", _one(con, sql)


def _doubles(con: duckdb.DuckDBPyConnection, known: Schema, columns: Any) -> Iterable[tuple[str, int]]:
    for name, table in known["tables"].items():
        if name not in columns or not table.get("key"):
            continue
        key = [_named(columns[name], one) for one in table["key"]]
        if None in key:
            continue
        null = " OR ".join(f"{one} IS NULL" for one in key)
        listed = ", ".join(str(one) for one in key)
        sql = f"SELECT count(*) - count(DISTINCT ({listed},)) + count(*) FILTER ({null}) FROM {_quoted(name)}"
        yield f"duplicate keys: {name}({', '.join(table['key'])})", _one(con, sql)


def _unfilled(con: duckdb.DuckDBPyConnection, known: Schema, columns: Any) -> Iterable[tuple[str, int]]:
    for name, table in known["tables"].items():
        for column in table.get("required", ()):
            if name in columns and (found := _named(columns[name], column)) is not None:
                sql = f"SELECT count(*) FROM {_quoted(name)} WHERE {found} IS NULL"
                yield f"not filled: {name}.{column}", _one(con, sql)


def _rules(con: duckdb.DuckDBPyConnection, known: Schema) -> Iterable[tuple[str, int]]:
    for what, sql in known.get("rules", {}).items():
        try:
            yield what, _one(con, sql)
        except duckdb.Error as error:
            yield f"{what}: {str(error).splitlines()[0]}", 1


def _retyped(real: Path, columns: Any) -> Iterable[tuple[str, int]]:
    """Columns that are gone or of another kind; of Parquet, since SQLite has no kinds."""
    if not real.is_dir():
        return
    with duckdb.connect() as con:
        for name, found in columns.items():
            for column, kind, *_ in con.execute(
                f"DESCRIBE FROM {_text(real / f'{name}.parquet')}"
            ).fetchall():
                there = found.get(slug(column))
                if there is None:
                    yield f"gone: {name}.{column}", 1
                elif _kind(kind) not in {_kind(there[1]), "nothing"}:
                    yield f"retyped: {name}.{column} from {kind} to {there[1]}", 1


def _kind(declared: str) -> str:
    """Types that programs use alike."""
    name = declared.split("(")[0].strip()
    if name.removeprefix("U") in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}:
        return "whole"
    if name in {"FLOAT", "DOUBLE"}:
        return "float"
    if name.startswith("TIMESTAMP"):
        return "zoned" if "ZONE" in name else "moment"
    return "nothing" if name == '"NULL"' else name


def _described(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    return con.execute(f"DESCRIBE {_quoted(name)}").fetchall()


def _named(columns: dict[str, tuple[Any, ...]], column: str) -> str | None:
    found = columns.get(slug(column))
    return None if found is None else _quoted(found[0])


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
