"""An attacker's notebook: each string is refused, or answered within policy, never in an engine's words.

The canaries: a row of another region, a masked salary, a file beside the data, the process environment and the
engine's settings and catalog.
"""

import datetime
import decimal
import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from handrail.adapters.engines.duckdb import DuckDB
from handrail.data.models import Column
from handrail.kernel import Refusal
from tests.data.governing import CONTRACTS, EMEA, LIMITS, House, contract

CANARIES = (
    "APAC",
    "4711",
    "77777",
    "beside-the-data",
    "in-the-environment",
    "threads",
    "governed",
    ".parquet",
)

FILES = """
SELECT * FROM 'secret.csv'
SELECT * FROM "secret.csv"
SELECT * FROM '{folder}/secret.csv'
SELECT * FROM '{folder}/orders.parquet'
SELECT * FROM "{folder}/orders.parquet"
SELECT * FROM '{folder}/*.parquet'
FROM '/etc/passwd'
SELECT * FROM read_csv('{folder}/secret.csv')
SELECT * FROM read_csv_auto('{folder}/secret.csv')
SELECT * FROM read_parquet('{folder}/orders.parquet')
SELECT * FROM parquet_scan('{folder}/orders.parquet')
SELECT * FROM read_parquet(['{folder}/orders.parquet', '{folder}/customers.parquet'])
SELECT * FROM parquet_metadata('{folder}/orders.parquet')
SELECT * FROM parquet_schema('{folder}/orders.parquet')
SELECT * FROM parquet_kv_metadata('{folder}/orders.parquet')
SELECT * FROM parquet_file_metadata('{folder}/orders.parquet')
SELECT * FROM read_text('{folder}/secret.csv')
SELECT * FROM read_blob('{folder}/secret.csv')
SELECT * FROM read_json('{folder}/secret.csv')
SELECT * FROM read_json_auto('{folder}/secret.csv')
SELECT * FROM read_ndjson('{folder}/secret.csv')
SELECT * FROM read_json_objects('{folder}/secret.csv')
SELECT * FROM read_duckdb('{folder}/other.duckdb')
SELECT * FROM sniff_csv('{folder}/secret.csv')
SELECT * FROM glob('{folder}/*')
SELECT * FROM sqlite_scan('{folder}/x.sqlite', 't')
SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')
SELECT * FROM iceberg_scan('s3://bucket/x')
SELECT * FROM delta_scan('s3://bucket/x')
SELECT * FROM 'https://example.org/x.parquet'
SELECT * FROM 's3://bucket/x.parquet'
SELECT * FROM 'http://169.254.169.254/latest/meta-data'
SELECT content FROM read_text('/proc/self/environ')
SELECT (SELECT content FROM read_text('{folder}/secret.csv')) AS x
SELECT * FROM orders, read_csv('{folder}/secret.csv')
SELECT * FROM orders WHERE id IN (SELECT * FROM read_csv('{folder}/secret.csv'))
WITH x AS (FROM '{folder}/secret.csv') SELECT * FROM x
SELECT filename, file_row_number FROM orders
SELECT rowid FROM orders
SELECT _row.region FROM orders
SELECT getvariable('x')
SELECT getenv('CANARY')
"""

CATALOG = """
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns
SELECT * FROM duckdb_views()
SELECT * FROM duckdb_views
SELECT sql FROM duckdb_tables()
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_settings
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_columns()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_memory()
SELECT * FROM duckdb_variables()
SELECT * FROM duckdb_logs
SELECT * FROM duckdb_prepared_statements()
SELECT * FROM sqlite_master
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_views
SELECT * FROM pragma_table_info('orders')
SELECT * FROM pragma_show('governed.orders')
SELECT * FROM pragma_database_list()
SELECT * FROM pragma_storage_info('orders')
SELECT * FROM storage_info('orders')
SELECT * FROM summary(TABLE orders)
SELECT * FROM test_all_types()
SELECT current_setting('threads')
SELECT current_database()
SELECT current_schemas(true)
SELECT current_schema
SELECT current_user
SELECT session_user
SELECT user
SELECT version()
SELECT txid_current()
SELECT pg_typeof(1)
SELECT col_description(1, 1)
SELECT pg_get_viewdef(1)
SELECT has_table_privilege('orders', 'select')
SELECT in_search_path('main', 'governed')
SELECT nextval('s')
SELECT currval('s')
SELECT * FROM governed.orders
SELECT * FROM "governed"."orders"
SELECT * FROM memory.governed.orders
SELECT * FROM main.orders
SELECT governed.orders.region FROM orders
SELECT * FROM orders AT (VERSION => 1)
"""

