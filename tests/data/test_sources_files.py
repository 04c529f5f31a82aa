"""Reading CSV, Parquet and DuckDB files: types from all values, and refusals that name the line."""

import gzip
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.data.sources import Extracted, open_source
from handrail.kernel import Invalid, NotFound, Refusal
from tests.cases import cases


def _read(path: Path, encoding: str | None = None) -> tuple[list[dict[str, object]], Extracted]:
    source = open_source(str(path), encoding)
    target = path.parent / "out.pq"
    extracted = source.extract(source.tables()[0], target, lambda _rows: None)
    source.close()
    return pq.read_table(target).to_pylist(), extracted


def _csv(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_leading_zeros_and_very_long_numbers_stay_text(tmp_path: Path) -> None:
    rows, _ = _read(_csv(tmp_path, "id,zip,account\n1,01067,12345678901234567890\n2,80331,1\n"))
    assert rows[0] == {"id": 1, "zip": "01067", "account": "12345678901234567890"}


def test_placeholders_are_missing_values_only_among_numbers(tmp_path: Path) -> None:
    rows, extracted = _read(_csv(tmp_path, "speed,carrier\nNA,NA\n12,UA\n"))
    assert rows == [{"speed": None, "carrier": "NA"}, {"speed": 12, "carrier": "UA"}]
    assert extracted.notes == (("speed", "1 placeholders such as NA were read as missing."),)


def test_dates_are_read_when_only_one_reading_is_possible(tmp_path: Path) -> None:
    rows, extracted = _read(_csv(tmp_path, "a,b,c\n31/12/2024,12/31/2024,01/02/2024\n"))
    assert str(rows[0]["a"]) == str(rows[0]["b"]) == "2024-12-31"
    assert rows[0]["c"] == "01/02/2024"
    assert dict(extracted.notes)["c"].startswith("Dates that could be read day-first or month-first")


def test_decimal_commas_are_numbers_but_english_thousands_are_not_guessed(tmp_path: Path) -> None:
    rows, _ = _read(_csv(tmp_path, "a;b\n1.234,5;1,234\n2,25;2,500\n"))
    assert rows == [{"a": 1234.5, "b": "1,234"}, {"a": 2.25, "b": "2,500"}]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("3,Eve", "fewer values"),
        ("3,Eve,1,2", "more values"),
        ('3,"Eve,1', "quotation mark"),
    ],
)
def test_a_broken_row_far_down_refuses_the_file_and_names_its_line(
    tmp_path: Path, broken: str, says: str
) -> None:
    good = "".join(f"{number},n{number},{number}\n" for number in range(30_000))
    with pytest.raises(Invalid) as refused:
        _read(_csv(tmp_path, f"id,name,n\n{good}{broken}\n4,Max,1\n"))
    assert "Line 30002 of a.csv" in refused.value.message
    assert says in refused.value.message
    assert "30002" in refused.value.next_step


def test_another_encoding_is_refused_with_its_line_and_read_when_named(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,name\n1,ok\n2,Müller\n".encode("latin-1"))
    with pytest.raises(Invalid, match="line 3 has the byte 0xfc") as refused:
        _read(path)
    assert "--encoding" in refused.value.next_step
    rows, extracted = _read(path, "latin-1")
    assert rows[1] == {"id": 2, "name": "Müller"}
    assert extracted.notes[0] == ("", "Converted from LATIN-1 to UTF-8.")


def test_a_byte_order_mark_is_certain_so_utf16_is_converted_and_said(tmp_path: Path) -> None:
    rows, extracted = _read(_csv(tmp_path, "id,name\n1,Müller\n".encode("utf-16")))
    assert rows == [{"id": 1, "name": "Müller"}]
    assert extracted.notes[0] == ("", "Converted from UTF-16 to UTF-8.")


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 9])
def test_empty_and_binary_files_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Invalid):
        _read(_csv(tmp_path, content))


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    rows, extracted = _read(_csv(tmp_path, "id,name\n"))
    assert (rows, extracted.rows) == ([], 0)


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    assert _read(_csv(tmp_path, gzip.compress(b"a,b\n1,2\n"), "a.csv.gz"))[0] == [{"a": 1, "b": 2}]


_text = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(
    lambda value: f"x{value}"
)


@given(rows=st.lists(st.tuples(st.integers(-(2**53), 2**53), _text), min_size=1, max_size=20))
@settings(max_examples=cases(40), deadline=None)
def test_every_quoted_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    lines = "".join('{},"{}"\n'.format(number, text.replace('"', '""')) for number, text in rows)
    read, _ = _read(_csv(folder, f"number,text\n{lines}"))
    assert [(row["number"], row["text"]) for row in read] == rows


