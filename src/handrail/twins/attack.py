"""Attacks a twin as somebody would who knows real people: were they among those it was made from?

The real rows are split. A second twin is made from one half, to which a row like no other was added (the
canary), and held against both halves. A twin that remembers is closer to the half that it was made from, and
who was in that half can be told by how close the twin comes; one that has learned only shares tells neither.
The measures are those of DCR with a hold-out (as in Platzer and Reutterer, 2021) and of membership inference
by distance (Hayes et al., 2019), both 0.5 when nothing is remembered. Distances are counted in DuckDB, in
columns whose bins differ.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np

from handrail.twins import codec
from handrail.twins.coded import coding, modelled
from handrail.twins.columns import quoted
from handrail.twins.generate import generate
from handrail.twins.models import Attack, ColumnSketch, Table
from handrail.twins.plane import Plane, open_plane
from handrail.twins.roles import kind_of
from handrail.twins.sketch import Taken, take

LEARNED = 5_000  # rows of each half
COMPARED = 1_000  # rows of each half and of the twin: 2 x 10^6 distances
FEWEST = 200  # rows of each half below which chance hides everything
SLACK = 0.03
CANARY = "Zzyzx-Canary"
BEYOND = 1000.0  # times the greatest value


def attack(table: Table, k: int, seed: int) -> Attack | None:
    """Make a twin from half of the rows and try to tell the halves apart; None where the rows are too few.

    Keys and links are left out: they are numbered anew and say nothing. Reads the extract, writes only into
    a directory that is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="handrail-attack-") as folder:
        train, hold = Path(folder) / "train.parquet", Path(folder) / "hold.parquet"
        if _split(table, train, hold) < FEWEST:
            return None
        fields = tuple(
            replace(one, references=None, primary_key=False, unique=False, required=False)
            for one in table.fields
            if not (one.references or one.primary_key or one.unique)
        )
        if len(fields) < 2:
            return None
        plane = open_plane([Table(table.name, fields, train)], k)
        with plane.con:
            taken = take(plane)
            twin = generate(taken.sketch, seed, "plain")[table.name].table
            text = codec.to_json(taken.sketch).decode() + str(twin.slice(0, LEARNED).to_pydict())
            plane.con.register("twin_rows", twin)
            plane.con.read_parquet(str(hold)).create_view("hold_rows")
            return _measured(plane, taken, table.name, found=CANARY in text or _extreme(plane, taken))


