"""Spark in this process as an engine: the same answers as DuckDB's, the same refusals, nothing beside the policy."""

from __future__ import annotations

import datetime as dt
import decimal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.adapters.engines import Engines
from handrail.data.models import Column, RowFilter
from handrail.kernel import Invalid, LimitReached, NotReady, Refusal, Upstream
from handrail.kernel.ports import EngineLimits
from handrail.kernel.presence import Presence
from handrail.settings import EngineSettings
from tests.adapters.engines.attacks import SPARK, corpus
from tests.adapters.engines.test_postgres import CUSTOMERS, MASKED, ORDERS, SAME, masked_rows
from tests.adapters.engines.test_postgres_attacks import customers, orders
from tests.data.governing import contract, viewer
from tests.engines.house import SparkHouse

if find_spec("pyspark") is None:
    pytest.skip("pyspark is not installed here; `make test-engines` installs it", allow_module_level=True)

# What Spark does otherwise, and is refused: lists with what is missing in them, texts gathered in an order.
OTHERWISE = ("list(id", "string_agg(", "SELECT (id, region) IN")
# What it would mean another thing by.
DIFFERENT = (
    "SELECT (id, region) = (1, 'EMEA') FROM orders",
    "SELECT date_trunc('century', ordered) FROM orders",
    "SELECT CAST('2024' AS DATE) FROM orders",
    "SELECT left(region, -1) FROM orders",
    r"SELECT regexp_replace(region, '^(.?).*$', 'x', 's') FROM orders",
    "SELECT extract(epoch FROM ordered) FROM orders",
    "SELECT region IN (SELECT name FROM customers) FROM orders",
    "SELECT id FROM orders WHERE CASE WHEN NOT region IN (SELECT name FROM customers) THEN true END",
)
ATTACKS = corpus(SPARK)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    folder = tmp_path_factory.mktemp("spark")
    made = Engines(folder, {"spark": EngineSettings(kind="spark", url="local[2]")})
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> SparkHouse:
    made = SparkHouse(tmp_path_factory.mktemp("shop"), engines, "shop")
    made.put("orders", ORDERS)
    made.put("customers", CUSTOMERS)
    return made


@pytest.mark.parametrize("sql", SAME)
def test_a_question_has_the_same_answer_as_from_files(house: SparkHouse, sql: str) -> None:
    if any(word in sql for word in OTHERWISE):
        with pytest.raises(Invalid, match="Spark"):
            house.ask(sql)
        return
    mine, files = house.ask(sql), house.file.ask(sql)
    assert mine.schema == files.schema
    assert mine.to_pylist() == files.to_pylist()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM orders WHERE region NOT IN (SELECT name FROM customers) ORDER BY id",
        "SELECT id FROM orders WHERE id = 1 OR (region IN (SELECT region FROM orders) AND id > 2) ORDER BY id",
        "SELECT CAST(amount / 2 AS INT), TRY_CAST(amount / 10 AS BIGINT), CAST(2.5 AS INT) FROM orders ORDER BY id",
        "SELECT ln(id - 1) < -5, ln(1 - id) > 5, round(ln(id), 9) FROM orders ORDER BY id",
    ],
)
def test_what_only_spark_says_otherwise_is_the_same_too(house: SparkHouse, sql: str) -> None:
    assert str(house.ask(sql).to_pylist()) == str(house.file.ask(sql).to_pylist())


@pytest.mark.parametrize("sql", DIFFERENT)
def test_what_would_mean_another_thing_there_is_refused_and_says_so(house: SparkHouse, sql: str) -> None:
    with pytest.raises(Invalid, match="answered by Spark"):
        house.ask(sql)


def test_parameters_are_bound_in_every_type(house: SparkHouse) -> None:
    sql = (
        "SELECT id, $text AS t, $number + 1 AS n FROM orders WHERE ordered >= $day AND amount < $amount "
        "AND region = $text ORDER BY id"
    )
    values = {"text": "EMEA", "number": 41, "day": dt.date(2026, 1, 1), "amount": decimal.Decimal("99.5")}
    assert house.ask(sql, **values).to_pylist() == [{"id": i, "t": "EMEA", "n": 42} for i in (1, 3)]
    nasty = "'; DROP TABLE orders; -- :x ${x} \\"
    assert house.ask("SELECT $x AS x FROM orders LIMIT 1", x=nasty)["x"].to_pylist() == [nasty]


