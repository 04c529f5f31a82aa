"""Reading SQLite files as they really are: values that do not agree, names that need care, files cut off."""

import datetime
import sqlite3
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.data.sources import Extracted, open_source, sqlite
from handrail.kernel import Invalid


def _file(tmp_path: Path, *statements: str) -> Path:
    path = tmp_path / "source.sqlite"
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    return path


def _read(path: Path, table: str, tmp_path: Path) -> tuple[pa.Table, Extracted]:
    source = open_source(str(path))
    found = next(one for one in source.tables() if one.name == table)
    target = tmp_path / "out.parquet"
    extracted = source.extract(found, target, lambda _rows: None)
    source.close()
    return pq.read_table(target), extracted


def test_a_column_gets_the_type_that_its_values_have_not_the_declared_one(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "CREATE TABLE t (i TEXT, r INTEGER, d TEXT, m DATETIME, b BOOLEAN, n DECIMAL(10,2), x BLOB)",
        "INSERT INTO t VALUES (NULL, 1, '2024-02-29', '2024-01-01 10:00:00', 1, 12.5, x'00ff')",
        "INSERT INTO t VALUES (NULL, 2.5, '2024-03-01', '2024-01-01T10:00:00.250Z', 0, 3, NULL)",
    )
    table, _ = _read(path, "t", tmp_path)
    types = {field.name: field.type for field in table.schema}
    assert types == {
        "i": pa.string(),
        "r": pa.float64(),
        "d": pa.date32(),
        "m": pa.timestamp("us"),
        "b": pa.bool_(),
        "n": pa.decimal128(10, 2),
        "x": pa.binary(),
    }
    assert [str(value) for value in table["n"].to_pylist()] == ["12.50", "3.00"]
    assert table["m"].to_pylist()[1] == datetime.datetime(2024, 1, 1, 10, 0, 0, 250000)  # noqa: DTZ001


def test_mixed_types_become_text_and_the_mixture_is_said(tmp_path: Path) -> None:
    path = _file(tmp_path, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), ('two'), (3.5), (NULL)")
    table, extracted = _read(path, "t", tmp_path)
    assert table["a"].to_pylist() == ["1", "two", "3.5", None]
    assert extracted.notes == (("a", "Mixed types (1 integer, 1 real, 1 text), kept as text."),)


def test_a_date_that_does_not_exist_keeps_the_column_as_text(tmp_path: Path) -> None:
    path = _file(tmp_path, "CREATE TABLE t (d DATE)", "INSERT INTO t VALUES ('2024-02-28'), ('2024-02-30')")
    table, _ = _read(path, "t", tmp_path)
    assert table["d"].to_pylist() == ["2024-02-28", "2024-02-30"]


def test_money_that_does_not_fit_its_declared_decimals_is_not_rounded(tmp_path: Path) -> None:
    path = _file(tmp_path, "CREATE TABLE t (n DECIMAL(10,2))", "INSERT INTO t VALUES (1.25), (1.255)")
    table, _ = _read(path, "t", tmp_path)
    assert table["n"].to_pylist() == [1.25, 1.255]


def test_money_that_is_missing_is_not_nothing(tmp_path: Path) -> None:
    path = _file(tmp_path, "CREATE TABLE t (n DECIMAL(10,2))", "INSERT INTO t VALUES (1.25), (NULL), (0)")
    table, _ = _read(path, "t", tmp_path)
    assert table["n"].to_pylist() == [Decimal("1.25"), None, Decimal(0)]


