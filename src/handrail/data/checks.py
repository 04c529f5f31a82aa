"""Hold a contract's promises against its data: what the contract says and the extract does not keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from handrail.data import spoken
from handrail.data.models import Column, CombinedLink, Contract
from handrail.data.profile import is_unique, relation, unmatched
from handrail.data.sources.table import describe, first, quote

PathOf = Callable[[str], Path | None]


def breaches(contract: Contract, extract: Path, path_of: PathOf) -> tuple[str, ...]:
    """Every promise that the extract breaks, each as a sentence without a number; empty when all hold.

    Columns and their types, required and unique columns, the primary key, and references to other datasets
    by one column or several together (`path_of` gives their extracts).
    """
    with duckdb.connect() as con:
        return tuple(_breaches(con, contract, extract, path_of))


def plain(contract: Contract) -> Contract:
    """The contract's columns and types without what it promises about the values in them."""
    columns = tuple(
        replace(column, required=False, unique=False, primary_key=False, references=None)
        for column in contract.columns
    )
    return replace(contract, columns=columns, combined=())


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
            dataset, target = column.references
            yield from _dangling(con, extract, CombinedLink((column.name,), dataset, (target,)), path_of)
    names = {column.name for column in held}
    for link in contract.combined:
        if names.issuperset(link.columns):
            yield from _dangling(con, extract, link, path_of)


def _missing(con: duckdb.DuckDBPyConnection, extract: Path, names: list[str]) -> Iterator[str]:
    if not names:
        return
    counts = ", ".join(f"count(*) - count({quote(name)})" for name in names)
    for name, missing in zip(names, first(con, f"SELECT {counts} FROM {relation(extract)}"), strict=True):  # noqa: S608
        if missing:
            yield f"The column {name} is required and has no value in some rows."


def _repeated(con: duckdb.DuckDBPyConnection, extract: Path, column: Column) -> Iterator[str]:
    name = quote(column.name)
    values, distinct = first(con, f"SELECT count({name}), count(DISTINCT {name}) FROM {relation(extract)}")  # noqa: S608
    if values != distinct:
        yield f"The column {column.name} is unique, and some values are repeated."


def _dangling(
    con: duckdb.DuckDBPyConnection, extract: Path, link: CombinedLink, path_of: PathOf
) -> Iterator[str]:
    path, several = path_of(link.dataset), len(link.columns) > 1
    said = f"({', '.join(link.columns)})" if several else link.columns[0]
    if path is None or not set(link.targets) <= dict(describe(con, relation(path))).keys():
        who = f"The columns {said} point" if several else f"The column {said} points"
        yield f"{who} at {spoken.target(link)}, which is not there."
        return
    if unmatched(con, extract, link.columns, path, link.targets):
        yield f"Some rows of {said} point at no row of {link.dataset}."