TEXT_AS_SQL = """
SELECT * FROM query('SELECT * FROM governed.orders')
SELECT * FROM query_table('governed.orders')
SELECT * FROM query_table(['governed.orders'])
SELECT * FROM query('FROM ''{folder}/secret.csv''')
FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM governed.orders'))
SELECT json_serialize_sql('SELECT 1')
SELECT json_serialize_plan('SELECT * FROM governed.orders')
SELECT json_deserialize_sql('x')
SELECT list_aggregate([1], 'sum')
SELECT list_reduce([1, 2], (x, y) -> x + y)
SELECT apply([1], x -> x)
SELECT list_transform(['governed.orders'], x -> query_table(x))
SELECT [x FOR x IN [1, 2]]
SELECT COLUMNS('region') FROM orders
SELECT COLUMNS(c -> c LIKE 's%') FROM customers
SELECT eval('1')
"""

STATEMENTS = """
COPY orders TO '{folder}/out.csv'
COPY (SELECT * FROM orders) TO '{folder}/out.csv'
COPY orders FROM '{folder}/secret.csv'
EXPORT DATABASE '{folder}/out'
IMPORT DATABASE '{folder}/out'
ATTACH '{folder}/x.duckdb' AS x
DETACH memory
USE governed
INSTALL httpfs
LOAD httpfs
FORCE INSTALL httpfs
SET enable_external_access = true
SET threads = 1
RESET threads
SET VARIABLE x = (SELECT 1)
PRAGMA enable_external_access
PRAGMA database_list
PRAGMA show_tables
PRAGMA table_info('orders')
CALL pragma_version()
EXPLAIN SELECT * FROM orders
EXPLAIN ANALYZE SELECT * FROM orders
SUMMARIZE orders
SUMMARIZE SELECT * FROM orders
DESCRIBE orders
DESCRIBE SELECT * FROM orders
SHOW TABLES
SHOW ALL TABLES
SHOW orders
SELECT * FROM (DESCRIBE orders)
SELECT * FROM (SUMMARIZE orders)
SELECT * FROM (SHOW TABLES)
FROM (EXPLAIN SELECT * FROM orders)
CREATE TABLE t AS SELECT * FROM orders
CREATE TEMP TABLE t AS SELECT * FROM orders
CREATE VIEW v AS SELECT * FROM orders
CREATE TEMP VIEW v AS SELECT * FROM orders
CREATE MACRO m() AS TABLE SELECT * FROM orders
CREATE SECRET (TYPE s3)
CREATE SCHEMA x
INSERT INTO orders VALUES (1)
UPDATE orders SET amount = 0
DELETE FROM orders
MERGE INTO orders USING customers ON true WHEN MATCHED THEN DELETE
TRUNCATE orders
DROP TABLE orders
DROP VIEW governed.orders
ALTER TABLE orders ADD COLUMN x INT
COMMENT ON TABLE orders IS 'x'
BEGIN
COMMIT
ROLLBACK
CHECKPOINT
VACUUM
ANALYZE
PREPARE p AS SELECT * FROM orders
EXECUTE p
DEALLOCATE p
KILL 1
GRANT SELECT ON orders TO x
SELECT * INTO t FROM orders
SELECT 1; SELECT * FROM governed.orders
SELECT 1; DROP VIEW governed.orders
SELECT 1;; COPY orders TO '{folder}/out.csv'
WITH x AS (INSERT INTO orders VALUES (1) RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x
PIVOT orders ON region USING sum(amount)
UNPIVOT orders ON id, amount
SELECT * FROM orders PIVOT (sum(amount) FOR region IN ('EMEA'))
SELECT * FROM orders UNPIVOT (v FOR n IN (id, amount))
SELECT * FROM orders TABLESAMPLE 1 ROWS
SELECT * FROM orders USING SAMPLE 1
SELECT * FROM orders POSITIONAL JOIN customers
SELECT * FROM orders FOR UPDATE
VALUES (1)
"""

