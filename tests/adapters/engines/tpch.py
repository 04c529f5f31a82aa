"""TPC-H governed: contracts with row filters and masks over its tables, and answers that can be compared."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from handrail.data.models import Column, Contract, Mask, RowFilter
from handrail.kernel import Person
from tests.data.governing import contract, viewer

FILTERS = {
    "customer": "c_mktsegment <> viewer.segment",
    "orders": "o_orderpriority <> viewer.priority AND o_orderdate < DATE '1998-07-01'",
    "lineitem": "l_shipmode <> viewer.mode OR l_quantity > 40",
    "supplier": "s_nationkey IN viewer.nations",
}
MASKS = {
    "c_name": Mask("partial"),
    "c_phone": Mask("partial"),
    "c_address": Mask("hash"),
    "c_acctbal": Mask("bucket", width=100),
    "c_comment": Mask("null", ("stewards",)),
    "o_clerk": Mask("hash"),
    "s_phone": Mask("hash"),
    "s_acctbal": Mask("bucket", width=1000),
    "l_comment": Mask("null"),
    "l_receiptdate": Mask("truncate", ("sales",), to="month"),
}
VIEWER: Person = viewer(
    "sales",
    segment="MACHINERY",
    priority="5-LOW",
    mode="RAIL",
    nations=tuple(str(nation) for nation in range(25) if nation % 5),
)


def contracts(folder: Path, names: Iterable[str]) -> dict[str, Contract]:
    """A contract for each table, its columns and types as they are in the files."""
    made = {}
    for name in names:
        described = duckdb.sql(f"DESCRIBE FROM '{folder / name}.parquet'").fetchall()
        columns = [Column(str(row[0]), str(row[1]), mask=MASKS.get(str(row[0]))) for row in described]
        filters = [RowFilter(FILTERS[name])] if name in FILTERS else []
        made[name] = contract(name, columns, *filters)
    return made


def comparable(answer: pa.Table) -> list[str]:
    """The rows as texts in one order, fractions to ten digits: a sum of fractions depends on its order."""

    def told(value: object) -> str:
        return f"{value:.10g}" if isinstance(value, float) else str(value)

    return sorted(" | ".join(map(told, row.values())) for row in answer.to_pylist())