def test_a_folder_is_one_table_a_file_and_what_is_not_data_is_named(tmp_path: Path) -> None:
    _csv(tmp_path, "a\n1\n", "one.csv")
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT uuid() AS u, [1, 2] AS l, 1::HUGEINT AS h) TO '{tmp_path}/two.parquet'")
    (tmp_path / "notes.docx").write_bytes(b"x")
    source = open_source(str(tmp_path))
    assert [table.name for table in source.tables()] == ["one", "two"]
    assert source.left_out == ('"notes.docx" is neither CSV nor Parquet; it was left out.',)
    target = tmp_path / "out.pq"
    extracted = source.extract(source.tables()[1], target, lambda _rows: None)
    assert dict(extracted.notes)["l"] == "Nested in the source, kept as JSON text."
    assert pq.read_table(target)["l"].to_pylist() == ["[1,2]"]


def _parquet(path: Path, select: str, options: str = "") -> Path:
    with duckdb.connect() as con:
        con.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet{options})")
    return path


@pytest.mark.parametrize(
    ("select", "options", "copied"),
    [
        ("SELECT i, 'n' || i AS \"n n\", i / 7.0 AS x, NULL::DATE AS d FROM range(300) AS t(i)", "", True),
        ("SELECT i FROM range(0) AS t(i)", "", True),
        ("SELECT i::UBIGINT AS i FROM range(9) AS t(i)", "", False),  # not a type that extracts have
        ('SELECT 1 AS a, 2 AS " "', "", False),  # nor a name
        ("SELECT i FROM range(300000) AS t(i)", ", ROW_GROUP_SIZE 300000", False),
        ("SELECT i FROM range(9) AS t(i)", ", COMPRESSION gzip", False),
    ],
)
def test_a_file_that_is_laid_out_as_extracts_are_is_copied_and_any_other_written_anew(
    tmp_path: Path, select: str, options: str, copied: bool
) -> None:
    path = _parquet(tmp_path / "a.parquet", select, options)
    rows, extracted = _read(path)
    written = (tmp_path / "out.pq").read_bytes()
    assert (written == path.read_bytes()) is copied
    assert [list(row.values()) for row in rows] == [
        list(row.values()) for row in pq.read_table(path).to_pylist()
    ]
    assert extracted.rows == len(rows)


def test_a_file_whose_pages_are_damaged_is_refused_though_its_end_can_be_read(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "a.parquet", "SELECT i, 'n' || i AS n FROM range(9000) AS t(i)")
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    with pytest.raises(Invalid, match="damaged"):
        _read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR1junkPAR1"), ("a.duckdb", b"0123456789ab"), ("a.xyz", b"what"), ("a.db", b"no db")],
)
def test_what_is_damaged_or_unknown_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Refusal):
        open_source(str(path)).tables()


@pytest.mark.parametrize("location", ["/no/such/file.csv", "mysql://host/db"])
def test_what_is_not_there_or_not_known_is_refused(location: str) -> None:
    with pytest.raises((NotFound, Invalid)) as refused:
        open_source(location)
    assert "postgresql://" in refused.value.next_step


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no CSV or Parquet"):
        open_source(str(tmp_path))


def test_a_duckdb_file_gives_its_tables_keys_and_views(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        con.execute("CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id), t TIMESTAMPTZ)")
        con.execute("CREATE VIEW v AS SELECT sum(id) AS total FROM a")
    source = open_source(str(path))
    tables = {table.name: table for table in source.tables()}
    assert tables["b"].primary_key == ("id",)
    assert [(key.columns, key.table) for key in tables["b"].foreign_keys] == [(("a",), "a")]
    target = tmp_path / "out.pq"
    notes = source.extract(tables["b"], target, lambda _rows: None).notes
    assert notes == (("t", "TIMESTAMP WITH TIME ZONE in the source, kept as TIMESTAMP in UTC."),)
    assert source.extract(tables["v"], target, lambda _rows: None).rows == 1


def test_a_view_in_a_duckdb_file_cannot_read_the_servers_own_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the server's own")
    path = tmp_path / "hostile.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t (a INTEGER)")
        con.execute(f"CREATE VIEW loot AS SELECT content FROM read_text('{secret}')")
    source = open_source(str(path))
    assert [table.name for table in source.tables()] == ["t"]
    assert source.left_out == ('The view "loot" cannot be read on its own; it was left out.',)
