"""Find what tells the rows of a table apart: one column, or two or three together."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import combinations

import duckdb

from handrail.data.key_facts import Known, family, is_moment, may_be_key
from handrail.data.key_names import DATES, is_counter, is_key_like, name_parts
from handrail.data.profile import ColumnProfile, is_unique, unique_in_sample
from handrail.data.words import words

_MAX_PARTS = 8  # columns that may be part of a key
_MAX_COMBINATIONS = 24  # of them, that are tried on a sample, in one query
_MAX_CHECKS = 4  # that are then tried on all rows
# So many repeats would be there if the columns had nothing to do with each other: that none is there, tells.
_TELLING_REPEATS = 3
_SLACK = 1.2  # distinct values are counted within a few per cent


def single_primary(con: duckdb.DuckDBPyConnection, one: Known) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The declared key, or the likeliest column whose values are all there and all different; and doubts."""
    declared = one.table.primary_key
    if declared:
        if not one.profile.rows or is_unique(con, one.profile.path, declared):
            return declared, ()
        return (), (f"Declared primary key ({', '.join(declared)}) has missing or repeated values.",)
    for columns in one.table.unique:
        if one.profile.rows and is_unique(con, one.profile.path, columns):
            return columns, ()
    single = [c.name for c in one.profile.columns if may_be_key(c) and one.profile.is_unique(c)]
    if single and one.profile.rows > 1:
        return (max(single, key=lambda name: _key_likeness(name, one)),), ()
    return (), ()


def _key_likeness(name: str, one: Known) -> tuple[bool, bool, bool, int]:
    """How much a unique column looks like *the* key: id or <table>_id, then a key word, then its place."""
    parts, entity = one.bare(name), one.entity
    own = parts in (("id",), (entity, "id"), (entity,), (entity, "key"), (*words(one.table.name), "id"))
    position = list(one.columns).index(name)
    return own or name_parts(name) == (entity, "id"), is_key_like(parts), position == 0, -position


def combined_primary(con: duckdb.DuckDBPyConnection, one: Known, links: Collection[str]) -> tuple[str, ...]:
    """Two or three columns that look like keys of something and together tell the rows apart.

    A link and a counter come first, then two links, then links and dates. At most 24 combinations are tried
    in one query on a sample, at most 4 of them on all rows. What would be unique by chance is none.
    """
    if one.profile.rows < 2 or one.table.kind == "view":
        return ()
    parts = sorted(
        (c for c in one.profile.columns if _may_be_part(c, one, links)), key=lambda c: _rank(c, one, links)
    )
    tried = sorted(
        (
            found
            for size in (2, 3)
            for found in combinations(parts[:_MAX_PARTS], size)
            if _could_tell_apart(found, one, links)
        ),
        key=lambda found: (len(found), _order(found, one, links)),
    )[:_MAX_COMBINATIONS]
    order = list(one.columns)
    named = [tuple(sorted((c.name for c in found), key=order.index)) for found in tried]
    left = unique_in_sample(con, one.profile.path, named)
    return next((found for found in left[:_MAX_CHECKS] if is_unique(con, one.profile.path, found)), ())


def _may_be_part(column: ColumnProfile, one: Known, links: Collection[str]) -> bool:
    if column.values < one.profile.rows or column.distinct < 2 or not may_be_key(column, moments=True):
        return False
    parts = one.bare(column.name)
    named = column.name in links or is_key_like(parts)
    return named or is_moment(column) or bool(parts and parts[-1] in DATES)


def _rank(column: ColumnProfile, one: Known, links: Collection[str]) -> int:
    """What kind of part a column is: 0 a link, 1 a counter, 2 named like a key, 3 a date."""
    parts = one.bare(column.name)
    if column.name in links:
        return 0
    if is_counter(parts) and family(column) == "INTEGER":
        return 1
    return 3 if is_moment(column) or not is_key_like(parts) else 2


def _order(found: Sequence[ColumnProfile], one: Known, links: Collection[str]) -> tuple[int, ...]:
    ranks = sorted(_rank(column, one, links) for column in found)
    return (0 if 1 in ranks and ranks[0] == 0 else 1, sum(ranks), *ranks)


def _could_tell_apart(found: Sequence[ColumnProfile], one: Known, links: Collection[str]) -> bool:
    """Whether there are enough combinations of values, and being unique would not be mere chance."""
    rows, room = one.profile.rows, math.prod(column.distinct for column in found)
    if room * _SLACK < rows:
        return False
    ranks = [_rank(column, one, links) for column in found]
    leading = {column.name for column in found} == set(list(one.columns)[: len(found)])
    named = 3 not in ranks and (leading or (0 in ranks and 1 in ranks))
    return named or rows * rows / (2 * room) >= _TELLING_REPEATS
