"""Find foreign keys of two or three columns where nobody declared them, held against all rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

import duckdb

from handrail.data.key_facts import Known, family, is_moment, may_be_key, orphans
from handrail.data.key_names import DATES, is_key_like, is_nameless, name_parts
from handrail.data.sources.table import ForeignKey

Links = Mapping[str, Sequence[ForeignKey]]
_MOST_CHECKS = 16
_MOST_WAYS = 64
_Handle = tuple[str, object]  # by what a part is found: where it points, or what it is called


def find_combined_links(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Known],
    primary: Mapping[str, tuple[str, ...]],
    links: Links,
) -> dict[str, tuple[ForeignKey, ...]]:
    """Foreign keys of several columns by table: each part is called as theirs, or points where theirs points.

    `links` are those known so far. At most 16 are tried on all rows for each table.
    """
    keys = {
        key: names for key, names in primary.items() if len(names) > 1 and tables[key].table.kind != "view"
    }
    parts = {key: [_handles(tables[key], name, links[key]) for name in names] for key, names in keys.items()}
    found: dict[str, tuple[ForeignKey, ...]] = {}
    for key, one in tables.items():
        mine: dict[_Handle, list[str]] = defaultdict(list)
        for column in one.profile.columns:
            if may_be_key(column, moments=True):
                for handle in _handles(one, column.name, links[key]):
                    mine[handle].append(column.name)
        known = {(foreign.table, foreign.columns) for foreign in links[key]}
        result: dict[str, ForeignKey] = {}
        checks = 0
        for other, names in keys.items():
            choices = [list(dict.fromkeys(c for h in part for c in mine.get(h, ()))) for part in parts[other]]
            for columns in _ways(choices) if other != key else ():
                if (other, columns) in known or _is_larger(one, columns, primary[key], tables[other]):
                    continue
                if other in result or checks == _MOST_CHECKS:
                    break
                checks += 1
                if not orphans(con, one, columns, tables[other], names):
                    result[other] = ForeignKey(columns, other, names)
        found[key] = tuple(result.values())
    return found


def _handles(one: Known, name: str, links: Sequence[ForeignKey]) -> list[_Handle]:
    column = one.columns[name]
    pointed = [("link", foreign.table) for foreign in links if foreign.columns == (name,)]
    parts = {name_parts(name), one.bare(name)}
    named = [
        (family(column), said)
        for said in sorted(parts)
        if is_key_like(said) or is_moment(column) or (said and said[-1] in DATES)
    ]
    return [*named, *pointed]


def _ways(choices: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Ways to take a column for each part, each column once, and not all of them mere counters or dates."""
    apart = (one for one in islice(product(*choices), _MOST_WAYS) if len(set(one)) == len(one))
    return (one for one in apart if not all(is_nameless(name_parts(name)) for name in one))


def _is_larger(one: Known, columns: Sequence[str], own: Sequence[str], target: Known) -> bool:
    """Of two tables about the same things only the larger one is pointed at."""
    return set(columns) == set(own) and one.profile.rows >= target.profile.rows
