"""The twin that answers for a dataset in the sandbox: which file it is, and a few of its rows to look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from handrail.data import store
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.models import Rendition
from handrail.data.profile import relation
from handrail.kernel import Context, Invalid, access

SAMPLE_ROWS = 20


def set_rendition(ctx: Context, name: str, path: Path, facts: Mapping[str, object]) -> None:
    """Make the Parquet file at `path`, inside the instance, the twin of this dataset; `facts` are about it.

    Asks no rule: the twins room decides who may build a twin.
    """
    if not path.resolve().is_relative_to(ctx.settings.home.resolve()) or not path.is_file():
        raise Invalid(f"{path.name} is not a file of this instance.", next_step="Build the twin again.")
    store.add_rendition(ctx, name, path, facts, contract_of(ctx, name).digest)
    ctx.audit.note("rendition.set", f"dataset:{name}", file=path.name)


def rendition(ctx: Context, name: str) -> Rendition | None:
    """The twin that answers for the dataset in the sandbox, or None when none was built."""
    return store.newest_rendition(ctx, name)


def sample(ctx: Context, name: str) -> pa.Table | None:
    """The first rows of the twin, to show what the data looks like; never a real row. None without a twin."""
    access.require(ctx, "see-datasets", CATALOG)
    twin = rendition(ctx, name)
    if twin is None or not twin.path.is_file():
        return None
    with duckdb.connect() as con:
        return con.sql(f"SELECT * FROM {relation(twin.path)} LIMIT {SAMPLE_ROWS}").to_arrow_table()  # noqa: S608