def test_every_mask_leaves_the_same_value_on_both_engines(engines: Engines, tmp_path: Path) -> None:
    made = SparkHouse(tmp_path, engines, "masks", {"masked": MASKED})
    made.put("masked", masked_rows())
    mine, files = made.ask("SELECT * FROM masked"), made.file.ask("SELECT * FROM masked")
    assert mine.schema == files.schema
    assert sorted(map(str, mine.to_pylist())) == sorted(map(str, files.to_pylist()))


@pytest.mark.parametrize(
    "rule",
    [
        "region = viewer.region",
        "md5(md5(md5(region))) = md5(md5(md5(viewer.region)))",
        "CASE WHEN region = 'APAC' THEN NULL ELSE region = viewer.region END",
    ],
)
def test_no_condition_runs_on_a_hidden_row(engines: Engines, tmp_path: Path, rule: str) -> None:
    columns = [Column("id", "BIGINT"), Column("region", "VARCHAR"), Column("secret", "VARCHAR")]
    made = SparkHouse(tmp_path, engines, "fenced", {"t": contract("t", columns, RowFilter(rule))})
    regions, secrets = ["EMEA", "APAC", "EMEA", None], ["1", "x", "3", "y"]
    made.put("t", pa.table({"id": [1, 2, 3, 4], "region": regions, "secret": secrets}))
    for sql, shown in (
        ("SELECT id FROM t WHERE CAST(secret AS INT) > 0", [1, 3]),
        ("SELECT id FROM t WHERE CAST(secret AS DATE) IS NOT NULL AND id IN (2, 4)", []),
        ("SELECT t.id FROM t JOIN (VALUES (2), (4)) v(k) ON 1 / (t.id - v.k) < 1", [1, 1, 3]),
    ):
        assert sorted(made.ask(sql, viewer(region="EMEA"))["id"].to_pylist()) == shown


def test_what_fails_is_told_without_the_engines_words(house: SparkHouse) -> None:
    for sql in ('SELECT CAST("Ship Name" AS INT) FROM orders', "SELECT 1 / (id - 1) FROM orders"):
        with pytest.raises(Invalid, match="could not be converted or was out of range") as caught:
            house.ask(sql)
        assert "Ärmel" not in str(caught.value) and caught.value.__cause__ is None


def test_a_slow_question_is_stopped_and_the_next_one_answered(house: SparkHouse) -> None:
    slow = " , ".join(f"(VALUES {','.join(f'({i})' for i in range(60))}) v{n}(a)" for n in range(4))
    with pytest.raises(LimitReached, match="longer than 1 seconds"):
        house.ask(f"SELECT sum(v0.a * v1.a * v2.a) AS s FROM orders, {slow}", limits=EngineLimits(1, 64, 2))
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_a_question_ends_at_spark_when_its_viewer_leaves(house: SparkHouse) -> None:
    slow = " , ".join(f"(VALUES {','.join(f'({i})' for i in range(60))}) v{n}(a)" for n in range(5))
    sql = f"SELECT sum(v0.a * v1.a * v2.a) AS s FROM orders, {slow}"
    jobs = house.engines._servers.engine("spark").session().sparkContext.statusTracker()  # type: ignore[attr-defined]
    presence = Presence()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(house.ask, sql, limits=EngineLimits(600, 64, 2, presence))
        until(lambda: bool(jobs.getActiveJobsIds()))
        presence.leave()
        with pytest.raises(Upstream, match="has left"):
            asked.result(60)
    until(lambda: not jobs.getActiveJobsIds())
    with pytest.raises(Upstream, match="has left"):  # before it began
        house.ask(sql, limits=EngineLimits(600, 64, 2, presence))
    until(lambda: not jobs.getActiveJobsIds())
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    pytest.fail("it did not come to that")


def test_no_text_of_a_question_is_filled_from_settings_or_the_environment(house: SparkHouse) -> None:
    texts = ["${spark.app.id}", "${env:PATH}", "${system:user.home}", "${hiveconf:x}"]
    sql = ", ".join(f"'{text}' AS t{number}" for number, text in enumerate(texts))
    assert list(house.ask(f"SELECT {sql} FROM orders LIMIT 1").to_pylist()[0].values()) == texts


