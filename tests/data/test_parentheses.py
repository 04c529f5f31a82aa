"""Joins in any parentheses are answered as without a rule, over the rows that the viewer may see."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlglot import exp

from handrail.data.models import Column, RowFilter
from handrail.data.parse import read
from handrail.data.resolve import DATASET, resolve
from tests.cases import cases
from tests.data.governing import House, contract

COLUMNS = (Column("id", "BIGINT"), Column("x", "BIGINT"), Column("region", "VARCHAR"))
KINDS = {name: contract(name, COLUMNS, RowFilter("region = viewer.region")) for name in ("one", "two")}
ROWS = {
    "one": pa.table({"id": [1, 2, 3, 4], "x": [1, 1, 2, 2], "region": ["EMEA", "APAC", "EMEA", "EMEA"]}),
    "two": pa.table({"id": [1, 2, 3, 3], "x": [1, 5, 2, 7], "region": ["EMEA", "EMEA", "APAC", "EMEA"]}),
}
answered = Counter[str]()


@dataclass(frozen=True)
class Item:
    """A part of a FROM clause, and the names in it that can be seen from outside."""

    sql: str
    names: tuple[str, ...]


@st.composite
def items(draw: st.DrawFn, depth: int, kinds: tuple[str, ...] = ()) -> Item:
    """Tables, made-up tables, subqueries, and joins of these in up to three pairs of parentheses."""
    name = f"n{draw(st.integers(0, 10**6))}"
    kind = draw(st.sampled_from(kinds or ([*PLAIN, *INSIDE, *["join"] * 6] if depth else [*PLAIN])))
    if kind != "join":
        of = draw(items(depth - 1)) if kind in INSIDE else None
        made = of.sql if of else ""
        key = f"{of.names[0]}.id" if of else ""
        return Item((PLAIN | INSIDE)[kind].format(name=name, made=made, key=key), (name,))
    left = draw(items(depth - 1))
    names = left.names
    sql = left.sql
    for _ in range(draw(st.integers(1, 2))):
        right = draw(items(depth - 1))
        how = draw(st.sampled_from(JOINS))
        sql += " " + how.format(right=right.sql, a=names[0], b=right.names[0], name=f"{name}l")
        if "LATERAL" in how:
            names += (f"{name}l",)
        elif not how.startswith(("SEMI", "ANTI")):
            names += right.names
    for _ in range(draw(st.integers(1, 3))):
        sql = f"({sql})"
    return Item(sql, names)


PLAIN = {
    "one": "one {name}",
    "two": "two AS {name}",
    "values": "(VALUES (1, 5), (3, 1)) {name}(id, x)",
    "range": "range(4) {name}(id)",
    "unnest": "(SELECT unnest([1, 3, 9]) AS id) {name}",
}
INSIDE = {
    "subquery": "(SELECT {key}, 1 AS x FROM {made}) {name}",
    "more parentheses": "(((SELECT {key} FROM {made}))) {name}",
    "renamed": "(SELECT 1 AS y, {key} AS z FROM {made}) AS {name}(x, id)",
    "renamed in part": "(SELECT {key} AS z, 2 AS x FROM {made}) AS {name}(id)",
    "common table": "(WITH one AS (SELECT {key} FROM {made}) SELECT id FROM one) {name}",
    "common table renamed": "(WITH c(id) AS (SELECT {key} FROM {made}) FROM c) {name}",
    "set": "((SELECT {key} FROM {made}) UNION ALL (SELECT id FROM two)) {name}",
    "limit": "((SELECT {key} FROM {made}) ORDER BY 1 LIMIT 3) {name}",
}
JOINS = (
    "JOIN {right} ON {a}.id = {b}.id",
    "LEFT JOIN {right} ON {a}.id < {b}.id",
    "FULL JOIN {right} ON {a}.id = {b}.id",
    "CROSS JOIN {right}",
    "JOIN {right} ON {a}.id IN (SELECT o.id FROM (one o JOIN two t ON o.id = t.id))",
    "SEMI JOIN {right} ON {a}.id = {b}.id",
    "ANTI JOIN {right} ON {a}.id = {b}.id",
    "JOIN LATERAL (SELECT {a}.id, t.x FROM two t WHERE t.id = {a}.id) {name} ON TRUE",
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("house"), KINDS)
    for name, rows in ROWS.items():
        made.put(name, rows)
    return made


@pytest.fixture(scope="module")
def plain(house: House) -> Iterator[duckdb.DuckDBPyConnection]:
    database = duckdb.connect(":memory:")
    for name in ROWS:
        database.execute(f"CREATE TABLE {name} AS FROM '{house.folder}/{name}.parquet' WHERE region = 'EMEA'")
    yield database
    database.close()


@settings(max_examples=cases(200), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(item=items(3, kinds=("join",)))
def test_what_is_joined_in_parentheses_is_joined_over_visible_rows(
    house: House, plain: duckdb.DuckDBPyConnection, item: Item
) -> None:
    sql = f"SELECT {', '.join(f'{name}.id' for name in item.names)} FROM {item.sql}"
    tree = resolve(read(sql), sql, KINDS).tree  # whatever DuckDB says to it, every table is decided
    names = [table.name for table in tree.find_all(exp.Table) if DATASET not in table.meta and table.name]
    assert all(name.startswith("_with") for name in names)
    try:
        expected = plain.sql(sql).fetchall()
    except duckdb.Error:
        answered["unfit"] += 1
        return
    note(sql)
    rows = house.ask(sql)
    assert Counter(zip(*rows.to_pydict().values(), strict=True)) == Counter(expected)
    answered["fit"] += 1


def test_most_of_them_fit() -> None:
    if answered:
        assert answered["fit"] > 2 * answered["unfit"], answered


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1 FROM ((one NATURAL JOIN two))", {"one": "id x region", "two": "id x region"}),
        ("SELECT 1 FROM ((one o JOIN two USING (id)))", {"one": "id", "two": "id"}),
        ("SELECT 1 FROM ((SELECT 1 AS id) q JOIN one USING (id))", {"one": "id"}),
        ("SELECT 1 FROM (((SELECT 1 AS id) q NATURAL JOIN one))", {"one": "id x region"}),
        ("SELECT x FROM ((SELECT 1 AS id) q JOIN one ON TRUE)", {"one": "x"}),
        ("SELECT * FROM ((SELECT 1 AS id) q JOIN one ON TRUE)", {"one": "id x region"}),
        ("SELECT one FROM ((SELECT 1 AS id) q JOIN one ON TRUE)", {"one": "id x region"}),
        ("SELECT one.* FROM (((SELECT 1 AS id) q JOIN one ON TRUE))", {"one": "id x region"}),
        ("SELECT 1 FROM ((VALUES (1)) v(id) JOIN one ON one.id = v.id)", {"one": "id"}),
        ("SELECT v.x FROM ((VALUES ((SELECT max(x) FROM two))) v(x) JOIN one ON TRUE)", {"one": "", "two": "x"}),
        ("SELECT 1 FROM (range((SELECT max(x) FROM two)) r(i) JOIN one ON r.i = one.id)", {"one": "id", "two": "x"}),
        ("WITH c AS (FROM one) SELECT c.x FROM ((c JOIN two ON c.id = two.id))", {"one": "id x region", "two": "id"}),
    ],
)  # fmt: skip
def test_the_columns_read_are_those_named_in_any_parentheses(sql: str, reads: dict[str, str]) -> None:
    found = resolve(read(sql), sql, KINDS).reads
    assert {name: " ".join(columns) for name, columns in found.items()} == reads
