"""Rows are drawn column by column, some at a time: nothing about them hangs on how many."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.twins import abreast, rows
from handrail.twins.generate import Twin, generate, write
from handrail.twins.models import ColumnSketch, Field, Sketch, Table, TableSketch
from handrail.twins.plane import open_plane
from handrail.twins.rows import drawn_after
from handrail.twins.rules import Rule
from handrail.twins.sketch import take

SHOPS = """
SELECT i AS shop_id, ['Vienna', 'Graz', 'Linz', 'Bern', 'Basel'][1 + i % 5] AS city,
  CASE WHEN i % 5 < 3 THEN 'AT' ELSE 'CH' END AS country, 100 + 20 * (i % 5) + i % 7 AS area
FROM range(400) AS r(i)"""
SALES = """
SELECT i AS sale_id, hash(i) % 400 AS shop_id, 1 + hash(i, 1) % 9 AS pieces, 5 * (1 + hash(i, 1) % 9) AS paid,
  DATE '2024-01-01' + (hash(i, 2) % 300)::INTEGER AS ordered,
  DATE '2024-01-01' + (hash(i, 2) % 300 + hash(i, 3) % 9)::INTEGER AS shipped,
  CASE WHEN hash(i, 1) % 9 > 4 THEN 'large' ELSE 'small' END AS size, (hash(i, 4) % 1000) / 10.0 AS rating
FROM range(3000) AS r(i)"""


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Sketch:
    """A shop and its sales: lists of what goes together, numbers that follow others, a rule, a link."""
    folder, tables = tmp_path_factory.mktemp("real"), []
    for name, sql in (("shops", SHOPS), ("sales", SALES)):
        path, key = folder / f"{name}.parquet", f"{name[:-1]}_id"
        duckdb.sql(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        names = pq.read_schema(path).names
        pointing = {"shop_id": ("shops", "shop_id")} if name == "sales" else {}
        fields = (
            Field(one, "", required=True, primary_key=one == key, references=pointing.get(one))
            for one in names
        )
        tables.append(Table(name, tuple(fields), path))
    with (plane := open_plane(tables, 10)).con:
        return take(plane).sketch


def files_of(twins: dict[str, Twin], folder: Path) -> list[str]:
    """What stands in the files of all tables, as a hash of each."""
    for name, twin in twins.items():
        write(twin.table, folder / f"{name}.parquet")
    return [sha256((folder / f"{name}.parquet").read_bytes()).hexdigest() for name in twins]


@pytest.mark.parametrize("threads", [2, 4])
def test_a_sketch_and_a_seed_give_the_same_bytes_however_many_threads_draw(
    sketch: Sketch, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = files_of(generate(sketch, 5, "hostile"), tmp_path / "one")
    monkeypatch.setattr(rows, "FEW_ROWS", 0)
    for attempt in ("first", "again"):
        monkeypatch.setattr(abreast, "ABREAST", threads)
        assert files_of(generate(sketch, 5, "hostile"), tmp_path / attempt) == one_by_one


def test_a_column_waits_for_its_parents_for_what_it_follows_and_for_its_lists() -> None:
    def column(name: str, *parents: str, along: str = "") -> ColumnSketch:
        asked = tuple(("", one) for one in parents)
        return ColumnSketch(
            name, "INTEGER", "integer", "model", parents=asked, along=("", along) if along else None
        )

    columns = (column("city"), column("zip"), column("street", "city"), column("number", along="street"))
    listed = Rule("accepted", ("zip", "city"), pairs=(("1010", "Vienna", 1.0),))
    table = TableSketch("places", 9, columns, tuple(one.name for one in columns), rules=(listed,))
    assert drawn_after(table, [one.name for one in columns]) == {
        "city": set(),
        "zip": {"city"},
        "street": {"city"},
        "number": {"street"},
    }


def test_texts_are_written_by_dictionary_and_numbers_as_they_are(tmp_path: Path) -> None:
    write(pa.table({"name": ["a", "b", "a"], "count": [1, 1, 1]}), tmp_path / "t.parquet")
    group = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0)
    assert [group.column(place).has_dictionary_page for place in range(2)] == [True, False]
