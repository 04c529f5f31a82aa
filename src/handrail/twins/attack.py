"""Attacks a twin as somebody would who knows real people: were they among those it was made from?

The real rows are split. A second twin is made from one half, to which values like no other were added (see
`canaries.py`), and held against both halves. A twin that remembers is closer to the half that it was made
from, and who was in that half can be told by how close the twin comes; one that has learned only shares tells
neither. The measures are those of DCR with a hold-out (as in Platzer and Reutterer, 2021) and of membership
inference by distance (Hayes et al., 2019), both 0.5 when nothing is remembered. Distances are counted in
columns whose bins differ. What chance alone reaches in 997 of 1000 attacks is not held against a twin.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from handrail.twins.canaries import HALF, KINDS, found_again, planted
from handrail.twins.coded import coded_sql, modelled
from handrail.twins.columns import quoted
from handrail.twins.generate import generate
from handrail.twins.models import Attack, ColumnSketch, Field, Table
from handrail.twins.plane import Plane, plane_over
from handrail.twins.sketch import Taken, take

LEARNED = 5_000  # rows of each half
COMPARED = 1_000  # rows of each half and of the twin: 2 x 10^6 distances
MOST_COLUMNS = 64  # of a wider table every so many: those beyond are drawn each on its own
FEWEST = 200  # rows of each half below which chance hides everything
SLACK = 0.03
UNKNOWN = 255  # stands for a value that no bin holds: two of those do not differ
Codes = NDArray[np.uint8]
_ROW = '"#row"'  # where a row stands among those that the halves are picked from
SIGMAS = 3  # what chance reaches in 997 of 1000 attacks


def attack(whole: Plane, name: str, seed: int) -> Attack | None:
    """Make a twin from half of a table's rows and try to tell the halves apart; None where they are too few.

    Keys and links are left out: they are numbered anew and say nothing. Of a large table the rows come from
    its sample. Leaves nothing in the plane.
    """
    table, k = whole.tables[name], whole.k_of(name)
    free = tuple(one for one in table.fields if quoted(one.name.lower()) not in (HALF, _ROW))
    table = replace(table, fields=free)
    with whole.apart() as (con, own):
        if _halved(con, whole, table, k) < FEWEST:
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
        plane = plane_over(con, [Table(name, fields, table.path, _entity(table, fields))], k, own)
        taken = take(plane)
        twin = generate(taken.sketch, seed, "plain")[name].table
        con.register("twin_rows", twin)
        return _measured(plane, taken, name, found_again(plane, taken.sketch, twin))


def _entity(table: Table, fields: Sequence[Field]) -> str | None:
    """The column that k counts, where it is still there: keys are not."""
    return table.entity if any(one.name == table.entity for one in fields) else None


def _halved(con: duckdb.DuckDBPyConnection, whole: Plane, table: Table, k: int) -> int:
    """Make the two halves, `src_0` with the canaries and `hold_rows`; returns how many rows each may have."""
    every = max(1, whole.sampled[table.name] // (2 * LEARNED))
    names = [one.name for one in table.fields]
    listed = ", ".join(map(quoted, names))
    numbered = f"SELECT {listed}, row_number() OVER () - 1 AS {_ROW} FROM {whole.rows_of(table.name)}"
    con.execute(
        f"CREATE TABLE picked AS SELECT {listed}, hash({_ROW}) // 65536 % 2 AS {HALF} "
        f"FROM ({numbered}) WHERE hash({_ROW}) % {every} = 0"
    )
    con.execute(f"CREATE VIEW src_0 AS SELECT {listed} FROM picked WHERE {HALF} = 0{planted(con, names, k)}")
    con.execute(f"CREATE VIEW hold_rows AS SELECT {listed} FROM picked WHERE {HALF} = 1")
    halves = f"count(*) FILTER ({HALF} = 0), count(*) FILTER ({HALF} = 1)"
    return int(min(con.execute(f"SELECT {halves} FROM picked").fetchall()[0]))


def _measured(plane: Plane, taken: Taken, name: str, canaries: dict[str, str]) -> Attack | None:
    """Both measures, from the distances of each row to the nearest of the other side."""
    columns = [one for one in taken.coded[name].columns if modelled(one)]
    if len(columns) < 2:
        return None
    sources = (plane.views[name], "hold_rows", "twin_rows")
    train, hold, twin = (_codes(plane, name, columns, source) for source in sources)
    away = _differing(twin, train), _differing(twin, hold)
    closer, auc = _measures(*away)
    compared = min(len(twin), len(train), len(hold))
    spread = SIGMAS * 0.5 / math.sqrt(compared)
    found = Attack(
        round(closer, 4),
        round(auc, 4),
        len(canaries),
        round(0.5 + SLACK + spread, 4),
        planted=len(KINDS),
        compared=compared,
        distances=_histogram(away[0].min(axis=0), away[1].min(axis=0), plane.k),
    )
    if found.held:
        return found
    if canaries:
        return replace(found, column=next(iter(canaries.values())))
    without = []
    for n in range(len(columns)):
        one = slice(n, n + 1)
        own = _differing(twin[:, one], train[:, one]), _differing(twin[:, one], hold[:, one])
        without.append(max(_measures(away[0] - own[0], away[1] - own[1])))
    return replace(found, column=columns[without.index(min(without))].name)


def _codes(plane: Plane, name: str, columns: Sequence[ColumnSketch], source: str) -> Codes:
    """The bins of the rows of a rendition, as many as are compared, a column each."""
    some = f"(SELECT * FROM {source} USING SAMPLE reservoir({COMPARED} ROWS) REPEATABLE (7))"
    names = [f"c{number}" for number in range(len(columns))]
    sql, values = coded_sql(plane, name, dict(zip(names, columns, strict=True)), some)
    filled = ", ".join(f"coalesce({one}, {UNKNOWN})::UTINYINT AS {one}" for one in names)
    found = plane.con.execute(f"SELECT {filled} FROM ({sql})", values).fetchnumpy()
    return np.column_stack([found[one] for one in names])


def _differing(rows: Codes, others: Codes) -> Codes:
    """In how many columns each row differs from each of the others."""
    found = np.zeros((len(rows), len(others)), dtype=np.uint8)
    for column in range(rows.shape[1]):
        found += rows[:, None, column] != others[None, :, column]
    return found


def _measures(to_train: Codes, to_hold: Codes) -> tuple[float, float]:
    """The share of twin rows nearer to the half it was made from, and how well nearness tells that half."""
    here, there = to_train.min(axis=1), to_hold.min(axis=1)
    closer = np.where(here < there, 1.0, np.where(here == there, 0.5, 0.0)).mean()
    return float(closer), _auc(to_train.min(axis=0), to_hold.min(axis=0))


def _histogram(train: Codes, hold: Codes, k: int) -> tuple[tuple[int, float, float], ...]:
    """How far real rows are from the nearest row of the twin, as shares of each half; what fewer than k have
    is added to the next."""
    most = int(max(train.max(), hold.max())) + 1
    counted = (np.bincount(one, minlength=most) for one in (train, hold))
    kept: list[list[int]] = []
    open_train = open_hold = 0
    for distance, (in_train, in_hold) in enumerate(zip(*counted, strict=True)):
        open_train, open_hold = open_train + int(in_train), open_hold + int(in_hold)
        if open_train + open_hold >= k:
            kept.append([distance, open_train, open_hold])
            open_train = open_hold = 0
    if kept:
        kept[-1][1], kept[-1][2] = kept[-1][1] + open_train, kept[-1][2] + open_hold
    whole = [sum(one[side] for one in kept) or 1 for side in (1, 2)]
    return tuple((one[0], round(one[1] / whole[0], 4), round(one[2] / whole[1], 4)) for one in kept)


def _auc(members: np.ndarray, others: np.ndarray) -> float:
    """How often somebody who was in is closer to the twin than somebody who was not (Mann-Whitney)."""
    every = np.concatenate([members, others])
    _, place, counts = np.unique(every, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = len(members), len(others)
    above = ranks[:n].sum() - n * (n + 1) / 2
    return float(1 - above / (n * m))
