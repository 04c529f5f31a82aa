"""Two worlds that differ only in rows that the viewer may not see, and random questions that may fail."""

import random
from pathlib import Path

import pyarrow as pa

from handrail.data.models import Column, Contract, RowFilter
from handrail.kernel import Refusal
from handrail.kernel.ports import EngineLimits
from tests.data.governing import House, contract, viewer

WHO = viewer("sales", region="EMEA", regions=("EMEA", "x"))
FILTERS = (
    "region = viewer.region",
    "region IN viewer.regions",
    "k <= 100",
    "region = viewer.region OR k < 0",
    "lower(region) = lower(viewer.region)",
    "length(region) = 4 AND region LIKE 'E%' AND k < 1000",
    "region = viewer.region AND NOT (t = 'hidden')",
    "coalesce(region, '') = viewer.region",
)
SCHEMA = pa.schema(
    [
        *(("k", pa.int64()), ("n", pa.int64()), ("region", pa.string())),
        *(("t", pa.string()), ("u", pa.string()), ("v", pa.float64())),
    ]
)
COLUMNS = "{a}.k AS k, {a}.n AS n, {a}.region AS region, {a}.t AS t, {a}.u AS u, {a}.v AS v"
# What fails on some values: of the type it is cast to, out of range, or without meaning.
FAILING = (
    "CAST({a}.t AS INT) = 1",
    "CAST({a}.u AS INT) = 5",
    "CAST({a}.u AS DATE) > DATE '2019-01-01'",
    "CAST({a}.n AS TINYINT) > 1",
    "CAST({a}.v AS INT) > 0",
    "CAST({a}.region AS INT) = 1",
    "{a}.t = 1",
    "{a}.n + 9223372036854775800 > 0",
    "{a}.k * {a}.k > 3",
    "sqrt({a}.v) > 1",
    "ln({a}.n) > 0",
    "factorial(CAST({a}.n AS INT)) > 1",
    "chr(CAST({a}.n AS INT)) = 'a'",
    "repeat('x', {a}.n) = 'x'",
    "strptime({a}.u, '%Y-%m-%d') IS NOT NULL",
    "make_date({a}.n, 1, 1) IS NOT NULL",
    "DATE '2020-01-01' + CAST({a}.n AS INT) > DATE '2020-01-01'",
    "date_part({a}.t, DATE '2020-01-01') = 1",
    "regexp_matches({a}.t, {a}.u)",
    "format('{{:d}}', {a}.t) = 'x'",
    "len(range({a}.n)) > 1",
)
PLAIN = (
    *(
        "{a}.n > 60",
        "{a}.n < -6",
        "{a}.n > 5",
        "{a}.n IS NULL",
        "{a}.n IN (10000, 7)",
        "{a}.k > 500",
        "{a}.k = 2",
    ),
    *("{a}.v > 100", "{a}.v < 0", "{a}.t > 'a'", "{a}.t IS NULL", "{a}.t = 'hidden'", "{a}.t = 'boom'"),
    *("{a}.region <> 'EMEA'", "{a}.region = 'EMEA'", "true"),
)
CHANGED = (
    "{a}.k AS k, {a}.n + 1 AS n, {a}.region AS region, CAST(CAST({a}.t AS INT) AS VARCHAR) AS t, {a}.u AS u, "
    "sqrt({a}.v) AS v",
    "{a}.k AS k, CAST({a}.n AS TINYINT)::BIGINT AS n, {a}.region AS region, {a}.t AS t, "
    "CAST(CAST({a}.u AS DATE) AS VARCHAR) AS u, {a}.v AS v",
)


def contracts(rnd: random.Random) -> dict[str, Contract]:
    """Two datasets, each with a row filter."""
    kinds = {"k": "BIGINT", "n": "BIGINT", "region": "VARCHAR", "t": "VARCHAR", "u": "VARCHAR", "v": "DOUBLE"}
    columns = [Column(name, kind) for name, kind in kinds.items()]
    return {name: contract(name, columns, RowFilter(rnd.choice(FILTERS))) for name in "ab"}


def tables(rnd: random.Random) -> tuple[pa.Table, pa.Table]:
    """As many rows in the same places in two tables; only those that the viewer may not see are different."""
    visible = [
        {
            "k": k,
            "n": rnd.randint(-5, 50),
            "region": "EMEA",
            "t": rnd.choice("127"),
            "u": rnd.choice(["a", "5", "2020-01-01"]),
            "v": rnd.random() * 10,
        }
        for k in range(rnd.choice([0, 1, 2, 5, 30]))
    ]
    many = rnd.choice([1, 2, 50, 3000])
    order = list(range(len(visible) + many))
    if rnd.random() < 0.5:
        rnd.shuffle(order)

    def made() -> pa.Table:
        tame = rnd.random() < 0.5
        rows = visible + [_hidden(rnd, number, tame) for number in range(many)]
        return pa.Table.from_pylist([rows[place] for place in order], SCHEMA)

    return made(), made()


def _hidden(rnd: random.Random, number: int, tame: bool) -> dict[str, object]:
    if tame:
        return {"k": 2000 + number, "n": 7, "region": "APAC", "t": "1", "u": "5", "v": 1.0}
    return {
        "k": rnd.choice([1000 + number, 2**63 - 1, 5000]),
        "n": rnd.choice([10**4, -(10**4), 2**63 - 1, None]),
        "region": "APAC",
        "t": rnd.choice(["boom", "hidden", "", None]),
        "u": rnd.choice(["boom", "zz", None]),
        "v": rnd.choice([-1.0, 1e300, None]),
    }


