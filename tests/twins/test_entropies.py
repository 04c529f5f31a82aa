"""Entropies of binned columns are those that a query by groups gives, nulls being a bin of their own."""

from __future__ import annotations

import math

import duckdb
import pytest

from handrail.twins.binned import Binned
from handrail.twins.columns import Source
from handrail.twins.entropies import Entropies


def test_entropies_are_those_of_the_groups_of_a_query() -> None:
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE t AS SELECT (i % 7)::UTINYINT AS a, CASE WHEN i % 5 > 0 THEN (i * i % 11)::UTINYINT END "
            "AS b, (hash(i) % 3)::UTINYINT AS c FROM range(3000) AS r(i)"
        )
        entropies = Entropies(Binned(Source(con, "t", 3000, 10, None), {"a": 7, "b": 11, "c": 3}))
        for names in (["a"], ["b"], ["a", "b"], ["b", "a", "c"]):
            sizes = con.execute(f"SELECT count(*) FROM t GROUP BY {', '.join(names)}").fetchall()
            shares = [n / 3000 for (n,) in sizes]
            wanted = -sum(share * math.log(share) for share in shares) + (len(shares) - 1) / 6000
            entropy, cells = entropies.of(names)
            assert cells == len(shares)
            assert entropy == pytest.approx(wanted)
