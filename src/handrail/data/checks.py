"""Hold a contract's promises against its data: what the contract says and the extract does not keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from handrail.data.models import Column, Contract
from handrail.data.profile import is_unique, relation, unmatched
from handrail.data.sources.table import describe, first, quote

PathOf = Callable[[str], Path | None]


def breaches(contract: Contract, extract: Path, path_of: PathOf) -> tuple[str, ...]:
    """Every promise that the extract breaks, each as a sentence; empty when all hold.

    Columns and their types, required and unique columns, the primary key, and references to other datasets
    (`path_of` gives their extracts).
    """
    with duckdb.connect() as con:
        return tuple(_breaches(con, contract, extract, path_of))


def plain(contract: Contract) -> Contract:
    """The contract's columns and types without what it promises about the values in them."""
    columns = tuple(
        replace(column, required=False, unique=False, primary_key=False, references=None)
        for column in contract.columns
    )
    return replace(contract, columns=columns)


def _breaches(
    con: duckdb.DuckDBPyConnection, contract: Contract, extract: Path, path_of: PathOf
) -> Iterator[str]:
    there = dict(describe(con, relation(extract)))
    stated = {column.name: column for column in contract.columns}
    for name, type_ in there.items():
        if name not in stated:
            yield f"The column {name} ({type_}) is new."
        elif stated[name].type != type_:
            yield f"The column {name} is {type_} now, and the contract says {stated[name].type}."
    for name in stated:
        if name not in there:
            yield f"The column {name} is gone."
    held = [column for column in contract.columns if there.get(column.name) == column.type]
    yield from _missing(con, extract, [column.name for column in held if column.required])
    key = [column.name for column in held if column.primary_key]
    if key and not is_unique(con, extract, key):
        yield f"The primary key ({', '.join(key)}) is missing or repeated in some rows."
    for column in held:
        if column.unique and not (column.primary_key and len(key) == 1):
            yield from _repeated(con, extract, column)
        if column.references:
            yield from _dangling(con, extract, column, path_of)


def _missing(con: duckdb.DuckDBPyConnection, extract: Path, names: list[str]) -> Iterator[str]:
    if not names:
        return
    counts = ", ".join(f"count(*) - count({quote(name)})" for name in names)
    for name, missing in zip(names, first(con, f"SELECT {counts} FROM {relation(extract)}"), strict=True):  # noqa: S608
        if missing:
            yield f"The column {name} is required and has no value in {missing:,} rows."


def _repeated(con: duckdb.DuckDBPyConnection, extract: Path, column: Column) -> Iterator[str]:
    name = quote(column.name)
    values, distinct = first(con, f"SELECT count({name}), count(DISTINCT {name}) FROM {relation(extract)}")  # noqa: S608
    if values != distinct:
        yield f"The column {column.name} is unique, and {values - distinct:,} values are repeated."


def _dangling(
    con: duckdb.DuckDBPyConnection, extract: Path, column: Column, path_of: PathOf
) -> Iterator[str]:
    dataset, target = column.references or ("", "")
    path = path_of(dataset)
    if path is None or target not in dict(describe(con, relation(path))):
        yield f"The column {column.name} points at {dataset}.{target}, which is not there."
        return
    orphans = unmatched(con, extract, (column.name,), path, (target,))
    if orphans:
        yield f"{orphans:,} rows of {column.name} point at no row of {dataset}."
