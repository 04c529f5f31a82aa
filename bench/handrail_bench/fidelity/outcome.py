"""Runs programs over the tables of a folder, as an app runs over what it may query; says how each went."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from handrail_bench.fidelity.bank import Program, Query
from handrail_sdk.answer import frame

Failures = dict[str, str]  # program -> what happened, "" when it went well


@dataclass(frozen=True)
class Measured:
    """One program by name and how it went on each rendition: what happened, "" when it went well."""

    program: str
    held_out: bool
    real: str
    hostile: str
    plain: str


def run(programs: Iterable[Program], folder: Path) -> Failures:
    """Run programs over the Parquet files of a folder, each table under its file's name."""
    went: Failures = {}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for file in sorted(folder.glob("*.parquet")):
            con.execute(f'CREATE VIEW "{file.stem}" AS FROM read_parquet({str(file)!r})')
        for one in programs:
            went[one.name] = _outcome(one, _asking(con))
    return went


def _asking(con: duckdb.DuckDBPyConnection) -> Query:
    """What `handrail_sdk.query` is to an app: SQL in, a pandas frame out."""

    def query(sql: str) -> pd.DataFrame:
        return frame(con.sql(sql).to_arrow_table())

    return query


def _outcome(program: Program, query: Query) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program.body(query)
        except Exception as error:  # noqa: BLE001 - any failure is what is looked for
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]
    return ""
