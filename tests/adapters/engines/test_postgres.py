"""PostgreSQL as an engine: the same answers as DuckDB's, the same refusals, and nothing beside the policy."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from handrail.adapters.engines import Engines
from handrail.data.models import Column, Mask, RowFilter
from handrail.kernel import Invalid, LimitReached, NotReady, Refusal, Upstream
from handrail.kernel.ports import EngineLimits, Remote
from handrail.settings import EngineSettings
from tests.adapters.engines.live import LiveHouse
from tests.data.governing import LIMITS, House, contract, viewer
from tests.postgres import Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres

ORDERS = pa.table(
    {
        "id": [1, 2, 3, 4],
        "customer_id": [10, 20, 10, None],
        "region": ["EMEA", "APAC", "EMEA", None],
        "amount": [5.0, 4711.0, 11.0, None],
        "ordered": [dt.date(2026, 1, 1), dt.date(2026, 2, 1), dt.date(2026, 3, 31), None],
        "Ship Name": ["1", "x4711", "Ärmel", None],
    }
)
CUSTOMERS = pa.table(
    {
        "id": [10, 20],
        "name": ["Bob", "Eve\nof two lines"],
        "email": ["bob@x.example", "@nobody"],
        "phone": ["4711", "4712"],
        "salary": pa.array([decimal.Decimal("77777.00")] * 2, pa.decimal128(12, 2)),
        "born": [dt.date(1990, 5, 4), None],
    }
)


@pytest.fixture(scope="module")
def house(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    made = LiveHouse(tmp_path_factory.mktemp("live"), postgres.database("engines"))
    made.put("orders", ORDERS)
    made.put("customers", CUSTOMERS)
    return made


SAME = """
SELECT * FROM orders ORDER BY id
SELECT Region, count(*) AS n, sum(amount) AS s, avg(amount) FROM Orders GROUP BY region
SELECT * FROM customers ORDER BY id
SELECT o.id, c.name, c.phone FROM orders o LEFT JOIN customers c ON c.id = o.customer_id ORDER BY 1
SELECT o.id FROM orders o SEMI JOIN customers c ON c.id = o.customer_id ORDER BY 1
SELECT count(*) FROM orders
SELECT * EXCLUDE (amount) FROM orders ORDER BY ALL
SELECT o.* EXCLUDE (id), c.id FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY amount
SELECT "Ship Name", max(ordered) - min(ordered) AS d FROM orders GROUP BY ALL ORDER BY 1
SELECT date_trunc('month', ordered) AS m, sum(amount) FROM orders GROUP BY 1 ORDER BY 1
WITH x AS (SELECT * FROM orders) SELECT x.region, row_number() OVER (ORDER BY amount DESC) r FROM x ORDER BY r
SELECT id FROM orders WHERE region LIKE 'EM%' AND upper(region) = 'EMEA' ORDER BY amount / 3 DESC
SELECT id FROM orders WHERE region ILIKE 'em%' OR "Ship Name" LIKE 'a\\%' ORDER BY id
SELECT lower("Ship Name"), upper("Ship Name"), length("Ship Name") FROM orders ORDER BY id
SELECT round(avg(amount), 2), stddev(amount), median(amount) FROM orders
SELECT id, amount FROM orders QUALIFY row_number() OVER (ORDER BY amount DESC) = 1
SELECT list(id ORDER BY id) FROM orders
SELECT id // 2, id / 2, id % 2 FROM orders ORDER BY 1, 2, 3
SELECT concat('a', null, region), region || '-' || id FROM orders ORDER BY 2
SELECT CASE WHEN id = 1 THEN 'x' END AS c, nullif(id, 1), coalesce(null, id) FROM orders ORDER BY id
SELECT count(DISTINCT customer_id), count(*) FILTER (WHERE amount > 6), count_if(amount > 6) FROM orders
SELECT avg(amount) FILTER (WHERE id > 1), avg(amount) OVER (PARTITION BY region) FROM orders GROUP BY amount, region
FROM orders SELECT id ORDER BY id DESC LIMIT 1
SELECT date_diff('day', DATE '2025-12-01', ordered), date_diff('month', DATE '2025-12-31', ordered) FROM orders ORDER BY 1
SELECT date_diff('year', DATE '2025-12-31', ordered), ordered + INTERVAL 1 MONTH, ordered + 1 FROM orders ORDER BY 2
SELECT extract(year FROM ordered), month(ordered), quarter(ordered) FROM orders ORDER BY id
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.salary IS NULL) ORDER BY 1
SELECT id FROM orders WHERE region IN ('EMEA') AND ordered BETWEEN DATE '2026-01-01' AND DATE '2026-02-01'
SELECT id FROM orders UNION SELECT id FROM customers ORDER BY 1
SELECT region, customer_id, sum(amount) FROM orders GROUP BY ROLLUP (region, customer_id) ORDER BY ALL
SELECT k, id FROM orders, (VALUES (1), (3)) v(k) WHERE id = k ORDER BY 1
SELECT "Ship Name" < 'a', min("Ship Name"), max("Ship Name") FROM orders GROUP BY 1 ORDER BY 1
SELECT sha256(region), md5(region), left(region, 2), replace(region, 'E', 'x'), contains(region, 'M') FROM orders ORDER BY id
SELECT greatest(id, 2), least(NULL, id), abs(-id), sign(id), ceil(amount / 2), floor(amount / 2) FROM orders ORDER BY id
SELECT string_agg(region, ', ' ORDER BY id), sum(id), sum(amount * id) FROM orders
SELECT id FROM orders WHERE region NOT ILIKE 'em%' OR "Ship Name" NOT LIKE '1%' ORDER BY id
SELECT id FROM orders WHERE region ILIKE 'em!%' ESCAPE '!' OR "Ship Name" NOT ILIKE 'ä%' ESCAPE '!' ORDER BY id
SELECT upper('straße İ'), lower('STRAẞE ΟΔΟΣ İ'), "Ship Name" ILIKE 'ärMEL' FROM orders ORDER BY id
SELECT count_if(nullif(id, id) > 0), count_if(id > 1), count_if(id > 9) FROM orders
SELECT count_if(id > 1) FILTER (WHERE id > 99), sum(id) // count(*), (id + 1) // 2 FROM orders GROUP BY id ORDER BY id
SELECT concat(id = 1, '-', ordered, NULL, 7), (id = 1) || '-' FROM orders ORDER BY id
SELECT extract(dow FROM ordered), extract(isodow FROM ordered), extract(doy FROM ordered) FROM orders ORDER BY id
SELECT dayofweek(ordered), isodow(ordered), dayofyear(ordered), weekofyear(ordered) FROM orders ORDER BY id
SELECT hour(t), minute(t), second(t), extract(second FROM t) / 2, extract(year FROM t) // 3 FROM (SELECT CAST(ordered AS TIMESTAMP) + INTERVAL '7 hours 8 minutes 9 seconds' AS t FROM orders) x ORDER BY t
SELECT date_trunc('week', ordered), date_trunc('hour', ordered) FROM orders ORDER BY id
SELECT (id, region) IN (SELECT id, region FROM orders) FROM orders ORDER BY id
SELECT id, CAST(id AS VARCHAR), CAST(amount AS BIGINT), CAST('2026-01-01' AS DATE) FROM orders ORDER BY id
""".strip().splitlines()


@pytest.mark.parametrize("sql", SAME)
def test_a_question_has_the_same_answer_as_from_files(house: LiveHouse, sql: str) -> None:
    mine, files = house.ask(sql), house.file.ask(sql)
    assert mine.schema == files.schema
    assert mine.to_pylist() == files.to_pylist()


def test_parameters_are_bound_in_every_type(house: LiveHouse) -> None:
    sql = (
        "SELECT id, $text AS t, $number + 1 AS n FROM orders WHERE ordered >= $day AND amount < $amount "
        "AND id = ANY($ids) AND region = $text ORDER BY id"
    )
    values = {"text": "EMEA", "number": 41, "day": dt.date(2026, 1, 1), "amount": decimal.Decimal("99.5")}
    assert house.ask(sql, **values, ids=[1, 2, 3]).to_pylist() == [
        {"id": 1, "t": "EMEA", "n": 42},
        {"id": 3, "t": "EMEA", "n": 42},
    ]
    nasty = "'; DROP TABLE orders; -- %s $1 \\"
    assert house.ask("SELECT $x AS x FROM orders LIMIT 1", x=nasty)["x"].to_pylist() == [nasty]


HIDES = contract(
    "t",
    [Column("id", "BIGINT"), Column("region", "VARCHAR"), Column("secret", "VARCHAR")],
    RowFilter("md5(md5(md5(region))) = md5(md5(md5(viewer.region)))"),
)


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT id FROM t WHERE CAST(secret AS INT) > 0", [1, 3]),
        ("SELECT id FROM t WHERE CAST(secret AS DATE) IS NOT NULL AND id = 2", []),
        ("SELECT t.id FROM t JOIN (VALUES (2)) v(k) ON 1 / (t.id - v.k) < 1", [1]),
        ("SELECT id FROM (SELECT * FROM t WHERE CAST(secret AS INT) > 0) x", [1, 3]),
        ("SELECT id FROM t WHERE id IN (SELECT id FROM t u WHERE CAST(u.secret AS INT) > 0)", [1, 3]),
    ],
)
def test_no_condition_runs_on_a_hidden_row_however_dear_the_filter_is(
    postgres: Server, tmp_path: Path, sql: str, shown: list[int]
) -> None:
    """PostgreSQL runs cheap conditions first: without the fence it fails on the hidden row, and quotes it."""
    made = LiveHouse(tmp_path, postgres.database("fenced"), {"t": HIDES})
    made.put("t", pa.table({"id": [1, 2, 3], "region": ["EMEA", "APAC", "EMEA"], "secret": ["1", "x", "3"]}))
    answer = made.ask(sql, viewer(region="EMEA"))
    assert sorted(answer["id"].to_pylist()) == shown


@pytest.mark.parametrize(
    "rule",
    [
        "region NOT ILIKE 'ap%'",
        "region IN viewer.regions",
        "region IS NOT NULL AND NOT region LIKE 'AP%'",
        "lower(region) NOT LIKE '%p%' ESCAPE '!'",
    ],
)
def test_a_filter_leaves_the_same_rows_in_both_places(postgres: Server, tmp_path: Path, rule: str) -> None:
    made = LiveHouse(
        tmp_path, postgres.database("rules"), {"t": replace(HIDES, row_filters=(RowFilter(rule),))}
    )
    made.put("t", pa.table({"id": [1, 2, 3], "region": ["EMEA", "APAC", None], "secret": ["1", "x", "3"]}))
    for who, shown in ((viewer(regions=("EMEA", "it's")), [1]), (viewer(regions=()), None)):
        mine, files = (
            h.ask("SELECT id FROM t ORDER BY id", who)["id"].to_pylist() for h in (made, made.file)
        )
        assert mine == files and shown in (None, mine)


def test_no_condition_runs_on_a_hidden_row_beside_a_column_of_totals(
    postgres: Server, tmp_path: Path
) -> None:
    pay = Column("pay", "BIGINT", mask=Mask("aggregate", least=3, by=("region",)))
    hides = replace(HIDES, columns=(*HIDES.columns, pay))
    made = LiveHouse(tmp_path, postgres.database("totals"), {"t": hides})
    regions, secrets = ["EMEA"] * 3 + ["APAC"], ["1", "2", "3", "x"]
    made.put("t", pa.table({"id": [1, 2, 3, 4], "region": regions, "secret": secrets, "pay": [5, 6, 7, 8]}))
    sql = "SELECT region, sum(pay) AS s, avg(pay) AS a FROM t WHERE length(region) > 0 GROUP BY region"
    seen = viewer(region="EMEA")
    assert made.ask(sql, seen).to_pylist() == made.file.ask(sql, seen).to_pylist()
    assert made.ask(sql, seen)["s"].to_pylist() == [18]
    risky = "SELECT sum(pay) AS s FROM t WHERE CASE WHEN region = 'APAC' THEN CAST(region AS INT) END IS NULL"
    assert made.ask(risky, seen).to_pylist() == [{"s": 18}]


MASKED = contract(
    "masked",
    [
        Column("whole", "BIGINT", mask=Mask("bucket", width=10)),
        Column("small", "SMALLINT", mask=Mask("bucket", width=1000)),
        Column("broken", "DOUBLE", mask=Mask("bucket", width=0.5)),
        Column("money", "DECIMAL(6,2)", mask=Mask("bucket", width=1000)),
        Column("day", "DATE", mask=Mask("truncate", to="month")),
        Column("moment", "TIMESTAMP", mask=Mask("truncate", to="year")),
        Column("birth", "DATE", mask=Mask("partial")),
        Column("text", "VARCHAR", mask=Mask("hash")),
        Column("number", "BIGINT", mask=Mask("hash")),
        Column("price", "DECIMAL(12,2)", mask=Mask("hash")),
        Column("at", "TIMESTAMP", mask=Mask("hash")),
        Column("name", "VARCHAR", mask=Mask("partial")),
        Column("mail", "VARCHAR", semantic="email", mask=Mask("partial")),
        Column("gone", "DOUBLE", mask=Mask("null")),
    ],
)


def masked_rows() -> pa.Table:
    """Ordinary values, edges and nothing, for every mask."""
    moment = dt.datetime.fromisoformat("2024-05-06T07:08:09.12")
    cells: list[list[object]] = [
        [0, 9, -1, None],
        [5, -32768, 999, None],
        [1.2, -0.1, 1e6, None],
        [decimal.Decimal("9999.99"), decimal.Decimal("-9999.99"), decimal.Decimal("0.00"), None],
        [dt.date(2024, 2, 29), dt.date(1850, 12, 31), dt.date(1, 1, 1), None],
        [moment, moment.replace(year=1, microsecond=0), moment.replace(microsecond=1), None],
        [dt.date(1990, 5, 4), dt.date(1969, 12, 31), dt.date(9999, 12, 31), None],
        ["a", "Ärmel ß", "", None],
        [0, -5, 2**62, None],
        [decimal.Decimal("0.00"), decimal.Decimal("-1.50"), decimal.Decimal("9999999999.99"), None],
        [moment, moment.replace(microsecond=0), moment.replace(microsecond=1), None],
        ["", "Zoë\nof two lines", "émile", None],
        ["ann@x.example", "@x", "nobody", None],
        [1.0, 2.0, 3.0, None],
    ]
    kinds = [pa.int64(), pa.int16(), pa.float64(), pa.decimal128(6, 2), pa.date32(), pa.timestamp("us")]
    kinds += [pa.date32(), pa.string(), pa.int64(), pa.decimal128(12, 2), pa.timestamp("us")]
    kinds += [pa.string(), pa.string(), pa.float64()]
    arrays = [pa.array(column, kind) for column, kind in zip(cells, kinds, strict=True)]
    return pa.table(arrays, names=[column.name for column in MASKED.columns])


def test_every_mask_leaves_the_same_value_on_both_engines(postgres: Server, tmp_path: Path) -> None:
    made = LiveHouse(tmp_path, postgres.database("masks"), {"masked": MASKED})
    made.put("masked", masked_rows())
    mine, files = made.ask("SELECT * FROM masked"), made.file.ask("SELECT * FROM masked")
    assert mine.schema == files.schema
    assert sorted(map(str, mine.to_pylist())) == sorted(map(str, files.to_pylist()))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT TRY_CAST(region AS INT) FROM orders",
        "SELECT CAST(list(id) AS VARCHAR) FROM orders",
        "SELECT regexp_replace(region, 'E+', 'x') FROM orders",
        "SELECT hash(region) FROM orders",
        "SELECT arg_max(id, amount) FROM orders",
        "SELECT {'a': id} FROM orders",
        "SELECT unnest([1, 2]) FROM orders",
        "SELECT * REPLACE (1 AS id) FROM orders",
        "SELECT strftime(ordered, '%Y') FROM orders",
        "SELECT substring(region, -2) FROM orders",
        "SELECT (id, region) = (1, 'EMEA') FROM orders",
        "SELECT (id, region) NOT IN ((1, NULL)) FROM orders",
        "SELECT date_trunc('century', ordered) FROM orders",
        "SELECT split_part(region, '', 1) FROM orders",
        "SELECT reverse(region) FROM orders",
        "SELECT CAST('now' AS TIMESTAMP) FROM orders",
        "SELECT id FROM orders WHERE ordered < DATE 'tomorrow'",
        "SELECT DATE '99-01-02' FROM orders",
        "SELECT unnest(generate_series(1, 3)) FROM orders",
        "SELECT unnest(range(DATE '2024-01-01', DATE '2024-03-01', INTERVAL 1 MONTH)) FROM orders",
        r"SELECT regexp_replace(region, '^(.?).*$', '\0', 's') FROM orders",
        f"SELECT id AS {'x' * 64} FROM orders",
        "SELECT * FROM orders o ASOF JOIN customers c ON o.id >= c.id",
    ],
)
def test_what_would_mean_another_thing_there_is_refused_and_says_so(house: LiveHouse, sql: str) -> None:
    with pytest.raises(Invalid, match="PostgreSQL"):
        house.ask(sql)


def test_what_fails_is_told_without_the_engines_words(house: LiveHouse) -> None:
    for sql in ('SELECT CAST("Ship Name" AS INT) FROM orders', "SELECT 1 / (id - 1) FROM orders"):
        with pytest.raises(Invalid, match="could not be converted or was out of range") as caught:
            house.ask(sql)
        assert "Ärmel" not in str(caught.value) and caught.value.__cause__ is None
    for sql in ("SELECT region + 1 FROM orders", "SELECT amount // 2 FROM orders"):
        with pytest.raises(Invalid, match="does not fit the data"):
            house.ask(sql)


def test_a_slow_question_is_stopped_and_the_next_one_answered(house: LiveHouse) -> None:
    slow = " , ".join(f"(VALUES {','.join(f'({i})' for i in range(60))}) v{n}" for n in range(6))
    with pytest.raises(LimitReached, match=r"longer than 0\.3 seconds"):
        house.ask(f"SELECT count(*) FROM orders, {slow}", limits=EngineLimits(0.3, 64, 2))
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_an_answer_that_nobody_reads_to_its_end_is_cancelled(house: LiveHouse, postgres: Server) -> None:
    big = " , ".join(f"(VALUES {','.join(f'({i})' for i in range(60))}) v{n}" for n in range(5))
    sql = f'SELECT 1 AS x FROM "governed"."orders" AS o, {big}'
    rows = house.engines.run(sql, {}, "governed", {"orders": house.place("orders")}, LIMITS)
    assert next(rows.batches()).num_rows == 20_000
    closing = threading.Thread(target=rows.close)
    closing.start()
    closing.join(120)
    with psycopg.connect(postgres.address("postgres"), autocommit=True) as db:
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'handrail' AND state = 'active'"
        )
        for _ in range(100):
            if db.execute(running).fetchone() == (0,):
                break
            db.execute("SELECT pg_sleep(0.1)")
        else:
            pytest.fail("the statement still runs at the server")


def test_a_table_that_changed_under_us_is_refused_until_it_is_mended(
    postgres: Server, tmp_path: Path
) -> None:
    made = LiveHouse(tmp_path, postgres.database("changing"))
    made.put("orders", ORDERS)
    for change, said, back in (
        ("ALTER TABLE orders RENAME TO gone", "not there any more", "ALTER TABLE gone RENAME TO orders"),
        (
            "ALTER TABLE orders ALTER amount TYPE text",
            "amount is VARCHAR now, and the contract says DOUBLE",
            "ALTER TABLE orders ALTER amount TYPE float8 USING amount::float8",
        ),
        (
            "ALTER TABLE orders RENAME amount TO sum",
            "amount is gone",
            "ALTER TABLE orders RENAME sum TO amount",
        ),
    ):
        with psycopg.connect(made.address, autocommit=True) as db:
            db.execute(change.encode())
            with pytest.raises(NotReady, match=said) as caught:
                made.ask("SELECT sum(amount) AS s FROM orders")
            assert caught.value.next_step
            db.execute(back.encode())
        assert made.ask("SELECT sum(amount) AS s FROM orders")["s"].to_pylist() == [16.0]


def test_a_role_without_rights_a_wrong_password_and_a_missing_database_are_told_apart(
    postgres: Server, tmp_path: Path
) -> None:
    made = LiveHouse(tmp_path, postgres.database("rights"))
    made.put("orders", ORDERS)
    with psycopg.connect(made.address, autocommit=True) as db:
        db.execute("DROP ROLE IF EXISTS handrail_reads")
        db.execute("CREATE ROLE handrail_reads LOGIN PASSWORD 'reads'")
    poor = made.address.replace("handrail:a-password-of-the-tests", "handrail_reads:reads")
    file = tmp_path / "address"
    made.engines = Engines(tmp_path, {"pg": EngineSettings(kind="postgres", url_file="address")})

    def asked(address: str) -> str:
        file.write_text(address)
        with pytest.raises(Refusal) as caught:
            made.ask("SELECT count(*) FROM orders")
        assert caught.value.next_step and "reads" not in caught.value.message
        return caught.value.message

    assert "may not read" in asked(poor)
    assert "user and password" in asked(poor.replace(":reads@", ":wrong@"))
    assert "no such database" in asked(made.address.replace("/rights", "/nowhere"))
    assert "No PostgreSQL server answers" in asked(made.address.replace(f":{postgres.port}/", ":1/"))
    assert "cannot be understood" in asked("what is this")
    assert "is empty or missing" in asked("")
    with psycopg.connect(made.address, autocommit=True) as db:
        db.execute("GRANT SELECT ON orders TO handrail_reads")
    file.write_text(poor)
    assert made.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_a_server_that_stops_is_refused_with_a_reason_and_answers_when_it_is_back(
    postgres: Server, house: LiveHouse
) -> None:
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]
    postgres.stop()
    try:
        with pytest.raises(Upstream, match="No PostgreSQL server answers") as caught:
            house.ask("SELECT count(*) AS n FROM orders")
        assert caught.value.next_step
    finally:
        postgres.start()
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_what_is_in_two_places_is_joined_here(house: LiveHouse) -> None:
    places = {"orders": house.place("orders"), "customers": house.folder / "customers.parquet"}

    def count(*names: str) -> int:
        sql = f"SELECT count(*) AS n FROM {', '.join(names)}"
        there = {name: place for name, place in places.items() if any(f'"{name}"' in one for one in names)}
        (batch,) = house.engines.run(sql, {}, "governed", there, LIMITS).batches()
        found: int = batch.column(0)[0].as_py()
        return found

    orders, customers = '"governed"."orders" o', '"governed"."customers" c'
    assert count(orders, customers) == count(orders) * count(customers) > 0


def test_a_contract_of_another_server_is_not_answered_by_this_one(house: LiveHouse) -> None:
    place = Remote("pg", "public.orders", house.place("orders").columns, "elsewhere:5432/engines")
    with pytest.raises(NotReady, match="is at elsewhere:5432/engines"):
        house.engines.run('SELECT 1 FROM "governed"."orders" o', {}, "governed", {"orders": place}, LIMITS)


def test_an_address_comes_from_the_environment_and_an_unknown_engine_is_refused(
    house: LiveHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"pg": EngineSettings(kind="postgres", url_env="THE_WAREHOUSE")}
    engines = Engines(tmp_path, named)
    sql, places = 'SELECT count(*) AS n FROM "governed"."orders" o', {"orders": house.place("orders")}
    with pytest.raises(NotReady, match="the environment variable THE_WAREHOUSE is empty"):
        engines.run(sql, {}, "governed", places, LIMITS)
    monkeypatch.setenv("THE_WAREHOUSE", house.address)
    rows = engines.run(sql, {}, "governed", places, LIMITS)
    assert [b.column(0).to_pylist() for b in rows.batches()] == [[4]]
    with pytest.raises(NotReady, match="name no engine other"):
        engines.live("other")
    assert "THE_WAREHOUSE" in os.environ


def test_the_transaction_can_write_nothing(house: LiveHouse) -> None:
    """The second wall, should a statement ever get past the first: read only, and a search path of its own."""
    server = house.engines._servers.engine("pg")
    connection = server._connection(LIMITS)  # type: ignore[attr-defined]
    try:
        for sql in ("CREATE TABLE x (a int)", "DELETE FROM public.orders", "CREATE TEMP VIEW v AS SELECT 1"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connection.transaction():
                connection.execute(sql)
        with pytest.raises(psycopg.errors.UndefinedTable), connection.transaction():
            connection.execute("SELECT * FROM orders")
    finally:
        server.give_back(connection, whole=False)  # type: ignore[attr-defined]


@pytest.fixture(scope="module", autouse=True)
def _closed(house: LiveHouse) -> Iterator[None]:
    yield
    assert isinstance(house.file, House)
