"""What was a name or a text in a query is one in the SQL that the engine runs, whatever stands in it.

The parser takes texts for names, units and parameters in many places, and its generator writes these without
quotes; in a rewritten query they would stand above every rule, beside the engine's own copies.
"""

import datetime
import decimal

import pyarrow as pa
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from handrail.data import parse
from handrail.data.govern import Entitlement, rewritten
from handrail.data.parse import DUCKDB, read
from handrail.data.resolve import resolve
from handrail.kernel import Refusal
from tests.cases import cases
from tests.data.governing import CONTRACTS, EMEA, House, reads

PRODUCTION = Entitlement.of(EMEA, "production")
RAW = "(SELECT list(c) FROM governed.orders c)"

ATTACKS = {
    "a name between dollars": f"SELECT id AS $$x, {RAW} AS y$$ FROM orders",
    "a name between dollars with a word": f"SELECT id AS $a$x, {RAW} AS y$a$ FROM orders",
    "a name with escapes": f"SELECT id AS E'x, {RAW} AS y' FROM orders",
    "a name before a colon": f"SELECT E'x, {RAW} AS y': id FROM orders",
    "the name of a table": f"SELECT o.id, z.* FROM orders AS E'o, (SELECT {RAW} AS y) AS z'",
    "the name of a subquery": f"SELECT z.* FROM (SELECT id FROM orders) AS $$o, (SELECT {RAW} AS y) AS z$$",
    "the name of a column after a table's": f"SELECT * FROM (SELECT id FROM orders) AS o($$x), (SELECT {RAW} AS y$$)",
    "the name of a common table's column": f"WITH c($$x) AS (SELECT {RAW}), d(y$$) AS (SELECT id FROM orders) SELECT * FROM c",
    "a replaced column": f"SELECT * REPLACE (id AS $$id), {RAW} AS y, abs(1$$) FROM orders",
    "a renamed column": f"SELECT * RENAME (id AS $$x), {RAW} AS y, abs(1$$) FROM orders",
    "the part of a date": f'SELECT EXTRACT("year FROM ordered), {RAW}, EXTRACT(day" FROM ordered) FROM orders',
    "the precision of a type": f'SELECT CAST(id AS DECIMAL("18), {RAW}, CAST(1 AS DECIMAL(18")) FROM orders',
    "the precision of a moment": f'SELECT CAST(id AS TIMESTAMP("3), {RAW}, CAST(1 AS TIMESTAMP(3")) FROM orders',
    "a unit": f"SELECT last_day(ordered, 'ordered), {RAW}, last_day(ordered') FROM orders",
    "a parameter": f'SELECT $"x, {RAW} AS y, $x" FROM orders',
    "the unit of an interval": "SELECT ordered + INTERVAL '1 secret' DAY FROM orders",
    "a statement within a type": 'SELECT CAST(id AS "`; x") FROM orders',
    "a type": 'SELECT CAST(id AS "a""b") FROM orders',
}  # fmt: skip