SHADOWING = """
WITH orders AS (SELECT * FROM orders) SELECT * FROM orders
WITH orders AS (SELECT * FROM orders), x AS (SELECT * FROM orders) SELECT * FROM x
WITH "Orders" AS (SELECT * FROM ORDERS) SELECT * FROM "oRDERS"
WITH RECURSIVE orders AS (SELECT id FROM customers UNION ALL SELECT id + 1 FROM orders WHERE id < 12) SELECT * FROM orders
WITH x AS (WITH orders AS (SELECT 1 AS id) SELECT * FROM orders) SELECT * FROM x, orders
SELECT * FROM (WITH orders AS (SELECT * FROM orders) SELECT * FROM orders) AS o
WITH governed AS (SELECT 1 AS a) SELECT * FROM governed.orders
WITH _with0 AS (SELECT 1 AS a) SELECT * FROM _with0
WITH c AS (SELECT * FROM _with1), d AS (SELECT 1 AS a) SELECT * FROM c
WITH _row AS (SELECT 1 AS a) SELECT * FROM orders, _row
SELECT (SELECT region FROM orders o WHERE o.id = x.id) FROM orders AS x
SELECT _row.salary FROM customers AS _row
SELECT * FROM orders AS _row, LATERAL (SELECT _row.region AS r) AS l
SELECT * FROM orders o JOIN orders p ON o.region <> p.region
SELECT * FROM orders RIGHT JOIN (SELECT 1 AS k) ON true
SELECT * FROM (orders CROSS JOIN customers)
SELECT orders FROM orders
SELECT customers FROM customers
SELECT to_json(customers) FROM customers
SELECT struct_pack(*) FROM customers
SELECT {{'x': salary}} FROM customers
SELECT list(salary) FROM customers
SELECT max(salary), min(salary), sum(salary) FROM customers
SELECT histogram(salary) FROM customers
SELECT quantile_cont(salary, 0.5) FROM customers
SELECT arg_max(name, salary) FROM customers
SELECT count(*) FROM customers WHERE salary = 77777
SELECT count(*) FROM customers WHERE name LIKE 'Bob%'
SELECT id FROM customers ORDER BY salary DESC LIMIT 1
SELECT name FROM customers WHERE name IN (SELECT 'Bob')
SELECT * REPLACE (salary AS id) FROM customers
SELECT * EXCLUDE (salary) FROM customers
SELECT * RENAME (salary AS pay) FROM customers
SELECT customers.* FROM customers NATURAL JOIN orders
"""

TRICKS = """
SELECT/**/region/**/FROM/**/orders
SELECT region FROM orders -- WHERE false
SELECT region FROM orders /* */ WHERE /* ' */ true /* ' */
SELECT region FROM orders WHERE region = 'EMEA' OR '1' = '1'
SELECT region FROM orders WHERE 'a' = 'a' --' AND false
SELECT region FROM orders WHERE id = 2 OR (SELECT true)
SELECT region FROM ｏｒｄｅｒｓ
SELECT region FROM orders\u200b
SELECT region FROM\u00a0orders
SELECT \u202eregion FROM orders
SELECT reg\u0131on FROM orders
SELECT region FROM "orders\u0000"
SELECT U&'\\0041'
SELECT e'\\'; DROP VIEW governed.orders; --'
SELECT $$ $$ || region FROM orders
SELECT $tag$ '; DROP $tag$ AS x
SELECT "region" FROM "orders" WHERE "region" = 'it''s'
SELECT region AS "a""; DROP VIEW governed.orders; --" FROM orders
SELECT 1 AS "governed_x" FROM orders AS "x"" (SELECT"
SELECT region::regclass FROM orders
SELECT 'orders'::regclass
SELECT CAST(region AS nosuchtype) FROM orders
SELECT region COLLATE nocase FROM orders
SELECT * FROM orders WHERE id = @x
SELECT * FROM orders LIMIT (SELECT 1)
SELECT * FROM orders LIMIT 10 OFFSET -1
SELECT * FROM range(1000000000000)
SELECT repeat('x', 1000000000000)
SELECT range(1000000000000)
SELECT count(*) FROM range(10000000) a, range(10000000) b
WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c) SELECT max(n) AS n FROM c
SELECT list(a) FROM range(1000000000) t(a)
"""