def _split(table: Table, train: Path, hold: Path) -> int:
    """Write the two halves, the first with the canary; returns how many rows each may have."""
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.execute("SELECT count(*) FROM read_parquet(?)", [str(table.path)]).fetchall()[0][0]
        every = max(1, rows // (2 * LEARNED))
        listed = ", ".join(quoted(one.name) for one in table.fields)
        picked = (
            f"SELECT {listed}, hash(file_row_number) // 65536 % 2 AS half FROM "
            f"read_parquet('{str(table.path).replace(chr(39), chr(39) * 2)}', file_row_number = true) "
            f"WHERE hash(file_row_number) % {every} = 0"
        )
        con.execute(f"CREATE TABLE picked AS {picked}")
        types = {row[0]: row[1] for row in con.execute("DESCRIBE picked").fetchall()}
        strange = ", ".join(_strange(one.name, types[one.name]) for one in table.fields)
        for half, path in ((0, train), (1, hold)):
            canary = f" UNION ALL SELECT {strange} FROM picked" if half == 0 else ""
            wanted = f"SELECT {listed} FROM picked WHERE half = {half}{canary}"
            con.execute(f"COPY ({wanted}) TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
        halves = "count(*) FILTER (half = 0), count(*) FILTER (half = 1)"
        return int(min(con.execute(f"SELECT {halves} FROM picked").fetchall()[0]))


def _strange(name: str, sql_type: str) -> str:
    """A value that no other row has, where the type has room for one; else any that occurs."""
    kind, column = kind_of(sql_type), quoted(name)
    if kind == "text" and not sql_type.upper().startswith("ENUM("):
        return f"'{CANARY}' AS {column}"
    if kind in ("integer", "decimal", "float"):
        beyond = f"max(abs({column}))::DOUBLE * {BEYOND}"
        return f"coalesce(TRY_CAST({beyond} AS {sql_type}), any_value({column})) AS {column}"
    return f"any_value({column}) AS {column}"


def _extreme(plane: Plane, taken: Taken) -> bool:
    """Whether the twin holds a number as great as the canary's, where that was greater than all others."""
    columns = taken.sketch.tables[0].columns
    numbers = [one for one in columns if one.kind in ("integer", "decimal", "float") and one.shares]
    for one in numbers:
        greatest = f"max(abs({quoted(one.name)}))::DOUBLE"
        (found,) = plane.con.execute(
            f"SELECT twin >= train / 2 AND train > hold * {BEYOND / 10} FROM "
            f"(SELECT {greatest} AS twin FROM twin_rows), (SELECT {greatest} AS hold FROM hold_rows), "
            f"(SELECT {greatest} AS train FROM {plane.views[taken.sketch.tables[0].name]})"
        ).fetchall()[0]
        if found:
            return True
    return False


def _measured(plane: Plane, taken: Taken, name: str, *, found: bool) -> Attack | None:
    columns = [one for one in taken.coded[name].columns if modelled(one)]
    if len(columns) < 2:
        return None
    for relation, source in (("train", plane.views[name]), ("hold", "hold_rows"), ("twin", "twin_rows")):
        _code(plane, name, columns, f"{relation}_codes", source)
    distance = " + ".join(f"(a.c{n} IS DISTINCT FROM b.c{n})::INTEGER" for n in range(len(columns)))
    plane.con.execute(
        "CREATE OR REPLACE TEMP TABLE near AS "
        + " UNION ALL ".join(
            f"SELECT '{half}' AS half, a.n AS twin, b.n AS real, {distance} AS d "
            f"FROM twin_codes AS a CROSS JOIN {half}_codes AS b"
            for half in ("train", "hold")
        )
    )
    closer, rows = plane.con.execute(
        "SELECT avg(CASE WHEN t < h THEN 1.0 WHEN t = h THEN 0.5 ELSE 0.0 END), count(*) FROM (SELECT "
        "min(d) FILTER (half = 'train') AS t, min(d) FILTER (half = 'hold') AS h FROM near GROUP BY twin)"
    ).fetchall()[0]
    members = [
        np.array(
            plane.con.execute(
                "SELECT min(d) FROM near WHERE half = ? GROUP BY real ORDER BY real", [half]
            ).fetchnumpy()["min(d)"],
            dtype=float,
        )
        for half in ("train", "hold")
    ]
    auc = _auc(*members)
    spread = 3 / math.sqrt(12 * min(rows, *(len(one) for one in members)))
    return Attack(round(float(closer), 4), round(auc, 4), int(found), round(0.5 + SLACK + spread, 4))


def _code(plane: Plane, name: str, columns: Sequence[ColumnSketch], target: str, source: str) -> None:
    """Bin rows of a rendition, as many as are compared."""
    picked, values = [], []
    for number, one in enumerate(columns):
        sql, given = coding(plane, name, one, quoted(one.name))
        picked.append(f"{sql} AS c{number}")
        values += given
    plane.con.execute(
        f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT row_number() OVER () AS n, {', '.join(picked)} "
        f"FROM (SELECT * FROM {source} USING SAMPLE reservoir({COMPARED} ROWS) REPEATABLE (7))",
        values,
    )


def _auc(members: np.ndarray, others: np.ndarray) -> float:
    """How often somebody who was in is closer to the twin than somebody who was not (Mann-Whitney)."""
    every = np.concatenate([members, others])
    _, place, counts = np.unique(every, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = len(members), len(others)
    above = ranks[:n].sum() - n * (n + 1) / 2
    return float(1 - above / (n * m))