PLACES = """
SELECT EXTRACT({} FROM ordered) FROM orders
SELECT date_trunc({}, ordered), date_part({}, ordered) FROM orders
SELECT date_diff({}, ordered, ordered), dateadd({}, 1, ordered) FROM orders
SELECT last_day(ordered, {}) FROM orders
SELECT ordered + INTERVAL {} DAY FROM orders
SELECT ordered + INTERVAL 1 {} FROM orders
SELECT CAST(id AS {}) FROM orders
SELECT CAST(id AS DECIMAL({}, 2)) FROM orders
SELECT CAST(id AS STRUCT({} INT)) FROM orders
SELECT DATE {}, {} '1' FROM orders
SELECT id AS {} FROM orders
SELECT {}: id FROM orders
SELECT o.id FROM orders AS {}
SELECT {}.id FROM orders AS {}
SELECT * EXCLUDE ({}) FROM orders
SELECT * REPLACE (id AS {}) FROM orders
SELECT * RENAME ({} AS {}) FROM orders
SELECT ${} FROM orders
SELECT 1 FROM (SELECT id FROM orders) AS {}({})
WITH {}({}) AS (SELECT id FROM orders) SELECT * FROM {}
SELECT o.id FROM orders o JOIN customers USING ({})
SELECT sum(amount) OVER {} FROM orders WINDOW {} AS (ORDER BY id ROWS {} PRECEDING)
SELECT id FROM orders ORDER BY {} LIMIT {}
SELECT id FROM orders WHERE region LIKE {} ESCAPE {}
SELECT regexp_replace(region, {}, {}, {}), regexp_extract(region, {}, [{}]) FROM orders
SELECT strftime(ordered, {}), strptime(region, {}) FROM orders
SELECT format({}, id), printf({}, id) FROM orders
SELECT string_agg(region, {} ORDER BY {}), listagg(region, {}) FROM orders
SELECT trim(BOTH {} FROM region), substring(region FROM {}), position({} IN region) FROM orders
SELECT ordered AT TIME ZONE {} FROM orders
SELECT struct_pack({} := id).{}, MAP {{{}: id}} FROM orders
SELECT region -> {}, region ->> {}, region[{}:{}] FROM orders
SELECT id FROM orders, range(DATE '2020-01-01', DATE '2021-01-01', INTERVAL {} DAY) {}({})
SELECT first(id ORDER BY {}), lag(id, 1, {}) OVER (PARTITION BY {}) FROM orders
SELECT id FROM orders UNION ALL BY NAME SELECT id AS {} FROM orders
SELECT x.{} FROM orders, LATERAL (SELECT 1 AS {}) AS x
SELECT * FROM orders, (VALUES ({})) AS {}({})
""".strip().splitlines()
QUOTED = st.sampled_from(['"{}"', "'{}'", "E'{}'", "$${}$$", "$q${}$q$", "U&'{}'", "x'{}'", "N'{}'"])
SIGNS = st.text(alphabet="ab \"'\\$()[]{},.;:-/*\n`é0", max_size=12)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("house"))
    day = datetime.date(2026, 1, 1)
    made.put("orders", pa.table({
        "id": [1, 2], "customer_id": [1, 1], "region": ["EMEA", "APAC"], "amount": [1.0, 2.0],
        "ordered": [day, day], "Ship Name": ["a", "b"],
    }))  # fmt: skip
    made.put("customers", pa.table({
        "id": [1], "name": ["Bob"], "email": ["b@x.example"], "phone": ["1"],
        "salary": pa.array([decimal.Decimal(1)], pa.decimal128(12, 2)), "born": [day],
    }))  # fmt: skip
    return made


@pytest.mark.parametrize("name", ATTACKS)
def test_no_text_in_a_query_becomes_a_part_of_it(house: House, name: str) -> None:
    with pytest.raises(Refusal):
        print(house.ask(ATTACKS[name]).to_pylist())


@pytest.mark.parametrize("name", ATTACKS)
def test_nor_does_one_name_the_engines_copies_without_that_wall(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse, "_is_quoted_or_word", lambda _: True)
    with pytest.raises(Refusal):
        print(house.ask(ATTACKS[name]).to_pylist())


@settings(max_examples=cases(400), deadline=None, database=None)
@given(place=st.sampled_from(PLACES), quoted=QUOTED, before=SIGNS, after=SIGNS)
def test_what_is_quoted_stays_quoted(place: str, quoted: str, before: str, after: str) -> None:
    written = quoted.format(f"{before} zqx {after}")
    sql = place.replace("{{", "{ ").replace("}}", " }").replace("{}", written)
    try:
        made = rewritten(resolve(read(sql), sql, CONTRACTS), CONTRACTS, PRODUCTION, "production").sql
    except Refusal:
        return
    note(made)
    bare = [t for t in DUCKDB.tokenize(made) if t.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)]
    assert "zqx" not in [token.text.lower() for token in bare]
    tables = {table.sql() for table in DUCKDB.parse(made)[0].find_all(exp.Table) if table.db}
    assert tables <= {'"governed"."orders" AS _row', '"governed"."customers" AS _row'}


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT id AS "number, of ""it""" FROM orders',
        "SELECT id AS 'a name' FROM orders",
        "SELECT id AS größe, region AS регион, amount AS a$b FROM orders",
        "SELECT 'it''s governed', 'a\\nb', 1.5e-3, .5, 1_000 FROM orders",
        "SELECT 1 AS governed, 2 AS ungoverned FROM orders AS \"governed\"",
        "SELECT EXTRACT('year' FROM ordered), date_trunc('month', ordered), ordered + INTERVAL 3 DAY FROM orders",
        "SELECT sum(amount) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM orders",
        "SELECT CAST(amount AS DECIMAL(12, 2)), id::VARCHAR FROM orders",
        "SELECT region -> '$.a b' FROM (SELECT '{}'::JSON AS region FROM orders)",
    ],
)  # fmt: skip
def test_honest_names_and_texts_are_answered(house: House, sql: str) -> None:
    assert house.ask(sql).num_rows == 1


def test_a_parameter_has_a_plain_name() -> None:
    assert reads("SELECT region FROM orders WHERE id = $größe_1 OR id = ?") == {"orders": ("id", "region")}
    with pytest.raises(Refusal, match="parameter"):
        read('SELECT $"a b" FROM orders')
