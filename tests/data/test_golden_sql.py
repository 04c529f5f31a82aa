"""What is written for Trino, Snowflake, BigQuery and Databricks: the same as before, readable there, and filtered."""

import pytest
import sqlglot
from sqlglot import exp

from handrail.adapters.engines.translate import Dialect
from tests.data.golden_sql import DIALECTS, FOLDER, QUESTIONS, written

PARAMETRIZED = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@PARAMETRIZED
def test_it_is_what_the_golden_file_says(dialect: Dialect) -> None:
    assert written(dialect) == (FOLDER / f"{dialect.name}.sql").read_text(encoding="utf-8")


@PARAMETRIZED
def test_it_reads_back_as_the_same_in_its_dialect(dialect: Dialect) -> None:
    statements = sqlglot.parse(written(dialect), dialect=dialect.name)
    assert len(statements) == len(QUESTIONS)
    for statement in statements:
        assert statement is not None
        again = statement.sql(dialect=dialect.name, comments=False)
        assert sqlglot.parse_one(again, dialect=dialect.name).sql(dialect=dialect.name) == again


@PARAMETRIZED
def test_every_table_stands_alone_below_its_filter_and_fence(dialect: Dialect) -> None:
    tables = 0
    for statement in sqlglot.parse(written(dialect), dialect=dialect.name):
        assert statement is not None
        for table in [one for one in statement.find_all(exp.Table) if one.db]:
            reading = table.find_ancestor(exp.Select)
            assert reading is not None and not reading.args.get("where") and not reading.args.get("joins")
            governed = reading.parent_select
            assert governed is not None and isinstance(governed.parent, exp.Subquery)
            rows = governed.args["where"].sql()
            assert "viewer_" in rows if table.name == "orders" else "TRUE" in rows
            assert governed.args.get("offset") or "RAND()" in rows or "MONOTONICALLY_INCREASING_ID()" in rows
            tables += 1
    assert tables >= len(QUESTIONS)
