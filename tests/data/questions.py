"""Random data, policies and questions for the differential test, and what a viewer may see, worked out in Python."""

import datetime as dt
import decimal
import hashlib
import math
from typing import Any

import pyarrow as pa
import sqlglot
from hypothesis import strategies as st

from handrail.data import masks
from handrail.data.models import Column, Contract, Mask, RowFilter
from handrail.kernel import Person
from tests.data.governing import SECRET, contract, viewer

REGIONS = ("EMEA", "APAC", "it's")
TYPES = {
    "k": "BIGINT",
    "n": "BIGINT",
    "m": "BIGINT",
    "region": "VARCHAR",
    "t": "VARCHAR",
    "a b": "VARCHAR",
    "d": "DATE",
    "at": "TIMESTAMP",
    "x": "DECIMAL(8,2)",
    "f": "DOUBLE",
    "ok": "BOOLEAN",
    "tags": "VARCHAR[]",
}
ARROW = {
    "BIGINT": pa.int64(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "DECIMAL(8,2)": pa.decimal128(8, 2),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR[]": pa.list_(pa.string()),
}
PLAIN = {"a": ("k", "n", "region", "t", "d", "x", "ok", "tags"), "b": ("k", "m", "region", "a b", "at", "f")}

small = st.integers(-3, 5)
words = st.sampled_from(["x", "yy", "", "it's", "é", "-1", "%_"])
values: dict[str, st.SearchStrategy[Any]] = {
    "BIGINT": small,
    "VARCHAR": words,
    "DATE": st.dates(dt.date(1999, 11, 1), dt.date(2001, 2, 28)),
    "TIMESTAMP": st.datetimes(dt.datetime(1999, 11, 1), dt.datetime(2001, 2, 28)),  # noqa: DTZ001 - has no zone
    "DECIMAL(8,2)": st.integers(-900, 900).map(lambda cents: decimal.Decimal(cents) / 100),
    "DOUBLE": st.integers(-9, 9).map(lambda halves: halves / 2),  # whose sums are exact in any order
    "BOOLEAN": st.booleans(),
    "VARCHAR[]": st.lists(words, max_size=3),
}
FILTERS = {
    "region = viewer.region": lambda r, who: who.get("region") is not None and r["region"] == who["region"],
    "region IN viewer.regions": lambda r, who: (
        r["region"] is not None and r["region"] in who.get("regions", ())
    ),
    "k > 1": lambda r, who: r["k"] is not None and r["k"] > 1,
    "k IN viewer.numbers": lambda r, who: r["k"] is not None and str(r["k"]) in who.get("numbers", ()),
    "k = viewer.number": lambda r, who: r["k"] is not None and str(r["k"]) == who.get("number"),
    "lower(region) LIKE 'e%' OR k IS NULL": lambda r, who: r["k"] is None or (r["region"] or "") == "EMEA",
    "region = viewer.missing": lambda r, who: False,
    "region <> viewer.region OR k IS NULL": lambda r, who: (
        who.get("region") is not None and (r["k"] is None or r["region"] not in (None, who["region"]))
    ),
}


SCALARS = (
    "coalesce(CAST({plain} AS VARCHAR), '-')",
    "upper(CAST({plain} AS VARCHAR))",
    "CASE WHEN {plain} IS NULL THEN 1 ELSE 0 END",
    "length(concat({plain}, {other}))",
    "(SELECT max(k) FROM b AS s WHERE s.region = {alias}.region)",
    "nullif(CAST({plain} AS VARCHAR), CAST({other} AS VARCHAR))",
    "replace(CAST({plain} AS VARCHAR), 'x', 'longer')",
    "CAST({plain} AS VARCHAR) || '|' || CAST({other} AS VARCHAR)",
    "(SELECT count(*) FROM a AS s, LATERAL (SELECT s.k + 1 AS j) AS l WHERE l.j = {alias}.k)",
    "$word",
    "greatest({alias}.k, $low)",
    "md5(CAST({plain} AS VARCHAR))",
)
CONDITIONS = (
    "{one} IS NOT NULL",
    "{alias}.k > 0",
    "{alias}.k BETWEEN $low AND 3",
    "{alias}.region = 'EMEA' OR {alias}.k = 2",
    "EXISTS (SELECT 1 FROM b AS e WHERE e.k = {alias}.k)",
    "NOT EXISTS (SELECT 1 FROM a AS e WHERE e.region = {alias}.region AND e.k > {alias}.k)",
    "{alias}.k IN (SELECT k FROM a)",
    "{alias}.k NOT IN (SELECT m FROM b WHERE m IS NOT NULL)",
    "{alias}.k = ANY (SELECT m FROM b)",
    "({alias}.k, {alias}.region) IN (SELECT k, region FROM b)",
    "NOT ({alias}.region LIKE 'A%')",
    "{alias}.region ILIKE $word",
    "TRY_CAST({one} AS BIGINT) BETWEEN -1 AND 3",
    "{alias}.k > (SELECT avg(k) FROM a)",
    "{alias}.region IS DISTINCT FROM $word",
    "regexp_matches(CAST({one} AS VARCHAR), '^[A-Z]')",
)
QUERIES = (
    *("{inner}", "{inner}", "{inner}"),
    *(f"{{inner}} {kind} {{other}}" for kind in ("UNION ALL", "UNION", "EXCEPT", "INTERSECT")),
    "SELECT * FROM ({inner}) AS s WHERE p IS NOT NULL",
    "SELECT s.*, o.q AS r FROM ({inner}) AS s JOIN ({other}) AS o USING (p)",
    "SELECT p, q FROM ({inner}) AS s WHERE q IN (SELECT o.q FROM ({other}) AS o WHERE o.p = s.p)",
    "WITH {name} AS ({inner}) SELECT {name}.p, count(*) AS q FROM {name} GROUP BY {name}.p",
    "WITH {name} AS ({inner}), d AS (SELECT * FROM {name}) SELECT d.*, 1 AS r FROM d",
    "WITH {name} AS MATERIALIZED ({inner}) SELECT x.p, y.q FROM {name} x JOIN {name} y ON x.p = y.p",
    "WITH {name}(u, v) AS ({inner}) SELECT u, max(v) AS w FROM {name} GROUP BY u",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 4) "
    "SELECT r.n, s.p FROM r LEFT JOIN ({inner}) AS s ON TRY_CAST(s.q AS BIGINT) = r.n",
    "SELECT p, count(*) OVER (PARTITION BY p) AS r, p AS s FROM ({inner}) w",
    "SELECT p, lag(q) OVER (ORDER BY p, q) AS r, rank() OVER w AS s FROM ({inner}) v WINDOW w AS (ORDER BY p)",
    "SELECT * FROM ({inner}) w ORDER BY p, q LIMIT 3",
    "SELECT k, unnest(tags) AS tag FROM a",
    "SELECT a.k, u.tag FROM a, LATERAL (SELECT unnest(a.tags) AS tag) AS u",
    "SELECT a.k, a.region, b.m FROM a NATURAL JOIN b",
    "SELECT k, a.n, b.m FROM a LEFT JOIN b USING (k, region)",
    "SELECT k, region, a.n FROM a FULL JOIN b USING (k, region)",
    "SELECT a.k AS k, b.at AS at FROM a ASOF JOIN b ON a.d >= b.at",
    "SELECT * FROM a",
    "SELECT a.* REPLACE (upper(t) AS t) FROM a",
    "SELECT count(*) AS n FROM a, b",
    "FROM b SELECT region, sum(m) AS m GROUP BY ALL",
    "SELECT sum(x) AS x, sum(f) AS f FROM a JOIN b USING (region)",
    "SELECT a.region AS region, count(*) AS n FROM a JOIN b USING (k) GROUP BY a.region",
    "SELECT * EXCLUDE (k) FROM b",
    "SELECT v.i, a.t FROM (VALUES (1), (2)) AS v(i) LEFT JOIN a ON a.k = v.i",
    "SELECT g AS k, (SELECT count(*) FROM a WHERE a.k = g) AS n FROM generate_series(0, 3) AS s(g)",
    "SELECT region, k, count(*) AS n, grouping(region) AS g FROM a GROUP BY CUBE (region, k)",
)


