"""Promises as SQL: what each counts, and in how much memory."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.adapters.engines import DuckDB
from handrail.data.govern import SCHEMA
from handrail.data.promises import Rule
from handrail.data.pushdown import alone
from handrail.kernel.ports import EngineLimits
from tests.cases import cases
from tests.data.governing import contract

POINTS = Rule("dangling", columns=("parent",), references=("parents", ("id",)))
TOGETHER = Rule("dangling", columns=("parent", "part"), references=("parents", ("id", "part")))


def counted(rule: Rule, children: str, parents: str, folder: Path, memory_mb: int = 256) -> int:
    """How many rows of one SELECT point at no row of the other."""
    files = {"children": folder / "children.parquet", "parents": folder / "parents.parquet"}
    with duckdb.connect() as db:
        for sql, file in zip((children, parents), files.values(), strict=True):
            db.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
    question = alone(contract("children", ()), rule, {})
    assert question.datasets == files.keys()
    rows = DuckDB().run(question.sql, question.values, SCHEMA, files, EngineLimits(60, memory_mb, 1))
    return sum(batch.column(0)[0].as_py() for batch in rows.batches() if batch.num_rows)


@pytest.mark.parametrize("rule", [POINTS, TOGETHER])
def test_references_of_wide_rows_are_counted_in_little_memory(tmp_path: Path, rule: Rule) -> None:
    """Each row is a kilobyte, and all of them 300 MB; the keys are three."""
    children = (
        "SELECT n % 1000 AS parent, 1 AS part, repeat(md5(n::VARCHAR), 32) AS wide FROM range(300000) t(n)"
    )
    parents = "SELECT n AS id, 1 AS part FROM range(990) t(n)"
    assert counted(rule, children, parents, tmp_path, memory_mb=64) == 3000


_KEYS = st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 2)), max_size=8)


@settings(max_examples=cases(40), deadline=None)
@given(_KEYS, _KEYS, st.sampled_from([POINTS, TOGETHER]))
def test_a_row_without_a_part_of_the_key_points_nowhere(
    tmp_path_factory: pytest.TempPathFactory,
    children: list[tuple[int | None, int | None]],
    parents: list[tuple[int | None, int | None]],
    rule: Rule,
) -> None:
    def table(rows: list[tuple[int | None, int | None]], names: str) -> str:
        each = ["(NULL::INT, NULL::INT)", *(f"({a}, {b})" for a, b in rows)]
        return f"FROM (VALUES {', '.join(each)}) t({names}) OFFSET 1".replace("None", "NULL")

    several = len(rule.columns)
    there = {row[:several] for row in parents}
    expected = sum(None not in row[:several] and row[:several] not in there for row in children)
    folder = tmp_path_factory.mktemp("keys")
    assert counted(rule, table(children, "parent, part"), table(parents, "id, part"), folder) == expected
