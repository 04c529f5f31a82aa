"""A few rows of the twin, to show what a dataset looks like."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from handrail.data.catalog import CATALOG
from handrail.data.masked_columns import masked_columns
from handrail.data.profile import relation
from handrail.data.renditions import rendition
from handrail.data.sources.table import quote
from handrail.kernel import Context, access

SAMPLE_ROWS = 20


def sample(ctx: Context, name: str) -> pa.Table | None:
    """The first rows of the twin, without columns that have a mask; None without a twin.

    No group lifts a mask here, as nowhere in the sandbox: a value that many real rows share is a real one.
    """
    access.require(ctx, "see-datasets", CATALOG)
    twin = rendition(ctx, name)
    if twin is None or not twin.path.is_file():
        return None
    masked = masked_columns(ctx, name, frozenset())
    with duckdb.connect() as con:
        rows = con.sql(f"SELECT * FROM {relation(twin.path)} LIMIT {SAMPLE_ROWS}")  # noqa: S608
        plain = [column for column in rows.columns if not masked.get(column, True)]
        return rows.project(", ".join(map(quote, plain))).to_arrow_table() if plain else pa.table({})
