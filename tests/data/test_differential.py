"""The governed answer equals the plain answer over a database that holds only what the viewer may see.

Data, policies and queries are random. HANDRAIL_EXAMPLES sets how many queries are tried, HANDRAIL_SEED where
chance begins: the same seed tries the same queries.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from handrail.data.models import Contract
from handrail.kernel import Person
from tests.data.governing import House
from tests.data.questions import ARROW, PLAIN, people, policies, queries, tables, visible

pytestmark = pytest.mark.long

EACH = 20  # queries over one set of data, policies and viewer
CASES = int(os.environ.get("HANDRAIL_EXAMPLES", "500"))
SEED = int(os.environ.get("HANDRAIL_SEED", "0"))
tried = {"answered": 0, "unfit": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("differential")


@seed(SEED)
@settings(
    max_examples=max(1, CASES // EACH),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_governed_answer_is_the_plain_answer_over_what_the_viewer_may_see(
    folder: Path, data: st.DataObject
) -> None:
    kinds = {name: data.draw(policies(name), label=name) for name in PLAIN}
    rows = {name: data.draw(tables(name), label=f"rows of {name}") for name in PLAIN}
    person = data.draw(people(), label="viewer")
    house = House(folder, kinds)
    for name, table in rows.items():
        house.put(name, table)
    with plain_database(
        {name: visible(rows[name], kinds[name], person) for name in PLAIN}, kinds, person
    ) as plain:
        for _ in range(EACH):
            compare(house, plain, data.draw(queries(), label="query"), person)


def test_most_random_queries_fit_the_data() -> None:
    """So that the test above compares answers, and not only failures."""
    if sum(tried.values()):
        assert tried["answered"] > 3 * tried["unfit"], tried


def compare(house: House, plain: duckdb.DuckDBPyConnection, sql: str, person: Person) -> None:
    """One query, both ways. What plain DuckDB will not answer for the text of the query is no case."""
    values = {name: value for name, value in (("low", 1), ("word", "EMEA")) if f"${name}" in sql}
    try:
        expected = plain.sql(sql, params=values or None).to_arrow_table()
    except duckdb.Error:
        tried["unfit"] += 1
        return
    note(sql)
    answer = house.ask(sql, person, **values)
    assert answer.column_names == expected.column_names, sql
    assert counted(answer) == counted(expected), sql
    tried["answered"] += 1


def counted(table: pa.Table) -> Counter[str]:
    return Counter(map(str, table.to_pylist()))


def plain_database(
    seen: dict[str, list[dict[str, Any]]], kinds: dict[str, Contract], person: Person
) -> duckdb.DuckDBPyConnection:
    """Plain DuckDB over these rows and no others, in the types in which they are seen."""
    database = duckdb.connect(":memory:")
    for name, rows in seen.items():
        columns = {}
        for column in kinds[name].columns:
            mask = column.mask if column.mask and not person.groups & set(column.mask.unless_groups) else None
            text = mask is not None and mask.kind in ("partial", "hash") and column.type == "VARCHAR"
            columns[column.name] = pa.string() if text else ARROW[column.type]
        schema = pa.schema(list(columns.items()))
        database.register("rows_of", pa.Table.from_pylist(rows, schema))
        database.execute(f"CREATE TABLE {name} AS FROM rows_of")
        database.unregister("rows_of")
    return database
