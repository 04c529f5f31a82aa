"""Attacks a twin as somebody would who knows real people: were they among those it was made from?

The real rows are split. A second twin is made from one half, to which values like no other were added (see
`canaries.py`), and held against both halves. A twin that remembers is closer to the half that it was made
from, and who was in that half can be told by how close the twin comes; one that has learned only shares tells
neither. The measures are those of DCR with a hold-out (as in Platzer and Reutterer, 2021) and of membership
inference by distance (Hayes et al., 2019), both 0.5 when nothing is remembered. Distances are counted in
DuckDB, in columns whose bins differ. What chance alone reaches in 997 of 1000 attacks is not held against
a twin.
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

from handrail.twins.canaries import HALF, KINDS, found_again, planted
from handrail.twins.coded import coding, modelled
from handrail.twins.columns import quoted
from handrail.twins.generate import generate
from handrail.twins.models import Attack, ColumnSketch, Field, Table
from handrail.twins.plane import Plane, open_plane
from handrail.twins.sketch import Taken, take

LEARNED = 5_000  # rows of each half
COMPARED = 1_000  # rows of each half and of the twin: 2 x 10^6 distances
MOST_COLUMNS = 64  # of a wider table every so many: those beyond are drawn each on its own
FEWEST = 200  # rows of each half below which chance hides everything
SLACK = 0.03
SIGMAS = 3  # what chance reaches in 997 of 1000 attacks


def attack(table: Table, k: int, seed: int) -> Attack | None:
    """Make a twin from half of the rows and try to tell the halves apart; None where the rows are too few.

    Keys and links are left out: they are numbered anew and say nothing. Reads the extract, writes only into
    a directory that is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="handrail-attack-") as folder:
        train, hold = Path(folder) / "train.parquet", Path(folder) / "hold.parquet"
        if _split(table, train, hold, k) < FEWEST:
            return None
        pointing = {name for link in table.combined for name in link.columns}
        fields = tuple(
            replace(one, references=None, primary_key=False, unique=False, required=False)
            for one in table.fields
            if not (one.references or one.primary_key or one.unique or one.name in pointing)
        )
        if len(fields) < 2:
            return None
        fields = fields[:: -(-len(fields) // MOST_COLUMNS)]
        plane = open_plane([Table(table.name, fields, train, _entity(table, fields))], k)
        with plane.con:
            taken = take(plane)
            twin = generate(taken.sketch, seed, "plain")[table.name].table
            plane.con.register("twin_rows", twin)
            plane.con.read_parquet(str(hold)).create_view("hold_rows")
            return _measured(plane, taken, table.name, found_again(plane, taken.sketch, twin))


def _entity(table: Table, fields: Sequence[Field]) -> str | None:
    """The column that k counts, where it is still there: keys are not."""
    return table.entity if any(one.name == table.entity for one in fields) else None


def _split(table: Table, train: Path, hold: Path, k: int) -> int:
    """Write the two halves, the first with the canaries; returns how many rows each may have."""
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.execute("SELECT count(*) FROM read_parquet(?)", [str(table.path)]).fetchall()[0][0]
        every = max(1, rows // (2 * LEARNED))
        listed = ", ".join(quoted(one.name) for one in table.fields)
        source = f"read_parquet({_text(table.path)}, file_row_number = true)"
        con.execute(
            f"CREATE TABLE picked AS SELECT {listed}, hash(file_row_number) // 65536 % 2 AS {HALF} "
            f"FROM {source} WHERE hash(file_row_number) % {every} = 0"
        )
        for half, path in ((0, train), (1, hold)):
            extra = planted(con, [one.name for one in table.fields], k) if half == 0 else ""
            wanted = f"SELECT {listed} FROM picked WHERE {HALF} = {half}{extra}"
            con.execute(f"COPY ({wanted}) TO {_text(path)} (FORMAT parquet)")
        halves = f"count(*) FILTER ({HALF} = 0), count(*) FILTER ({HALF} = 1)"
        return int(min(con.execute(f"SELECT {halves} FROM picked").fetchall()[0]))


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _measured(plane: Plane, taken: Taken, name: str, canaries: dict[str, str]) -> Attack | None:
    """Both measures, from the distances of each row to the nearest of the other side."""
    columns = [one for one in taken.coded[name].columns if modelled(one)]
    if len(columns) < 2:
        return None
    for relation, source in (("train", plane.views[name]), ("hold", "hold_rows"), ("twin", "twin_rows")):
        _code(plane, name, columns, f"{relation}_codes", source)
    differ = [f"(a.c{n} IS DISTINCT FROM b.c{n})::INTEGER" for n in range(len(columns))]
    whole = " + ".join(differ)
    measures = _nearest(plane, [whole])
    closer, auc, compared = measures[0]
    spread = SIGMAS * 0.5 / math.sqrt(compared)
    found = Attack(
        round(closer, 4),
        round(auc, 4),
        len(canaries),
        round(0.5 + SLACK + spread, 4),
        planted=len(KINDS),
        compared=compared,
        distances=_histogram(plane),
    )
    if found.held:
        return found
    if canaries:
        return replace(found, column=next(iter(canaries.values())))
    without = _nearest(plane, [f"{whole} - {one}" for one in differ])
    best = min(range(len(columns)), key=lambda n: max(without[n][:2]))
    return replace(found, column=columns[best].name)


def _nearest(plane: Plane, distances: Sequence[str]) -> list[tuple[float, float, int]]:
    """For each way to count a distance: the share of twin rows nearer to the half it was made from, how well
    nearness tells that half, and how many rows were compared. Leaves the nearest distances in tables."""
    counted = ", ".join(f"({one})::UTINYINT AS d{n}" for n, one in enumerate(distances))
    least = ", ".join(f"min(d{n})::DOUBLE AS d{n}" for n in range(len(distances)))
    for half in ("train", "hold"):
        plane.con.execute(
            f"CREATE OR REPLACE TEMP TABLE near AS SELECT a.n AS twin, b.n AS real, {counted} "
            f"FROM twin_codes AS a CROSS JOIN {half}_codes AS b"
        )
        for side in ("twin", "real"):
            plane.con.execute(
                f"CREATE OR REPLACE TEMP TABLE near_{half}_{side} AS "
                f"SELECT {side} AS n, {least} FROM near GROUP BY {side}"
            )
    measures = []
    for n in range(len(distances)):
        closer, rows = plane.con.execute(
            f"SELECT avg(CASE WHEN t.d{n} < h.d{n} THEN 1.0 WHEN t.d{n} = h.d{n} THEN 0.5 ELSE 0.0 END), "
            "count(*) FROM near_train_twin AS t JOIN near_hold_twin AS h USING (n)"
        ).fetchall()[0]
        halves = [
            np.asarray(
                plane.con.execute(f"SELECT d{n} FROM near_{half}_real ORDER BY n").fetchnumpy()[f"d{n}"]
            )
            for half in ("train", "hold")
        ]
        measures.append((float(closer), _auc(*halves), int(min(rows, *(len(one) for one in halves)))))
    return measures


def _histogram(plane: Plane) -> tuple[tuple[int, float, float], ...]:
    """How far real rows are from the nearest row of the twin, as shares of each half; what fewer than k have
    is added to the next."""
    counted = plane.con.execute(
        "SELECT d, count(*) FILTER (half = 't'), count(*) FILTER (half = 'h') FROM ("
        "SELECT d0::INTEGER AS d, 't' AS half FROM near_train_real UNION ALL "
        "SELECT d0::INTEGER, 'h' FROM near_hold_real) GROUP BY d ORDER BY d"
    ).fetchall()
    kept: list[list[int]] = []
    open_train = open_hold = 0
    for distance, train, hold in counted:
        open_train, open_hold = open_train + train, open_hold + hold
        if open_train + open_hold >= plane.k:
            kept.append([distance, open_train, open_hold])
            open_train = open_hold = 0
    if kept:
        kept[-1][1], kept[-1][2] = kept[-1][1] + open_train, kept[-1][2] + open_hold
    train, hold = (sum(one[side] for one in kept) or 1 for side in (1, 2))
    return tuple((one[0], round(one[1] / train, 4), round(one[2] / hold, 4)) for one in kept)


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
