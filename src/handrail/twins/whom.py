"""Tells whether the customers of a source that nobody certified are companies: no person is counted then.

A draft guesses whom the rows of a table are about, and k counts those. That protects people: ten orders of
one patient are one patient. Where the customers are companies, nobody is protected by it, and what ten
orders share is kept back. So rows are counted where all the evidence says so, and people where any lacks.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from handrail import data
from handrail.twins.columns import quoted
from handrail.twins.semantics import meaning_of

MAY_BE_COMPANIES = frozenset(("customer", "client", "subscriber", "tenant", "donor"))
# What only a natural person has. A name, a phone or a street may be a company's, or its contact's.
_OF_A_PERSON = frozenset(
    (
        *("first_name", "middle_name", "last_name", "title", "birth_date", "gender", "national_id", "age"),
        "username",
    )
)
_CONTACT = ("contact", "representative", "attention", "ansprechpartner", "purchaser", "buyer", "agent")
_FILLED, _DIFFERENT = 0.99, 0.9  # shares of rows with a company's name, and of names that are another one's
_LOOKED_AT = 500
Drafts = Sequence[tuple[data.Contract, Path]]


def about_companies(drafts: Drafts) -> Mapping[str, str]:
    """The tables whose rows are about companies, by their draft, each with the evidence in words."""
    found: dict[str, str] = {}
    known: dict[str, str] = {}
    for contract, _ in drafts:
        named = _named(contract, drafts)
        if named is None:
            continue
        if named[0].name not in known:
            known[named[0].name] = _evidence(*named)
        if known[named[0].name]:
            found[contract.name] = known[named[0].name]
    return found


def _named(contract: data.Contract, drafts: Drafts) -> tuple[data.Contract, Path] | None:
    """The one table that says who they are whom a table's rows are about, with its extract."""
    if contract.entity_key is None or contract.subject not in MAY_BE_COMPANIES:
        return None
    key = contract.column(contract.entity_key)
    if key is None:
        return None
    if key.references:
        return next((one for one in drafts if one[0].name == key.references[0]), None)
    own = [
        one
        for one in drafts
        if data.kind_of_person(one[0].name) == contract.subject
        and [column.name for column in one[0].columns if column.primary_key] == [key.name]
    ]
    return own[0] if len(own) == 1 else None


def _evidence(contract: data.Contract, path: Path) -> str:
    """Why these are companies, in words; "" where it is not certain."""
    kind = data.kind_of_person(contract.name)
    if kind not in MAY_BE_COMPANIES or any(map(_persons_own, contract.columns)):
        return ""
    for column in contract.columns:
        if column.type == "VARCHAR" and meaning_of(column.semantic, column.name) == "company":
            rows, filled, different, names = _counted(path, column.name)
            if rows < data.LEAST_K or filled < _FILLED * rows or different < _DIFFERENT * filled:
                continue
            if not data.looks_personal("", "VARCHAR", names):
                return (
                    f"k counts rows here, since {contract.name} are companies: {column.name} is filled in "
                    f"{filled:,} of {rows:,} rows and says {different:,} different ones, and no column is a "
                    "natural person's own."
                )
    return ""


def _persons_own(column: data.Column) -> bool:
    """Whether only a natural person has such a column."""
    meaning = meaning_of(column.semantic, column.name)
    if meaning == "full_name":
        return not any(word in column.name.lower() for word in _CONTACT)
    return meaning in _OF_A_PERSON or column.classification == "sensitive"


def _counted(path: Path, column: str) -> tuple[int, int, int, list[str]]:
    with duckdb.connect() as con:
        con.read_parquet(str(path)).create_view("named")
        name = f"nullif(trim({quoted(column)}), '')"
        rows, filled, different = con.execute(
            f"SELECT count(*), count({name}), count(DISTINCT {name}) FROM named"
        ).fetchall()[0]
        names = con.execute(
            f"SELECT DISTINCT {name} AS v FROM named WHERE v IS NOT NULL ORDER BY v LIMIT {_LOOKED_AT}"
        ).fetchall()
    return int(rows), int(filled), int(different), [str(value) for (value,) in names]