# Subqueries that reach out of themselves, grouping and windows over what is hidden, and names of every kind.
REACHING = """
SELECT id, (SELECT count(*) FROM orders p WHERE p.amount > o.amount) AS above FROM orders o
SELECT id, (SELECT max(p.amount) FROM orders p WHERE p.id < o.id) AS before FROM orders o
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM orders p WHERE p.id = o.id + 1)
SELECT id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM orders p WHERE p.id = o.id - 1)
SELECT id FROM orders WHERE amount < ALL (SELECT amount FROM orders WHERE region <> 'EMEA')
SELECT id FROM orders WHERE amount = ANY (SELECT 4711.0)
SELECT id FROM customers c WHERE (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) = 0
SELECT c.id, o.id AS o FROM customers c LEFT JOIN orders o ON o.customer_id = c.id
SELECT c.id, o.id AS o FROM orders o RIGHT JOIN customers c ON o.customer_id = c.id
SELECT c.id, o.id AS o FROM orders o FULL JOIN customers c ON o.customer_id = c.id
SELECT c.id FROM customers c ANTI JOIN orders o ON o.customer_id = c.id
SELECT c.id FROM customers c SEMI JOIN orders o ON o.customer_id = c.id AND o.amount > 100
SELECT c.id, x.a FROM customers c, LATERAL (SELECT max(amount) AS a FROM orders o WHERE o.customer_id = c.id) x
SELECT c.id, x.a FROM customers c LEFT JOIN LATERAL (SELECT amount AS a FROM orders o WHERE o.customer_id = c.id) x ON true
SELECT id, lag(id) OVER (ORDER BY id) AS before, lead(amount) OVER (ORDER BY id) AS after FROM orders
SELECT id, sum(amount) OVER () AS total, count(*) OVER (PARTITION BY customer_id) AS n FROM orders
SELECT id, rank() OVER (ORDER BY amount DESC) AS r FROM orders QUALIFY r <= 3
SELECT region, count(*) AS n, sum(amount) AS s FROM orders GROUP BY ROLLUP (region)
SELECT region, customer_id, count(*) AS n FROM orders GROUP BY CUBE (region, customer_id)
SELECT region, grouping(region) AS g, sum(amount) AS s FROM orders GROUP BY GROUPING SETS ((region), ())
SELECT DISTINCT ON (customer_id) id, region FROM orders ORDER BY customer_id, amount DESC
SELECT approx_count_distinct(id) AS n, approx_quantile(amount, 0.5) AS q FROM orders
SELECT arg_max(id, amount) AS a, arg_min(region, amount) AS b, mode(region) AS m FROM orders
SELECT min_by(id, amount) AS a FROM orders
SELECT region FROM orders UNION SELECT name FROM customers
SELECT id FROM orders INTERSECT SELECT 2
SELECT 2 AS id EXCEPT SELECT id FROM orders
SELECT id FROM orders UNION ALL (SELECT id FROM customers ORDER BY salary DESC LIMIT 1)
SELECT * FROM (SELECT * FROM orders LIMIT 2) WHERE region <> 'EMEA'
SELECT * FROM (SELECT * FROM orders ORDER BY amount DESC LIMIT 1)
SELECT * FROM (SELECT * FROM orders OFFSET 1) ORDER BY id
WITH a AS MATERIALIZED (SELECT * FROM orders), b AS NOT MATERIALIZED (SELECT * FROM a) SELECT region FROM b
WITH RECURSIVE r AS (SELECT id, 1 AS n FROM orders UNION ALL SELECT o.id, n + 1 FROM r JOIN orders o ON o.id = r.id + 1 WHERE n < 5) SELECT max(n) AS n FROM r
WITH customers AS (SELECT * FROM orders), orders AS (SELECT * FROM customers) SELECT region FROM orders
WITH "ORDERS" AS (SELECT region FROM orders) SELECT * FROM Orders UNION ALL SELECT region FROM orders
SELECT o.region FROM orders o ASOF JOIN customers c ON o.ordered >= c.born
SELECT o.region FROM orders o NATURAL LEFT JOIN customers c
SELECT id, unnest([region, 'x']) AS u FROM orders
SELECT o.id, u.v FROM orders o, LATERAL (SELECT unnest([o.id, o.customer_id]) AS v) u
SELECT o.id FROM orders o, generate_series(1, 3) AS s(n) WHERE o.id = s.n
SELECT v.k, o.region FROM (VALUES (1), (2), (3)) v(k) LEFT JOIN orders o ON o.id = v.k
SELECT count(*) FILTER (WHERE region <> 'EMEA') AS n FROM orders
SELECT bool_or(region = 'APAC') AS b, bool_and(amount < 100) AS c FROM orders
SELECT string_agg(region, ',' ORDER BY amount DESC) AS s FROM orders
SELECT list(amount ORDER BY amount DESC)[1] AS s FROM orders
SELECT hash(name) AS h FROM customers
SELECT md5(phone) AS h, sha256(email) AS e FROM customers
SELECT id FROM customers WHERE sha256(phone) = sha256('4711')
SELECT id FROM customers WHERE phone = '4711' OR salary > 0 OR born > DATE '1990-02-01'
SELECT c.id FROM customers c JOIN (VALUES ('4711')) v(p) ON c.phone = v.p
SELECT date_diff('day', born, DATE '2026-01-01') AS d FROM customers
SELECT regexp_extract(email, '^[^@]*') AS e, regexp_replace(name, '[*]', '') AS n FROM customers
SELECT length(name) AS a, length(email) AS b, length(phone) AS c, reverse(name) AS d FROM customers
SELECT levenshtein(name, 'Bob') AS a, jaro_winkler_similarity(email, 'bob@x.example') AS b FROM customers
SELECT typeof(salary) AS t, typeof(phone) AS p, salary IS NULL AS n FROM customers
SELECT coalesce(salary, 0) + 1 AS s, nullif(name, 'Bob') AS n FROM customers
SELECT ÖRDERS.region FROM orders AS ÖRDERS
SELECT "🗝".region AS "ключ" FROM orders AS "🗝"
SELECT "ſ".region FROM orders AS "ſ"
SELECT region AS "\u202egnp.exe" FROM orders
SELECT o.REGION, O."region", o."REGION" FROM Orders AS O
SELECT region FROM orders AS o(region)
SELECT x.region FROM orders x, orders x
SELECT (SELECT region) FROM orders
SELECT (SELECT (SELECT max(q.region) FROM orders q WHERE q.id = p.id) FROM orders p WHERE p.id = o.id) AS r FROM orders o
SELECT CASE WHEN EXISTS (SELECT 1 FROM orders WHERE region = 'AP' || 'AC') THEN 'yes' ELSE 'no' END AS b
"""

