"""Rules are counted some at a time, so that many lists do not take all memory at once."""

from __future__ import annotations

import duckdb
import pytest

from handrail.twins import rule_sql
from handrail.twins.models import ColumnSketch
from handrail.twins.rule_sql import Count, counts
from handrail.twins.rules import Rule


def test_many_rules_are_counted_as_each_would_be_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {name: ColumnSketch(name, "BIGINT", "integer", "model") for name in ("a", "b")}
    rules = [Rule("values", ("a",), values=tuple(float(n) for n in range(most))) for most in range(1, 6)]
    rules += [Rule("order", ("a", "b")), Rule("unique", ("a",))]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT i % 10 AS a, 5 AS b FROM range(100) AS r(i)")
        monkeypatch.setattr(rule_sql, "AT_ONCE", 2)
        found = counts(con, "t", rules, columns)
    assert [one.broken for one in found] == [90, 80, 70, 60, 50, 40, 90]
    assert found[5] == Count(100, 40, 100, 40)
    assert counts(duckdb.connect(), "t", [], columns) == []