def test_awkward_names_views_generated_columns_and_empty_tables_come_through(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        'CREATE TABLE "Order ""Details""" ("select" INTEGER, "a b" TEXT, c AS ("select" * 2))',
        'INSERT INTO "Order ""Details""" VALUES (1, \'x\')',
        "CREATE TABLE empty (id INTEGER PRIMARY KEY, at DATETIME, note)",
        'CREATE VIEW v AS SELECT "a b" AS "A;B" FROM "Order ""Details"""',
        "CREATE VIEW broken AS SELECT x FROM nowhere",
    )
    table, _ = _read(path, 'Order "Details"', tmp_path)
    assert table.to_pylist() == [{"select": 1, "a b": "x", "c": 2}]
    assert _read(path, "v", tmp_path)[0].to_pylist() == [{"A;B": "x"}]
    empty, extracted = _read(path, "empty", tmp_path)
    assert empty.num_rows == 0
    assert empty.schema.types == [pa.int64(), pa.timestamp("us"), pa.string()]
    assert ("note", "No value and no declared type; taken as text.") in extracted.notes
    source = open_source(str(path))
    assert [one.name for one in source.tables()] == ['Order "Details"', "empty", "v"]
    assert source.left_out == ('The view "broken" cannot be read by SQLite itself; it was left out.',)


def test_a_table_of_two_hundred_columns_is_surveyed_in_parts(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(250)]
    path = _file(
        tmp_path,
        f"CREATE TABLE wide ({', '.join(names)})",
        f"INSERT INTO wide VALUES ({', '.join(str(number) for number in range(250))})",
    )
    table, _ = _read(path, "wide", tmp_path)
    assert table.num_columns == 250
    assert table["c249"].to_pylist() == [249]


def test_bytes_that_are_not_utf8_are_read_and_counted(tmp_path: Path) -> None:
    path = _file(
        tmp_path, "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES (CAST(x'4dfc6c6c6572' AS TEXT)), ('ok')"
    )
    table, extracted = _read(path, "t", tmp_path)
    assert table["a"].to_pylist() == ["Müller", "ok"]
    assert extracted.notes == (("", "1 texts were not valid UTF-8 and were read as Latin-1."),)


def test_a_file_in_wal_mode_is_read_without_leaving_files_beside_it(tmp_path: Path) -> None:
    path = _file(tmp_path, "PRAGMA journal_mode=WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    before = sorted(tmp_path.iterdir())
    source = open_source(str(path))
    assert [table.name for table in source.tables()] == ["t"]
    assert sorted(tmp_path.iterdir()) == before
    source.close()


def test_what_a_writer_has_committed_to_the_wal_is_read_too(tmp_path: Path) -> None:
    path = _file(tmp_path, "PRAGMA journal_mode=WAL", "CREATE TABLE t (a)")
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO t VALUES (7)")
    writer.commit()
    table, _ = _read(path, "t", tmp_path)
    writer.close()
    assert table["a"].to_pylist() == [7]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path: Path, share: float) -> None:
    path = _file(tmp_path, "CREATE TABLE t (a)", *(["INSERT INTO t VALUES (zeroblob(3000))"] * 20))
    whole = path.read_bytes()
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(Invalid) as refused:
        open_source(str(cut))
    assert "cut off" in refused.value.message
    assert ".backup" in refused.value.next_step


def test_a_view_without_an_end_is_left_out_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "VIEW_SECONDS", 0.2)
    endless = "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT"
    path = _file(
        tmp_path,
        "CREATE TABLE t (a)",
        f"CREATE VIEW counted AS {endless} count(*) AS n FROM r",
        f"CREATE VIEW listed AS {endless} n FROM r",
    )
    source = open_source(str(path))
    assert [table.name for table in source.tables()] == ["listed", "t"]
    assert source.left_out == ('The view "counted" cannot be read by SQLite itself; it was left out.',)
    with pytest.raises(Invalid, match="did not end"):
        _read(path, "listed", tmp_path)
    assert _read(path, "t", tmp_path)[0].num_rows == 0


def test_a_damaged_page_refuses_the_import(tmp_path: Path) -> None:
    path = _file(tmp_path, "CREATE TABLE t (a)", *(["INSERT INTO t VALUES (zeroblob(3000))"] * 20))
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(Invalid, match="damaged"):
        _read(path, "t", tmp_path)