@pytest.mark.parametrize("rule", ["region NOT ILIKE 'ap%'", "region IN viewer.regions"])
def test_a_filter_leaves_the_same_rows_in_both_places(engines: Engines, tmp_path: Path, rule: str) -> None:
    columns = [Column("id", "BIGINT"), Column("region", "VARCHAR")]
    made = SparkHouse(tmp_path, engines, "rules", {"t": contract("t", columns, RowFilter(rule))})
    made.put("t", pa.table({"id": [1, 2, 3], "region": ["EMEA", "APAC", None]}))
    for who in (viewer(regions=("EMEA", "it's")), viewer(regions=())):
        mine, files = (one.ask("SELECT id FROM t ORDER BY id", who).to_pylist() for one in (made, made.file))
        assert mine == files


def test_a_table_that_changed_under_us_is_refused_until_it_is_mended(
    engines: Engines, tmp_path: Path
) -> None:
    made = SparkHouse(tmp_path, engines, "changing")
    made.put("orders", ORDERS)
    made.sql("DROP TABLE changing.orders")
    with pytest.raises(NotReady, match="not there any more"):
        made.ask("SELECT count(*) AS n FROM orders")
    retyped = ORDERS.set_column(3, "amount", ORDERS["amount"].cast(pa.string()))
    made.put("orders", retyped)
    with pytest.raises(NotReady, match="amount is VARCHAR now, and the contract says DOUBLE"):
        made.ask("SELECT count(*) AS n FROM orders")
    made.put("orders", ORDERS)
    assert made.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_a_table_whose_files_others_replace_is_read_as_it_is_now(engines: Engines, tmp_path: Path) -> None:
    made = SparkHouse(tmp_path, engines, "replaced")
    made.put("orders", ORDERS)
    files = tmp_path / "parts"
    files.mkdir()
    pq.write_table(ORDERS, files / "one.parquet", coerce_timestamps="us")
    made.sql("DROP TABLE replaced.orders")
    made.sql(f"CREATE TABLE replaced.orders USING parquet LOCATION '{files}'")
    assert made.ask("SELECT count(*) AS n, sum(id) AS ids FROM orders")["n"].to_pylist() == [2]
    pq.write_table(ORDERS.slice(0, 1), files / "two.parquet", coerce_timestamps="us")
    (files / "one.parquet").unlink()
    assert made.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [1]
    (files / "two.parquet").write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(NotReady, match="Files of a table at spark could not be read"):
        made.ask("SELECT sum(id) AS ids FROM orders")
    pq.write_table(ORDERS, files / "three.parquet", coerce_timestamps="us")
    (files / "two.parquet").unlink()
    assert made.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_what_there_is_to_read_is_listed(house: SparkHouse) -> None:
    found = {table.table: dict(table.columns) for table in house.engines.live("spark").tables}
    assert found["shop.orders"]["amount"] == "DOUBLE"
    assert found["shop.customers"]["salary"] == "DECIMAL(12,2)"


@pytest.fixture(scope="module")
def houses(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> tuple[SparkHouse, SparkHouse]:
    """The same database twice: once with everything, once with only what the viewer may see."""
    made = []
    for name, hidden in (("everything", True), ("permitted", False)):
        one = SparkHouse(tmp_path_factory.mktemp(name), engines, name)
        one.put("orders", orders(hidden=hidden))
        one.put("customers", customers(hidden=hidden))
        made.append(one)
    return made[0], made[1]


def outcome(house: SparkHouse, sql: str) -> str:
    """What comes back, refusal or rows in no order, as one text."""
    try:
        answer = house.ask(sql.replace("{folder}", "/tmp"), limits=EngineLimits(120, 128, 1))
    except Refusal as refusal:
        assert refusal.next_step
        return f"{refusal.code}: {refusal.message}"
    return f"{answer.schema.names} {sorted(map(str, answer.to_pylist()))}"


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(ATTACKS) == len(set(ATTACKS)) >= 350


@pytest.mark.parametrize("sql", ATTACKS)
def test_an_attack_is_refused_or_answered_within_policy(
    houses: tuple[SparkHouse, SparkHouse], sql: str
) -> None:
    everything, permitted = (outcome(house, sql) for house in houses)
    assert everything == permitted
    for secret in ("4711", "77777", "1990, 5", "hidden", "SQLSTATE", "org.apache"):
        assert secret not in everything or secret.lower() in sql.lower()