# One bit of a hidden row could be told by whether the query fails, or by what the failure says.
SIDE_CHANNELS = """
SELECT id FROM orders WHERE CAST(CASE WHEN id = 2 THEN 'boom' ELSE '1' END AS INT) = 1
SELECT id FROM orders WHERE CASE WHEN id = 2 THEN 9223372036854775807 ELSE 0 END + id > 0
SELECT id FROM orders o JOIN (VALUES (2)) v(k) ON CAST(CASE WHEN o.id = v.k THEN 'boom' ELSE '1' END AS INT) = 1
SELECT count(*) FILTER (WHERE CAST(CASE WHEN id = 2 THEN 'boom' ELSE '1' END AS INT) = 1) FROM orders
SELECT id FROM orders WHERE strptime(CASE WHEN id = 2 THEN 'boom' ELSE '2020' END, '%Y') IS NOT NULL
SELECT id FROM orders ORDER BY CAST(CASE WHEN id = 2 THEN 'boom' ELSE '1' END AS INT) LIMIT 1
SELECT id FROM orders WHERE id IN (SELECT CAST(CASE WHEN o.id = 2 THEN 'boom' ELSE '1' END AS INT) FROM orders o)
SELECT id FROM orders GROUP BY id HAVING CAST(CASE WHEN id = 2 THEN 'boom' ELSE '1' END AS INT) = 1
SELECT id FROM orders WHERE CAST("Ship Name" AS INT) IS NULL AND id = 2
SELECT id FROM customers WHERE CAST(salary AS INT) / 0 = 1
SELECT id FROM customers WHERE CAST(CASE WHEN salary = 77777 THEN 'boom' ELSE '1' END AS INT) = 1
SELECT id FROM customers WHERE CAST(CASE WHEN name = 'Bob' THEN 'boom' ELSE '1' END AS INT) = 1
"""