@st.composite
def tables(draw: st.DrawFn, name: str) -> pa.Table:
    """A few rows of a dataset."""
    count = draw(st.integers(0, 7))

    def column(kind: str) -> pa.Array:
        one = st.sampled_from(REGIONS) if kind == "region" else values[TYPES[kind]]
        drawn = draw(st.lists(st.one_of(st.none(), one), min_size=count, max_size=count))
        return pa.array(drawn, ARROW[TYPES[kind]])

    return pa.table({kind: column(kind) for kind in PLAIN[name]})


@st.composite
def policies(draw: st.DrawFn, name: str) -> Contract:
    """A contract with row filters and masks."""

    def mask(column: str) -> Mask | None:
        # A number that is hidden in part is a text. Whether comparing it with a number fails then depends on
        # the order in which the engine happens to evaluate, so only texts are hidden in part or hashed here.
        kinds: list[dict[str, Any]] = {
            "BIGINT": [{"kind": "bucket", "width": 2}, {"kind": "bucket", "width": 3}],
            "DECIMAL(8,2)": [{"kind": "bucket", "width": 4}],
            "DOUBLE": [{"kind": "bucket", "width": 0.5}, {"kind": "bucket", "width": 3}],
            "VARCHAR": [{"kind": "partial"}, {"kind": "hash"}],
            "DATE": [
                {"kind": "partial"},
                {"kind": "truncate", "to": "month"},
                {"kind": "truncate", "to": "year"},
            ],
            "TIMESTAMP": [{"kind": "partial"}, {"kind": "truncate", "to": "month"}],
        }.get(TYPES[column], [])
        drawn = draw(st.sampled_from([None, None, None, {"kind": "null"}, *kinds]))
        return Mask(**drawn, unless_groups=draw(st.sampled_from([(), ("hr",)]))) if drawn else None

    columns = [Column(column, TYPES[column], mask=mask(column)) for column in PLAIN[name]]
    one = st.builds(RowFilter, st.sampled_from(sorted(FILTERS)), st.sampled_from([(), ("sales",), ("hr",)]))
    return contract(name, columns, *draw(st.lists(one, max_size=3)))


