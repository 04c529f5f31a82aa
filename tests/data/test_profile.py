"""What an extract is like: a key is a column of which every value was told apart, however large the table."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from handrail.data import profile as profiles
from handrail.data.profile import Profile, profile

ROWS = 1000


@pytest.fixture
def profiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Profile]:
    """The profile of a thousand rows, which count as a large table here: its first hundred are looked at."""
    monkeypatch.setattr(profiles, "_REPEATS_WITHIN", 100)

    def made(sql: str) -> Profile:
        path = tmp_path / "extract.parquet"
        with duckdb.connect() as con:
            con.execute(f"COPY (SELECT {sql} AS x FROM range({ROWS}) AS r(i)) TO '{path}'")
            return profile(con, path)

    return made


def distinct(found: Profile) -> tuple[int, bool]:
    """How many values there are, and whether that makes a key."""
    (column,) = found.columns
    return column.distinct, found.is_unique(column)


def test_a_column_that_repeats_nowhere_is_a_key(profiled: Callable[[str], Profile]) -> None:
    assert distinct(profiled("i")) == (ROWS, True)


@pytest.mark.parametrize("repeated", [50, ROWS - 1], ids=["among its first rows", "in its last row"])
def test_a_column_that_repeats_once_is_no_key(profiled: Callable[[str], Profile], repeated: int) -> None:
    count, key = distinct(profiled(f"CASE WHEN i = {repeated} THEN 0 ELSE i END"))
    assert not key and 0.9 * ROWS < count < ROWS


def test_values_are_not_all_told_apart_where_the_first_rows_repeat(
    profiled: Callable[[str], Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    first = profiles.first
    monkeypatch.setattr(profiles, "first", lambda con, sql: (asked.append(sql), first(con, sql))[1])
    profiled("CASE WHEN i = 50 THEN 0 ELSE i END")
    assert [sql for sql in asked if "count(DISTINCT" in sql and "LIMIT" not in sql] == []
    profiled("i")
    assert len([sql for sql in asked if "count(DISTINCT" in sql and "LIMIT" not in sql]) == 1