def lines(text: str, *, raw: bool = False) -> list[str]:
    return [
        line if raw else line.encode("ascii", "backslashreplace").decode("unicode_escape")
        for line in text.strip().splitlines()
    ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("attacked"))
    made.put(
        "orders",
        pa.table(
            {
                "id": [1, 2, 3],
                "customer_id": [10, 20, 10],
                "region": ["EMEA", "APAC", "EMEA"],
                "amount": [5.0, 4711.0, 11.0],
                "ordered": [datetime.date(2026, 1, 1)] * 3,
                "Ship Name": ["1", "x4711", "3"],
            }
        ),
    )
    made.put(
        "customers",
        pa.table(
            {
                "id": [10, 20],
                "name": ["Bob", "Eve"],
                "email": ["bob@x.example", "eve@x.example"],
                "phone": ["4711", "4712"],
                "salary": pa.array([decimal.Decimal("77777.00")] * 2, pa.decimal128(12, 2)),
                "born": [datetime.date(1990, 5, 4)] * 2,
            }
        ),
    )
    (made.folder / "secret.csv").write_text("a\nbeside-the-data\n")
    duckdb.connect(made.folder / "other.duckdb").close()
    os.environ["CANARY"] = "in-the-environment"
    return made


def answered(house: House, sql: str, seconds: float = 1) -> str:
    """What comes back for `sql`, refusal or rows, as one text."""
    try:
        answer = house.ask(sql, EMEA, limits=LIMITS.__class__(seconds, memory_mb=128, threads=2))
    except Refusal as refusal:
        assert refusal.next_step
        said = f"{refusal.message} {refusal.next_step}"
        for words in (
            "Binder Error",
            "Catalog Error",
            "Conversion Error",
            "Candidate",
            "LINE 1",
            "read_parquet",
        ):
            assert words not in said or words in sql
        return "refused"
    return f"{answer.column_names} {sorted(map(str, answer.to_pylist()))}"


# Giant, deep and exponential; each in a line of its own would fill the page.
HUGE = [
    "SELECT " + "(" * 20_000 + "id" + ")" * 20_000 + " FROM orders",
    "SELECT " + "NOT " * 20_000 + "true FROM orders",
    "SELECT " + "-" * 31 + "id FROM orders",
    "SELECT " + " + ".join(["amount"] * 400) + " AS s FROM orders",
    "SELECT " + " + ".join(["amount"] * 9_000) + " AS s FROM orders",
    "SELECT " + "CASE WHEN true THEN " * 500 + "region" + " END" * 500 + " AS r FROM orders",
    "SELECT " + "coalesce(" * 60 + "region" + ")" * 60 + " AS r FROM orders",
    "SELECT id FROM orders WHERE id IN (" + ", ".join(map(str, range(9_000))) + ")",
    "SELECT id FROM orders WHERE " + " OR ".join(f"id = {n}" for n in range(4_000)),
    "SELECT id FROM orders WHERE region = '" + "x" * 99_000 + "'",
    "SELECT id FROM orders WHERE region = '" + "x" * 200_000 + "'",
    "SELECT id FROM orders WHERE region LIKE '" + "%_a" * 5_000 + "'",
    "SELECT id FROM orders WHERE regexp_matches(region, '" + "(a*)*" * 2_000 + "b')",
    "SELECT id FROM orders WHERE regexp_matches(region, '(((a{1,100}){1,100}){1,100})$')",
    "SELECT id AS " + "x" * 50_000 + " FROM orders",
    "SELECT " + ", ".join(f"id AS c{n}" for n in range(4_000)) + " FROM orders",
    "SELECT count(*) AS n FROM " + ", ".join(f"orders o{n}" for n in range(60)),
    "WITH "
    + ", ".join(
        f"c{n} AS (SELECT a.id FROM {f'c{n - 1}' if n else 'orders'} a, {f'c{n - 1}' if n else 'orders'} b)"
        for n in range(25)
    )
    + " SELECT count(*) AS n FROM c24",
    "WITH "
    + ", ".join(
        f"c{n} AS (SELECT r || r AS r FROM {f'c{n - 1}' if n else '(SELECT region AS r FROM orders)'})"
        for n in range(60)
    )
    + " SELECT max(length(r)) AS n FROM c59",
    "SELECT id FROM orders WHERE " + "id IN (SELECT id FROM orders WHERE " * 30 + "true" + ")" * 30,
    "SELECT * FROM " + "(SELECT * FROM " * 60 + "orders" + ")" * 60,
    " UNION ALL ".join(["SELECT id FROM orders"] * 1_500),
    "SELECT id FROM orders " + "-- " + "x" * 90_000,
    "SELECT id FROM orders /*" + "/*" * 30_000,
    "SELECT " + "[" * 150 + "id" + "]" * 150 + " AS l FROM orders",
    "SELECT " + "'a' || " * 3_000 + "region AS r FROM orders",
    "SELECT repeat(repeat(region, 100000), 100000) AS r FROM orders",
    "SELECT lpad(region, 2000000000, 'x') AS r FROM orders",
    "SELECT list(r.range) AS l FROM orders, range(200000000) r",
    "SELECT string_agg(repeat('x', 1000000), '') AS s FROM orders, range(100000)",
    "SELECT len(range(0, 100000000000)) AS n FROM orders",
]
REFUSED = [*lines(FILES), *lines(CATALOG), *lines(TEXT_AS_SQL), *lines(STATEMENTS)]
WITHIN = [*lines(SHADOWING), *lines(TRICKS), *lines(REACHING), *HUGE]


