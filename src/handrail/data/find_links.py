"""Find which columns point at which keys where nobody declared it: by name first, never against the data."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping

import duckdb

from handrail.data.key_facts import Known, cannot_hold, family, is_wholly_sampled, may_be_key, orphans
from handrail.data.key_names import KEY_WORDS, is_after, is_kin, name_parts, names_of_key
from handrail.data.profile import ColumnProfile
from handrail.data.sources.table import ForeignKey

_MOST_CHECKS = 4  # of one column, on all rows
_BY_NAME, _BY_ROLE, _BY_CONTENT = 3, 2, 1
# Shared numbers prove little; text codes of some length and variety seldom agree by chance.
_TELLING_VALUES = 3
_TELLING_LENGTH = 3
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_MOST_SHAPES = 50  # what looks like more than that is no code
_MOSTLY = 0.8


class Targets:
    """The keys of one column that something may point at, found by what a column is called or holds."""

    def __init__(self, tables: Mapping[str, Known], primary: Mapping[str, tuple[str, ...]]) -> None:
        self.tables = tables
        self.keys = {
            key: columns[0]
            for key, columns in primary.items()
            if len(columns) == 1 and tables[key].table.kind != "view"
        }
        self._named: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._entities = {(one.entity,) for one in tables.values()}
        self._texts: list[tuple[str, Counter[str], frozenset[str]]] = []
        for key, name in self.keys.items():
            one, column = tables[key], tables[key].columns[name]
            numbers = family(column) == "INTEGER" or column.type.startswith("DECIMAL")
            for said in names_of_key(one.table.name, name, one.prefix, numbers):
                self._named[said].append(key)
            if column.type == "VARCHAR":
                self._texts.append((key, _shapes(column), frozenset(column.sample)))

    def of(self, column: ColumnProfile, one: Known) -> list[tuple[int, str]]:
        """The tables that a column may point at, likeliest first: 3 and 2 by name, 1 only by its values."""
        found: dict[str, tuple[int, int]] = {}
        forms = {name_parts(column.name), one.bare(column.name)}
        for form in forms:
            for key in self._named.get(form, ()):
                found[key] = _BY_NAME, is_after(form, self.tables[key].entity)
        for part in {part for form in forms for part in _roles(form)}:
            for key in self._named.get(part, ()):
                found.setdefault(key, (_BY_ROLE, len(part)))
        fitting = {key: score for key, score in found.items() if self._fits(column, one, key, score[0])}
        own = one.table.key
        if own in self.keys and own not in fitting and self._is_kin(column, one):
            fitting[own] = _BY_ROLE, 0
        for key, overlap in self._alike(column, one):
            fitting.setdefault(key, (_BY_CONTENT, overlap))
        ranked = sorted(fitting.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
        return [(score, key) for key, (score, _) in ranked][:_MOST_CHECKS]

    def _fits(self, column: ColumnProfile, one: Known, key: str, score: int) -> bool:
        """Whether a column of that name may point there, by all that can be told without a query."""
        target, there = self.tables[key], self._there(key)
        if column.name == there.name and key == one.table.key:
            return False
        if column.distinct > 1.1 * there.distinct or cannot_hold(column, there):
            return False
        named = name_parts(column.name)
        if key == one.table.key:  # other_product_id, and no product_id_count
            return score == _BY_ROLE and column.distinct > 1 and named[-1] in KEY_WORDS
        if column.distinct < 2 and key not in self._named.get(named, ()):
            return False  # one value alone, mostly nought, is in every counter
        if self.keys.get(one.table.key) == column.name:
            # Two tables with one key each: only the one that the key is named after is pointed at.
            mine, theirs = is_after(named, one.entity), is_after(named, target.entity)
            return theirs and (not mine or column.distinct < there.distinct)
        return True

    def _is_kin(self, column: ColumnProfile, one: Known) -> bool:
        there = self._there(one.table.key)
        if column.name == there.name or column.distinct < 2 or cannot_hold(column, there):
            return False
        parts = one.bare(column.name)
        keys = {one.bare(there.name), name_parts(there.name), (one.entity, "id")}
        return any(is_kin(parts, key) for key in keys) and parts[:-1] not in self._entities

    def _there(self, key: str) -> ColumnProfile:
        return self.tables[key].columns[self.keys[key]]

    def _alike(self, column: ColumnProfile, one: Known) -> Iterator[tuple[str, int]]:
        """Tables whose text keys look like the values of this column, and how many of a sample they share."""
        if column.type != "VARCHAR" or column.distinct < _TELLING_VALUES or one.profile.is_unique(column):
            return
        if any(len(value) < _TELLING_LENGTH for value in column.sample):
            return
        shapes, sample = _shapes(column), set(column.sample)
        for key, theirs, seen in self._texts:
            there = self._there(key)
            if key == one.table.key or column.distinct > 1.1 * there.distinct:
                continue
            shared = len(sample & seen)
            if shared < len(sample) and is_wholly_sampled(there):
                continue
            if _look_alike(shapes, theirs):
                yield key, shared


def find_links(
    con: duckdb.DuckDBPyConnection, one: Known, targets: Targets, covered: Collection[str]
) -> tuple[tuple[ForeignKey, ...], tuple[str, ...]]:
    """Foreign keys of one column each, all of whose values are in the key, and the doubts that go with them.

    At most 4 keys are tried on all rows for each column. `covered` columns have declared ones.
    """
    found, doubts = [], []
    for column in one.profile.columns:
        if column.name in covered or not may_be_key(column):
            continue
        for score, key in targets.of(column, one):
            keys = (targets.keys[key],)
            if not orphans(con, one, (column.name,), targets.tables[key], keys):
                found.append(ForeignKey((column.name,), key, keys))
                why = "by name and content" if score > _BY_CONTENT else "by content alone; please check"
                doubts.append(f"Foreign key ({column.name}) to {key} was found {why}.")
                break
    return tuple(found), tuple(doubts)


def _roles(name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What is left of a name without a role before it or after it: ship_customer_id, customer_id_ship."""
    for size in range(1, len(name)):
        yield name[size:]
        yield name[:size]


def _shapes(column: ColumnProfile) -> Counter[str]:
    """How many of the sampled values look alike: runs of letters are an A, runs of digits a 9."""
    return Counter(_DIGITS.sub("9", _LETTERS.sub("A", value)) for value in column.sample)


def _look_alike(shapes: Counter[str], theirs: Counter[str]) -> bool:
    known = sum(count for shape, count in shapes.items() if shape in theirs)
    return len(shapes) <= _MOST_SHAPES and known >= _MOSTLY * shapes.total()