@st.composite
def people(draw: st.DrawFn) -> Person:
    """Somebody in some groups, with some of the attributes that filters name."""
    attributes = {
        "region": draw(st.sampled_from([None, *REGIONS])),
        "regions": draw(st.one_of(st.none(), st.lists(st.sampled_from(REGIONS), max_size=2).map(tuple))),
        "number": draw(st.sampled_from([None, "1", "2", "nonsense"])),
        "numbers": draw(st.sampled_from([None, (), ("1", "-2"), ("3", "nonsense")])),
    }
    groups = draw(st.sampled_from([(), ("sales",), ("hr", "sales")]))
    return viewer(*groups, **{name: value for name, value in attributes.items() if value is not None})


def visible(rows: pa.Table, policy: Contract, person: Person) -> list[dict[str, Any]]:
    """What the viewer may see of a dataset."""
    mine = [f for f in policy.row_filters if not f.groups or person.groups & set(f.groups)]
    if policy.row_filters and not mine:
        return []
    kept = [row for row in rows.to_pylist() if not mine or FILTERS[mine[0].sql](row, person.attributes)]
    return [{c.name: shown(c, row[c.name], person) for c in policy.columns} for row in kept]


def shown(column: Column, value: Any, person: Person) -> Any:
    """A value as the viewer sees it."""
    mask = column.mask
    if mask is None or value is None or person.groups & set(mask.unless_groups):
        return value
    if mask.kind == "null":
        return None
    if mask.kind == "bucket":
        width = mask.width or 1
        return type(value)(
            math.floor(value / (decimal.Decimal(width) if column.type[:3] == "DEC" else width)) * width
        )
    if isinstance(value, dt.date):
        start = value.replace(day=1) if mask.to == "month" else value.replace(day=1, month=1)
        return (
            start.replace(hour=0, minute=0, second=0, microsecond=0)
            if isinstance(start, dt.datetime)
            else start
        )
    if mask.kind == "hash":
        return hashlib.sha256((masks.key(SECRET) + value).encode()).hexdigest()[:20]
    return f"{value[:1]}***"


@st.composite
def scalars(draw: st.DrawFn, sources: dict[str, str], depth: int = 2) -> str:
    """An expression over the columns of `sources` (alias to dataset), each column qualified or not."""
    alias = draw(st.sampled_from(sorted(sources)))
    column = draw(st.sampled_from(PLAIN[sources[alias]]))
    quoted = f'"{column}"' if " " in column or draw(st.booleans()) else column
    plain = f"{alias}.{quoted}" if len(sources) > 1 or draw(st.booleans()) else quoted
    if depth == 0 or draw(st.booleans()):
        return plain
    form = draw(st.sampled_from(SCALARS))
    other = draw(scalars(sources, depth - 1)) if "{other}" in form else ""
    return form.format(plain=plain, other=other, alias=alias)