def question(rnd: random.Random, depth: int = 2) -> str:
    """A random SELECT of the six columns, over datasets or further questions."""

    def source(alias: str) -> str:
        return (
            f"({question(rnd, depth - 1)}) AS {alias}"
            if depth and rnd.random() < 0.4
            else f"{rnd.choice('ab')} AS {alias}"
        )

    def condition(*aliases: str) -> str:
        parts = []
        for _ in range(rnd.choice([1, 2, 2, 3])):
            part = rnd.choice(FAILING if rnd.random() < 0.5 else PLAIN).format(a=rnd.choice(aliases))
            if rnd.random() < 0.25:
                when, other = rnd.choice(PLAIN).format(a=rnd.choice(aliases)), rnd.choice(["true", "false"])
                part = f"CASE WHEN {when} THEN {part} ELSE {other} END"
            parts.append(f"({part})")
        return rnd.choice([" AND "] * 4 + [" OR "]).join(parts)

    def where(*aliases: str) -> str:
        return f" WHERE {condition(*aliases)}" if rnd.random() < 0.8 else ""

    columns = rnd.choice([COLUMNS] * 3 + list(CHANGED))
    x, y, c = source("x"), source("y"), columns.format(a="x")
    on = rnd.choice(
        ["x.k = y.k", "x.region = y.region", "CAST(x.t AS INT) = y.n", f"x.k = y.k AND {condition('x', 'y')}"]
    )
    either = columns.format(a=rnd.choice("xy"))
    total = "max(x.k) AS k, {n} AS n, x.region AS region, min(x.t) AS t, max(x.u) AS u, avg(x.v) AS v"
    filtered = f"count(*) FILTER (WHERE {condition('x')})"
    rest = "x.region AS region, x.t AS t, x.u AS u, x.v AS v"
    return rnd.choice(
        [
            f"SELECT {c} FROM {x}{where('x')}",
            *(
                f"SELECT {either} FROM {x} {kind} JOIN {y} ON {on}{where('x', 'y')}"
                for kind in ("INNER", "LEFT", "RIGHT", "FULL")
            ),
            f"SELECT {c} FROM {x}, {y} WHERE {condition('x', 'y')} AND x.k = y.k",
            f"SELECT {c} FROM {x} SEMI JOIN {y} ON x.k = y.k{where('x')}",
            f"SELECT {c} FROM {x} ANTI JOIN {y} ON x.k = y.k{where('x')}",
            f"SELECT {c} FROM {x} WHERE EXISTS (SELECT 1 FROM {y} WHERE y.k = x.k AND {condition('y')}) AND {condition('x')}",
            f"SELECT {c} FROM {x} WHERE x.k IN (SELECT y.k FROM {y}{where('y')}) AND {condition('x')}",
            f"SELECT {total.format(n='CAST(sum(x.n) AS BIGINT)')} FROM {x}{where('x')} GROUP BY x.region",
            f"SELECT {total.format(n=filtered)} FROM {x} GROUP BY x.region",
            *(
                f"SELECT {c} FROM {x}{where('x')} {kind} SELECT {columns.format(a='y')} FROM {y}{where('y')}"
                for kind in ("UNION ALL", "EXCEPT", "INTERSECT")
            ),
            f"SELECT DISTINCT {c} FROM {x}{where('x')}",
            f"SELECT {c} FROM {x}{where('x')} ORDER BY CAST(x.t AS INT), x.k, x.n LIMIT 3",
            f"SELECT {c} FROM {x}, LATERAL (SELECT y.k AS k FROM {y} WHERE y.k = x.k AND {condition('y')}) AS z{where('x')}",
            f"SELECT x.k AS k, row_number() OVER (PARTITION BY x.region ORDER BY x.k) AS n, {rest} FROM {x}{where('x')}",
            f"SELECT x.k AS k, (SELECT max(y.n) FROM {y} WHERE y.k = x.k AND {condition('y')}) AS n, {rest} FROM {x}{where('x')}",
            f"WITH w AS (SELECT {c} FROM {x}{where('x')}) SELECT {COLUMNS.format(a='w')} FROM w JOIN w AS z ON w.k = z.k WHERE {condition('w')}",
        ]
    )


class Worlds:
    """The same visible rows and as many hidden ones, twice."""

    def __init__(self, folder: Path, seed: int) -> None:
        rnd = random.Random(seed)
        kinds = contracts(rnd)
        self.houses = (House(folder / "one", kinds), House(folder / "other", kinds))
        for house in self.houses:
            house.folder.mkdir(exist_ok=True)
        for name in kinds:
            for house, table in zip(self.houses, tables(rnd), strict=True):
                house.put(name, table)
        self.filters = {name: kind.row_filters[0].sql for name, kind in kinds.items()}
        self.questions = [question(rnd) for _ in range(8)]

    def outcomes(self, sql: str) -> list[str]:
        """What comes of `sql` in each world: its rows, or that it failed."""
        return [outcome(house, sql) for house in self.houses]


def outcome(house: House, sql: str, seconds: float = 20) -> str:
    """The rows in a fixed order, or the refusal."""
    try:
        answer = house.ask(sql, WHO, limits=EngineLimits(seconds, 256, 2))
    except Refusal as refusal:
        return f"refused: {refusal.message}"
    return str(sorted(map(str, answer.to_pylist())))
