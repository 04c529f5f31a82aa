"""Find primary and foreign keys, declared and undeclared, and believe none that the data contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from handrail.data.find_combined_links import find_combined_links
from handrail.data.find_links import Targets, find_links
from handrail.data.find_primary import combined_primary, single_primary
from handrail.data.key_facts import Known, orphans
from handrail.data.profile import Profile
from handrail.data.sources.table import ForeignKey, Table


@dataclass(frozen=True)
class Keys:
    """What was found for one table; `doubts` says which declared keys do not hold and which were guessed."""

    primary: tuple[str, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    unique: tuple[str, ...] = ()  # single columns
    doubts: tuple[str, ...] = ()


def find_keys(
    con: duckdb.DuckDBPyConnection, tables: Sequence[Table], profiles: Mapping[str, Profile]
) -> dict[str, Keys]:
    """Keys of every table of one source, by table key; each one holds in the extracts, or is only a doubt.

    Keys of one column come first, what points at them next, keys of several columns after that, for they are
    mostly made of columns that point somewhere, and what points at those last. The queries are bounded: for a
    table 5 to find a key of several columns and 16 to find where several of its columns point together, for a
    column 4 to find where it points; names, types and samples decide which.
    """
    known = {table.key: Known(table, profiles[table.key]) for table in tables}
    primary, doubts, foreign = {}, {}, {}
    for key, one in known.items():
        primary[key], doubts[key] = single_primary(con, one)
    targets = Targets(known, primary)
    for key, one in known.items():
        declared, contradicted = _declared(con, one, known)
        covered = {column for link in (*declared, *one.table.foreign_keys) for column in link.columns}
        guessed, guesses = find_links(con, one, targets, covered)
        foreign[key] = (*declared, *guessed)
        doubts[key] = (*doubts[key], *contradicted, *guesses)
    for key, one in known.items():
        if not primary[key] and not one.table.primary_key:
            links = {link.columns[0] for link in foreign[key] if len(link.columns) == 1}
            primary[key] = combined_primary(con, one, links)
    for key, links_found in find_combined_links(con, known, primary, foreign).items():
        foreign[key] = (*foreign[key], *links_found)
        doubts[key] = (
            *doubts[key],
            *(
                f"Foreign key ({', '.join(link.columns)}) to {link.table} was found by name and content."
                for link in links_found
            ),
        )
    return {
        key: Keys(
            primary[key],
            foreign[key],
            tuple(c.name for c in one.profile.columns if one.profile.is_unique(c)),
            doubts[key],
        )
        for key, one in known.items()
    }


def declared_keys(tables: Sequence[Table]) -> dict[str, Keys]:
    """The keys that tables declare, where no data is here to hold them against; none is guessed."""
    known = {table.key for table in tables}
    return {
        table.key: Keys(
            table.primary_key,
            tuple(foreign for foreign in table.foreign_keys if foreign.table in known),
            tuple(columns[0] for columns in (table.primary_key, *table.unique) if len(columns) == 1),
        )
        for table in tables
    }


def _declared(
    con: duckdb.DuckDBPyConnection, one: Known, all_: Mapping[str, Known]
) -> tuple[tuple[ForeignKey, ...], tuple[str, ...]]:
    held, doubts = [], []
    by_name = {key.lower(): key for key in all_}
    for foreign in one.table.foreign_keys:
        key = by_name.get(foreign.table.lower())  # SQLite compares names without case
        written = f"({', '.join(foreign.columns)}) to {foreign.table}"
        if key is None:
            doubts.append(f"Declared foreign key {written} points outside of what was imported.")
            continue
        target = all_[key]
        names = {c.name.lower(): c.name for c in target.profile.columns}
        targets = tuple(names.get(column.lower(), "") for column in foreign.targets)
        if not targets or not all(targets) or len(targets) != len(foreign.columns):
            doubts.append(f"Declared foreign key {written} names columns that are not there.")
            continue
        lost = orphans(con, one, foreign.columns, target, targets)
        if lost:
            doubts.append(f"Declared foreign key {written} does not hold: {lost} rows point at nothing.")
        else:
            held.append(ForeignKey(foreign.columns, key, targets))
    return tuple(held), tuple(doubts)