@st.composite
def conditions(draw: st.DrawFn, sources: dict[str, str]) -> str:
    """A condition over `sources`."""
    form, alias = draw(st.sampled_from(CONDITIONS)), draw(st.sampled_from(sorted(sources)))
    one = draw(scalars(sources, 1)) if "{one}" in form else ""
    return form.format(one=one, alias=alias)


@st.composite
def selects(draw: st.DrawFn) -> str:
    """A SELECT of two texts, p and q, so that it can stand in a set operation or a common table."""
    first, second = draw(st.sampled_from("ab")), draw(st.sampled_from("ab"))
    joins = {
        **{
            f"{side} JOIN": f"{first} x {side} JOIN {second} y ON x.k = y.k"
            for side in ("", "LEFT", "RIGHT", "FULL")
        },
        "plain": f"{first} x JOIN {second} AS y ON x.region = y.region AND x.k IS NOT NULL",
        "loose": f"{first} x LEFT JOIN {second} y ON x.k < y.k OR y.region = 'EMEA'",
        "comma": f"{first} x, {second} y",
        "cross": f"{first} x CROSS JOIN {second} y",
        "lateral": f"{first} x, LATERAL (SELECT * FROM {second} i WHERE i.k = x.k) y",
        "nested": f"{first} x JOIN ({second} AS y JOIN b AS z ON y.k = z.k) ON x.k = z.k",
    }
    alone = {
        "one": f"{first} x",
        "semi": f"{first} x SEMI JOIN {second} y ON x.k = y.k",
        "anti": f"{first} x ANTI JOIN {second} y USING (k)",
        "below": f"(SELECT * FROM {first}) AS x",
        "filtered": f"(SELECT * FROM {first} WHERE k > 0 ORDER BY k) AS x",
        "distinct": f"(SELECT DISTINCT ON (k, region) * FROM {first} ORDER BY ALL) AS x",
        "qualified": f"(SELECT * FROM {first} QUALIFY rank() OVER (PARTITION BY region ORDER BY k) = 1) AS x",
    }
    shape = draw(st.sampled_from([*joins, *alone]))
    sources = {"x": first, "y": second} if shape in joins else {"x": first}
    where = f" WHERE {draw(conditions(sources))}" if draw(st.booleans()) else ""
    where += f" AND {draw(conditions(sources))}" if where and draw(st.booleans()) else ""
    from_ = (joins | alone)[shape]
    one, two = draw(scalars(sources)), draw(scalars(sources))
    if draw(st.integers(0, 2)):
        distinct = draw(st.sampled_from(["", "DISTINCT "]))
        return (
            f"SELECT {distinct}CAST({one} AS VARCHAR) AS p, CAST({two} AS VARCHAR) AS q FROM {from_}{where}"
        )
    key = draw(scalars(sources, 0))
    total = draw(
        st.sampled_from(
            [
                *("count(*)", "sum(x.k)", "count(DISTINCT x.region)", "max(x.region)", "bool_or(x.k > 1)"),
                *(
                    "count(*) FILTER (WHERE x.k > 0)",
                    "list(DISTINCT x.k ORDER BY x.k)",
                    "arg_max(x.region, x.k)",
                ),
                *("string_agg(DISTINCT x.region, ',' ORDER BY x.region)", "median(x.k)", "min(x.k) + $low"),
            ]
        )
    )
    by = draw(
        st.sampled_from([key, f"ROLLUP ({key})", f"GROUPING SETS (({key}), ())", f"CUBE ({key})", "ALL"])
    )
    having = draw(st.sampled_from(["", " HAVING count(*) > 1", f" HAVING {total} IS NOT NULL"]))
    return f"SELECT CAST({key} AS VARCHAR) AS p, CAST({total} AS VARCHAR) AS q FROM {from_}{where} GROUP BY {by}{having}"


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query; now and then written anew by the parser, in another hand."""
    form = draw(st.sampled_from(QUERIES))
    name = draw(st.sampled_from(["a", "c", "B"]))  # a common table may be called like a dataset
    inner, other = (draw(selects()) if part in form else "" for part in ("{inner}", "{other}"))
    sql = form.format(inner=inner, other=other, name=name)
    if draw(st.integers(0, 3)):
        return sql
    pretty, identify = draw(st.booleans()), draw(st.booleans())
    return sqlglot.parse_one(sql, dialect="duckdb").sql(dialect="duckdb", pretty=pretty, identify=identify)
