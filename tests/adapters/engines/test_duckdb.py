"""The DuckDB engine by itself: closed, limited, streaming, and silent about its own errors."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.adapters.engines.duckdb import DuckDB, _closed_database, _same_tables
from handrail.kernel import Invalid, LimitReached, NotReady, Refusal
from handrail.kernel.ports import NARROWED, EngineLimits, Keys

LIMITS = EngineLimits(seconds=120, memory_mb=200, threads=2)
MAP = pa.map_(pa.string(), pa.int64())


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "it's a table.parquet"
    pq.write_table(pa.table({"id": list(range(1000)), "word": [f"secret-{n}" for n in range(1000)]}), path)
    return {"t": path}


@pytest.fixture
def engine() -> Iterator[DuckDB]:
    yield DuckDB()


def rows(
    engine: DuckDB, tables: dict[str, Path], sql: str, limits: EngineLimits = LIMITS, **values: Any
) -> pa.Table:
    running = engine.run(sql, values, "s", tables, limits)
    return pa.Table.from_batches(running.batches(), running.schema)


def test_rows_come_typed_and_named(engine: DuckDB, tables: dict[str, Path]) -> None:
    answer = rows(engine, tables, "SELECT id, word AS w, id AS id, id AS id_1 FROM s.t WHERE id < $n", n=2)
    assert answer.column_names == ["id", "w", "id_1", "id_1_1"]
    assert answer.to_pydict()["w"] == ["secret-0", "secret-1"]


def statistics(files: dict[str, Path], keys: Keys, *names: str) -> list[str]:
    """What DuckDB plans by, of these columns of s.t."""
    said = ", ".join(f"stats({name})" for name in names)
    cursor = _closed_database("s", files, LIMITS, keys)
    return [str(one) for one in cursor.execute(f"SELECT {said} FROM s.t LIMIT 1").fetchall()[0]]


def test_a_plan_knows_how_many_values_a_key_has_and_nothing_else_of_a_column(
    tables: dict[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3]}), other)
    keys = (("t", "id", "t"), ("t", "word", "o"), ("t", "word", "not there"))
    told = statistics({**tables, "o": other}, keys, "id", "word")
    assert "'approx_unique': 1000" in told[0]
    assert "'approx_unique': 3" in told[1]
    assert not any(word in one for one in told for word in ("min", "max", "secret", "999"))


@pytest.mark.parametrize(("table", "rows"), [("s.t", "600"), (f's."t{NARROWED}"', "200")])
def test_a_plan_takes_a_viewers_filter_for_one_that_leaves_most_and_a_questions_own_for_one_that_does_not(
    tables: dict[str, Path], table: str, rows: str
) -> None:
    database = _closed_database("s", tables, LIMITS)
    plan = f"EXPLAIN (FORMAT json) FROM {table} WHERE id > 10 AND word > 'a'"
    ((_, told),) = database.execute(plan).fetchall()
    assert orjson.loads(told)[0]["extra_info"]["Estimated Cardinality"] == rows
    assert database.execute(f"SELECT count(*) FROM {table}").fetchall() == [(1000,)]


def test_what_is_within_a_column_is_no_more_known_to_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "nested 'one'.parquet"
    deep = [{"a": {"b": 4711}, "c": [4711]}]
    pq.write_table(pa.table({"it's": deep, "list": [[4711]], "map": pa.array([[("k", 4711)]], MAP)}), path)
    told = statistics({"t": path}, (), '"it\'s"', '"it\'s".a.b', "list", "map")
    assert not any("4711" in one or "'k'" in one for one in told)


ODD = "SELECT 1.5::DECIMAL(9,2) d, uuid() u, INTERVAL 3 DAY i, TIMESTAMPTZ '2026-01-01' z, TIME '10:00' t, "
ODD += "'x'::BLOB b, [1, NULL] l, {'a': [{'b': 1}]} s, MAP {'k': 1} m, 170141183460469231731687303715884105727 h, "
ODD += "NULL::VARCHAR n, 1.5::FLOAT f, 'e'::ENUM ('e', 'f') e, '{}'::JSON j, '101'::BIT bits"


@pytest.mark.parametrize("name", ['12" pipe', '"a"', 'a"."b', "a.b", "it's", '"'])
def test_a_table_is_joined_whatever_its_columns_are_called(engine: DuckDB, tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({name: [1, 2, 3]}), path)
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f"SELECT a.{quoted} AS n FROM s.t a JOIN s.t b ON a.{quoted} < b.{quoted}"
    running = engine.run(sql, {}, "s", {"t": path}, LIMITS, (("t", name, "t"),))
    assert sorted(pa.Table.from_batches(running.batches()).to_pydict()["n"]) == [1, 1, 2]
    [told] = statistics({"t": path}, (("t", name, "t"),), quoted)
    assert "'approx_unique': 3" in told


def test_a_small_table_that_is_read_alone_gives_what_its_file_gives(engine: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    duckdb.execute(f"COPY (FROM ({ODD})) TO '{path}' (FORMAT parquet)")
    alone = rows(engine, {"t": path}, "SELECT * FROM s.t")
    joined = rows(engine, {"t": path}, "SELECT t.* FROM s.t JOIN (VALUES (1)) AS v(x) ON true")
    assert alone.schema == joined.schema
    assert alone.equals(joined)
    assert [cast(tuple[object, object, bool], key)[2] for key in engine._databases] == [True, False]


def test_a_table_that_is_held_is_another_when_its_file_changes(engine: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for value in (1, 2):
        pq.write_table(pa.table({"n": [value]}), path)
        assert rows(engine, {"t": path}, "SELECT n FROM s.t")["n"].to_pylist() == [value]
    path.unlink()
    with pytest.raises(NotReady):
        rows(engine, {"t": path}, "SELECT n FROM s.t")


def test_a_file_that_keeps_its_time_is_another_all_the_same(engine: DuckDB, tmp_path: Path) -> None:
    """As a copy with all its times is, or an extract out of a backup."""
    path, told = tmp_path / "t.parquet", []
    for value in (7, 8):
        pq.write_table(pa.table({"n": [value]}), path)
        os.utime(path, ns=(10**18, 10**18))
        told.append([rows(engine, {"t": path}, sql).to_pydict() for sql in ("FROM s.t", "FROM s.t a, s.t b")])
    assert told == [[{"n": [one]}, {"n": [one], "n_1": [one]}] for one in (7, 8)]


def test_no_file_can_be_read_beside_a_table_that_is_held(tables: dict[str, Path]) -> None:
    cursor = _closed_database("s", tables, LIMITS, held=True).cursor()
    assert cursor.execute("SELECT count(*) FROM s.t").fetchall() == [(1000,)]
    with pytest.raises(duckdb.PermissionException):
        cursor.execute(f"FROM read_parquet('{str(tables['t']).replace(chr(39), chr(39) * 2)}')")


def test_rows_that_would_fill_the_memory_are_read_from_their_file(engine: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": range(20_000), "text": ["x" * 2_000] * 20_000}), path)
    assert path.stat().st_size < 1_000_000
    limits = EngineLimits(seconds=120, memory_mb=40, threads=2)
    assert rows(engine, {"t": path}, "SELECT max(n) AS n FROM s.t", limits)["n"].to_pylist() == [19_999]
    with pytest.raises(duckdb.OutOfMemoryException):
        _closed_database("s", {"t": path}, limits, held=True)


def test_a_file_of_several_row_groups_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": range(100)}), path, row_group_size=50)
    kinds = _closed_database("s", {"t": path}, LIMITS, held=True).execute(
        "SELECT table_type FROM information_schema.tables"
    )
    assert set(kinds.fetchall()) == {("VIEW",)}


@pytest.mark.parametrize(
    ("sql", "alone"),
    [
        ("SELECT id FROM s.t WHERE word IN ('a') GROUP BY id", True),
        (
            "SELECT id FROM (SELECT id FROM s.t ORDER BY id LIMIT 3) AS q QUALIFY row_number() OVER () = 1",
            True,
        ),
        ("SELECT a.id FROM s.t a, s.t b", False),
        ("SELECT id FROM s.t WHERE id IN (SELECT 1)", False),
        ("SELECT id FROM s.t WHERE EXISTS (SELECT 1)", False),
        ("SELECT (SELECT 1), id FROM s.t", False),
        ("SELECT id FROM s.t UNION SELECT 1", False),
        ("SELECT id FROM s.t, range(3)", False),
        ("SELECT id FROM s.t, (VALUES (1)) AS v", False),
        ("SELECT id FROM s.t, LATERAL (SELECT 1)", False),
        ("WITH c AS (SELECT id FROM s.t) SELECT id FROM c", False),
        ("WITH RECURSIVE c AS (SELECT 1 UNION ALL SELECT 2) SELECT id FROM s.t", False),
        ("SELECT 1", False),
    ],
)
def test_only_a_statement_over_one_table_reads_it_alone(
    tables: dict[str, Path], sql: str, alone: bool
) -> None:
    assert _same_tables(duckdb.connect(), sql, "s", tables) is alone


def test_an_empty_answer_has_a_schema(engine: DuckDB, tables: dict[str, Path]) -> None:
    assert rows(engine, tables, "SELECT id FROM s.t WHERE false").schema.names == ["id"]


def test_the_first_batch_comes_long_before_the_last(engine: DuckDB, tables: dict[str, Path]) -> None:
    running = engine.run("SELECT a.range AS n FROM range(100000000000) a", {}, "s", tables, LIMITS)
    batches = running.batches()
    assert next(batches).num_rows > 0
    batches.close()  # a generator that is closed stops the engine


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("SELECT nothing FROM s.t", Invalid),
        ("SELECT word + 1 FROM s.t", Invalid),
        ("SELECT CAST(word AS INT) FROM s.t", Invalid),
        ("SELECT CAST(CASE WHEN id > 900 THEN word ELSE '1' END AS INT) FROM s.t, range(1000)", Invalid),
        ("SELECT id * 9223372036854775807 * 2 FROM s.t", Invalid),
        ("SELECT error(word) FROM s.t", Invalid),
        ("SELECT list(a.range) FROM range(1000000000) a, s.t", LimitReached),
        ("SELECT $a", Invalid),
    ],
)
def test_errors_are_told_in_our_words_and_without_values(
    engine: DuckDB,
    tables: dict[str, Path],
    sql: str,
    refusal: type[Refusal],
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(refusal) as refused:
        rows(engine, tables, sql)
    logged = "".join(capfd.readouterr())
    for text in (refused.value.message, refused.value.next_step, logged):
        assert "secret" not in text
        assert "word" not in text
        assert "Error:" not in text
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    "sql", ["SELECT count(*) FROM range(9999999) a, range(9999999) b WHERE (a.range * b.range) % 7 = 3"]
)
def test_a_query_ends_at_its_deadline(engine: DuckDB, tables: dict[str, Path], sql: str) -> None:
    with pytest.raises(LimitReached, match=r"longer than 0.3 seconds"):
        rows(engine, tables, sql, EngineLimits(0.3, 200, 2))


def test_rows_that_are_taken_slowly_end_at_the_deadline_too(engine: DuckDB, tables: dict[str, Path]) -> None:
    running = engine.run("SELECT range FROM range(100000000000)", {}, "s", tables, EngineLimits(0.3, 200, 2))
    pause = threading.Event()
    with pytest.raises(LimitReached):
        for _ in running.batches():
            pause.wait(0.1)


def test_a_closed_answer_can_be_closed_again(engine: DuckDB, tables: dict[str, Path]) -> None:
    running = engine.run("SELECT id FROM s.t", {}, "s", tables, LIMITS)
    running.close()
    running.close()
    assert rows(engine, tables, "SELECT count(*) AS n FROM s.t")["n"].to_pylist() == [1000]


def test_a_missing_file_is_not_ready(engine: DuckDB, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="data of t is not there"):
        engine.run("SELECT 1 FROM s.t", {}, "s", {"t": tmp_path / "gone.parquet"}, LIMITS)


def test_a_new_extract_under_the_same_name_answers_at_once(engine: DuckDB, tables: dict[str, Path]) -> None:
    assert rows(engine, tables, "SELECT count(*) AS n FROM s.t")["n"].to_pylist() == [1000]
    draft = tables["t"].with_suffix(".new")
    pq.write_table(pa.table({"id": [1], "word": ["x"], "more": [True]}), draft)
    draft.replace(tables["t"])
    assert rows(engine, tables, "SELECT * FROM s.t").to_pylist() == [{"id": 1, "word": "x", "more": True}]


def test_one_statement_cannot_see_the_tables_of_another(engine: DuckDB, tables: dict[str, Path]) -> None:
    rows(engine, tables, "SELECT id FROM s.t")
    with pytest.raises(Invalid):
        rows(engine, {}, "SELECT id FROM s.t")


def test_many_threads_ask_at_once(engine: DuckDB, tables: dict[str, Path]) -> None:
    found: list[int] = []

    def ask(limit: int) -> None:
        found.append(rows(engine, tables, "SELECT id FROM s.t WHERE id < $n", n=limit).num_rows)

    threads = [threading.Thread(target=ask, args=(limit,)) for limit in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 13))