@pytest.mark.parametrize("sql", REFUSED)
def test_whatever_is_not_a_question_about_datasets_is_refused(house: House, sql: str) -> None:
    before = sorted(house.folder.iterdir())
    assert answered(house, sql.replace("{folder}", str(house.folder))) == "refused"
    assert sorted(house.folder.iterdir()) == before


@pytest.fixture(scope="module")
def permitted(house: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Only what the viewer may see, without any rule."""
    rows = {name: house.ask(f"SELECT * FROM {name}", EMEA) for name in CONTRACTS}
    plain = {
        name: contract(
            name,
            [
                Column(c.name, "VARCHAR" if rows[name].schema.field(c.name).type == pa.string() else c.type)
                for c in policy.columns
            ],
        )
        for name, policy in CONTRACTS.items()
    }
    made = House(tmp_path_factory.mktemp("permitted"), plain)
    for name, table in rows.items():
        made.put(name, table)
    return made


@pytest.mark.parametrize("sql", WITHIN, ids=lambda sql: sql[:60])
def test_tricks_are_refused_or_answered_within_policy(house: House, permitted: House, sql: str) -> None:
    """As over a database that holds only what the viewer may see, in the form in which they see it."""
    sql = sql.replace("{{", "{").replace("}}", "}")
    said, other = answered(house, sql), answered(permitted, sql)
    if said != other:  # on a busy machine one of them may have met the time limit
        said, other = answered(house, sql, 30), answered(permitted, sql, 30)
    assert said == other
    quoted = sql.lower()
    for canary in CANARIES:
        assert canary not in said or canary.lower() in quoted


@pytest.mark.parametrize("sql", lines(SIDE_CHANNELS, raw=True))
def test_a_hidden_row_cannot_be_told_from_a_failure(house: House, sql: str, tmp_path: Path) -> None:
    """The same answer, word for word, over data in which the hidden row is not there at all."""
    without = House(tmp_path)
    without.put("orders", duckdb.sql(f"FROM '{house.folder}/orders.parquet' WHERE id <> 2").to_arrow_table())
    without.put(
        "customers",
        duckdb.sql(
            f"SELECT * REPLACE ('B***' AS name, 1::DECIMAL(12,2) AS salary) FROM '{house.folder}/customers.parquet'"
        ).to_arrow_table(),
    )
    assert answered(house, sql) == answered(without, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM other.orders",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM read_csv('x')",
        "SELECT * FROM 'x.parquet'",
        "SELECT 1 FROM governed.customers",
        "DROP VIEW governed.orders",
        "SELECT 1; SELECT 2",
        "SET threads = 1",
    ],
)
def test_the_second_wall_stands_without_the_first(house: House, sql: str) -> None:
    """What the engine itself refuses, were the rewriter ever to let it through."""
    orders = {"orders": house.folder / "orders.parquet"}
    with pytest.raises(Refusal):
        DuckDB().run(sql, {}, "governed", orders, LIMITS)


def test_the_third_wall_stands_without_the_second(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.adapters.engines.duckdb._same_tables", lambda *_: None)
    orders = {"orders": house.folder / "orders.parquet"}
    for sql in (
        f"SELECT * FROM '{house.folder}/customers.parquet'",
        f"SELECT * FROM read_csv('{house.folder}/secret.csv')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "INSTALL httpfs",
        f"COPY (SELECT 1) TO '{house.folder}/out.csv'",
        f"ATTACH '{house.folder}/other.duckdb'",
    ):
        with pytest.raises(Refusal):
            DuckDB().run(sql, {}, "governed", orders, LIMITS)


def test_the_notebook_is_long_enough() -> None:
    assert len({*REFUSED, *WITHIN, *lines(SIDE_CHANNELS)}) >= 200
