"""Find primary and foreign keys, declared and undeclared, and believe none that the data contradicts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from handrail.data.profile import ColumnProfile, Profile, is_unique, unmatched
from handrail.data.sources.table import ForeignKey, Table
from handrail.data.words import singular, words

KEY_WORDS = frozenset({"id", "key", "code", "number", "no", "nr", "num", "uuid", "guid", "sku", "isbn"})
_NEVER_KEYS = ("DOUBLE", "FLOAT", "DATE", "TIMESTAMP", "TIME", "BOOLEAN", "BLOB")
_MAX_KEY_LENGTH = 64
_MAX_COMBINATIONS = 12
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
# Shared numbers prove little; text codes of some length and variety seldom agree by chance.
_TELLING_VALUES = 3
_TELLING_LENGTH = 3


@dataclass(frozen=True)
class Keys:
    """What was found for one table; `doubts` says which declared keys do not hold and which were guessed."""

    primary: tuple[str, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    unique: tuple[str, ...] = ()  # single columns
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    table: Table
    profile: Profile


def find_keys(
    con: duckdb.DuckDBPyConnection, tables: Sequence[Table], profiles: Mapping[str, Profile]
) -> dict[str, Keys]:
    """Keys of every table of one source, by table key; each one holds in the extracts, or is only a doubt."""
    candidates = {table.key: _Candidate(table, profiles[table.key]) for table in tables}
    primary = {key: _primary(con, candidate) for key, candidate in candidates.items()}
    targets = {key: columns for key, (columns, _) in primary.items() if columns}
    result = {}
    for key, candidate in candidates.items():
        declared, doubts = _declared(con, candidate, candidates)
        covered = {column for foreign in declared for column in foreign.columns}
        covered |= {column for foreign in candidate.table.foreign_keys for column in foreign.columns}
        guessed, guesses = _guessed(con, candidate, candidates, targets, covered)
        columns, doubt = primary[key]
        unique = tuple(c.name for c in candidate.profile.columns if candidate.profile.is_unique(c))
        result[key] = Keys(columns, (*declared, *guessed), unique, (*doubt, *doubts, *guesses))
    return result


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


def _primary(con: duckdb.DuckDBPyConnection, one: _Candidate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    declared = one.table.primary_key
    if declared:
        if not one.profile.rows or is_unique(con, one.profile.path, declared):
            return declared, ()
        return (), (f"Declared primary key ({', '.join(declared)}) has missing or repeated values.",)
    for columns in one.table.unique:
        if one.profile.rows and is_unique(con, one.profile.path, columns):
            return columns, ()
    usable = [c for c in one.profile.columns if _may_be_key(c)]
    single = [c.name for c in usable if one.profile.is_unique(c)]
    if single and one.profile.rows > 1:
        return (max(single, key=lambda name: _key_likeness(name, one)),), ()
    return _combination(con, one, usable), ()


def _combination(
    con: duckdb.DuckDBPyConnection, one: _Candidate, usable: Sequence[ColumnProfile]
) -> tuple[str, ...]:
    """Two or three columns that look like keys of something and together tell the rows apart."""
    if one.profile.rows < 2 or one.table.kind == "view":
        return ()
    parts = [c.name for c in usable if c.values == one.profile.rows and KEY_WORDS & set(words(c.name))]
    pairs = itertools.chain(itertools.combinations(parts, 2), itertools.combinations(parts, 3))
    tried = itertools.islice(pairs, _MAX_COMBINATIONS)
    return next((columns for columns in tried if is_unique(con, one.profile.path, columns)), ())


def _may_be_key(column: ColumnProfile) -> bool:
    short = all(len(value) <= _MAX_KEY_LENGTH for value in column.sample)
    return bool(column.values) and short and not column.type.startswith(_NEVER_KEYS)


def _key_likeness(name: str, one: _Candidate) -> tuple[bool, bool, bool, int]:
    """How much a unique column looks like *the* key: id or <table>_id, then a key word, then its place."""
    parts = words(name)
    entity = singular(words(one.table.name)[-1]) if words(one.table.name) else ""
    own = parts in (("id",), (entity, "id"), (entity,)) or parts == (*words(one.table.name), "id")
    position = [c.name for c in one.profile.columns].index(name)
    return own, bool(KEY_WORDS & set(parts)), position == 0, -position


def _declared(
    con: duckdb.DuckDBPyConnection, one: _Candidate, all_: Mapping[str, _Candidate]
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
        orphans = _unmatched(con, one, foreign.columns, target, targets)
        if orphans:
            doubts.append(f"Declared foreign key {written} does not hold: {orphans} rows point at nothing.")
        else:
            held.append(ForeignKey(foreign.columns, key, targets))
    return tuple(held), tuple(doubts)


def _guessed(
    con: duckdb.DuckDBPyConnection,
    one: _Candidate,
    all_: Mapping[str, _Candidate],
    targets: Mapping[str, tuple[str, ...]],
    covered: set[str],
) -> tuple[tuple[ForeignKey, ...], tuple[str, ...]]:
    found, doubts = [], []
    for column in one.profile.columns:
        if column.name in covered or not _may_be_key(column):
            continue
        ranked = sorted(
            (
                (likeness, key)
                for key, primary in targets.items()
                if len(primary) == 1 and (likeness := _likeness(column, one, all_[key], primary[0]))
            ),
            key=lambda pair: (-pair[0], pair[1]),
        )
        for likeness, key in ranked:
            if not _unmatched(con, one, (column.name,), all_[key], targets[key]):
                found.append(ForeignKey((column.name,), key, targets[key]))
                why = "by name and content" if likeness > 1 else "by content alone; please check"
                doubts.append(f"Foreign key ({column.name}) to {key} was found {why}.")
                break
    return tuple(found), tuple(doubts)


def _likeness(column: ColumnProfile, one: _Candidate, target: _Candidate, key: str) -> int:
    """How plausible it is that a column points at a key: 3 and 2 by name, 1 only by its values, 0 not."""
    there = target.profile.column(key)
    if there is None or target.table.kind == "view" or _family(there) != _family(column):
        return 0
    if one.table.key == target.table.key or column.distinct > 1.1 * there.distinct:
        return 0
    named, key_words = words(column.name), words(key)
    entity = singular(words(target.table.name)[-1]) if words(target.table.name) else ""
    own = one.table.primary_key or (key,)
    if named == key_words and named != ("id",):
        # Two tables with one key each: only the one that the key is named after is pointed at.
        same = one.profile.is_unique(column) and column.name in own and entity not in named
        return 0 if same else 3
    if named[:-1] == (entity,) and named[-1] in KEY_WORDS:
        return 3
    if len(named) > 1 and named[-len(key_words) :] == key_words and key_words != ("id",):
        return 2
    telling = column.distinct >= _TELLING_VALUES and column.type == "VARCHAR"
    long_enough = all(len(value) >= _TELLING_LENGTH for value in column.sample)
    return 1 if telling and long_enough and not one.profile.is_unique(column) else 0


def _family(column: ColumnProfile) -> str:
    return "INTEGER" if column.type in _INTEGERS else column.type


def _unmatched(
    con: duckdb.DuckDBPyConnection,
    one: _Candidate,
    columns: Sequence[str],
    target: _Candidate,
    keys: Sequence[str],
) -> int:
    types = [(one.profile.column(c), target.profile.column(k)) for c, k in zip(columns, keys, strict=True)]
    if any(a is None or b is None or _family(a) != _family(b) for a, b in types):
        return one.profile.rows  # cannot be compared, so nothing matches
    return unmatched(con, one.profile.path, columns, target.profile.path, keys)
