"""What the search for keys knows of one table: its profile, its names, and what can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from handrail.data.key_names import bare, entity_of, prefix_of
from handrail.data.profile import SAMPLE, ColumnProfile, Profile, unmatched
from handrail.data.sources.table import Table

_NEVER_KEYS = ("DOUBLE", "FLOAT", "BOOLEAN", "BLOB")
_MOMENTS = ("DATE", "TIMESTAMP", "TIME")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_MAX_KEY_LENGTH = 64
_SAMPLED = ("VARCHAR", "INTEGER")


@dataclass(frozen=True)
class Known:
    """One table while its keys are looked for."""

    table: Table
    profile: Profile
    prefix: str = field(init=False)
    entity: str = field(init=False)
    columns: Mapping[str, ColumnProfile] = field(init=False)

    def __post_init__(self) -> None:
        columns = {column.name: column for column in self.profile.columns}
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "prefix", prefix_of(list(columns)))
        object.__setattr__(self, "entity", entity_of(self.table.name))

    def bare(self, name: str) -> tuple[str, ...]:
        """The parts of a column's name without this table's prefix."""
        return bare(name, self.prefix)


def family(column: ColumnProfile) -> str:
    """The type, all whole numbers being one: what is of two families is not compared."""
    return "INTEGER" if column.type in _INTEGERS else column.type


def may_be_key(column: ColumnProfile, moments: bool = False) -> bool:
    """Whether values of this type and length may be keys; dates and times only as a part of one."""
    never = column.type.startswith(_NEVER_KEYS) or (column.type.startswith(_MOMENTS) and not moments)
    fractions = column.type.startswith("DECIMAL") and not column.type.endswith(",0)")
    short = all(len(value) <= _MAX_KEY_LENGTH for value in column.sample)
    return bool(column.values) and short and not never and not fractions


def is_moment(column: ColumnProfile) -> bool:
    """Whether the values are dates or times."""
    return column.type.startswith(_MOMENTS)


def cannot_hold(column: ColumnProfile, there: ColumnProfile) -> bool:
    """Whether the samples alone show that a column has values which a unique one has not; costs no query."""
    if family(column) != family(there):
        return True
    return is_wholly_sampled(there) and not set(column.sample) <= set(there.sample)


def is_wholly_sampled(column: ColumnProfile) -> bool:
    """Whether all values of a unique column are in its sample."""
    return family(column) in _SAMPLED and 0 < len(column.sample) == column.distinct < SAMPLE


def orphans(
    con: duckdb.DuckDBPyConnection, one: Known, columns: Sequence[str], target: Known, keys: Sequence[str]
) -> int:
    """How many rows point at nothing, over all rows; what cannot be compared matches nothing."""
    pairs = [(one.columns.get(c), target.columns.get(k)) for c, k in zip(columns, keys, strict=True)]
    if any(a is None or b is None or family(a) != family(b) for a, b in pairs):
        return one.profile.rows
    return unmatched(con, one.profile.path, columns, target.profile.path, keys)
