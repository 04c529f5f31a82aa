"""Meridian's source database, made from a seed: the same seed and size give the same rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from . import commerce, finance, orders, people
from . import vocabulary as words
from .columns import draw


@dataclass(frozen=True)
class Size:
    """How many rows of each kind."""

    orders: int
    customers: int
    products: int
    employees: int
    visits: int


SMALL: Final = Size(orders=20_000, customers=5_000, products=240, employees=400, visits=900)
FULL: Final = Size(orders=2_000_000, customers=60_000, products=1_200, employees=4_000, visits=9_000)


def tables(size: Size = SMALL, seed: int = 7) -> Mapping[str, pa.Table]:
    """All tables of the company, in memory; foreign keys resolve and line amounts sum to their order."""
    rng = np.random.default_rng(seed)
    region = draw(rng, len(words.REGIONS), size.customers, words.REGION_WEIGHTS)
    products = commerce.products(rng, size.products)
    customers = commerce.customers(rng, size.customers, region)
    sales = orders.sales(rng, size.orders, region, products)
    return {
        "products": products,
        "customers": customers,
        "sales_orders": sales.orders,
        "order_lines": sales.lines,
        "hr_employees": people.employees(rng, size.employees),
        "clinic_visits": people.visits(rng, size.visits, size.employees),
        "finance_control_totals": finance.control_totals(sales.day, sales.net_eur),
    }


def generate(
    path: Path, size: Size = SMALL, seed: int = 7, progress: Callable[[str, int], None] | None = None
) -> Mapping[str, int]:
    """Write the source as one DuckDB file and return the rows per table; refuses to overwrite a file.

    Columns without a gap are declared NOT NULL. Keys are not declared, as in many a real warehouse.
    """
    if path.exists():
        raise FileExistsError(path)
    written: dict[str, int] = {}
    with duckdb.connect(str(path)) as source:
        for name, table in tables(size, seed).items():
            source.register("incoming", table)
            source.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')  # noqa: S608 - our own names
            source.unregister("incoming")
            for column in table.column_names:
                if not table[column].null_count:
                    source.execute(f'ALTER TABLE "{name}" ALTER COLUMN "{column}" SET NOT NULL')
            written[name] = table.num_rows
            if progress is not None:
                progress(name, table.num_rows)
    return written
