"""A second look at what the rules of a sketch list, with other SQL than they were found with."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from handrail.twins.columns import quoted
from handrail.twins.models import TableSketch
from handrail.twins.plane import Plane
from handrail.twins.rule_sql import key_sql
from handrail.twins.rules import Listed


def rare_in_rules(plane: Plane, table: TableSketch) -> str | None:
    """The first column of a rule that lists a pair or a value which fewer than k share: it must stay None.

    What a contract declares is public and not looked up.
    """
    source = plane.source(table.name)
    columns = {one.name: one for one in table.columns}
    told = [rule for rule in table.rules if not rule.declared and rule.how != "empty" and not rule.series]
    for rule in told:
        names = rule.columns if rule.pairs else rule.columns[:1]
        alone = [(one,) for one in (*rule.values, *rule.filled)]
        listed: list[tuple[Listed, ...]] = [*(pair[:2] for pair in rule.pairs)] or [*alone]
        if not listed:
            continue
        picked = [f"{key_sql(columns[name])} AS k{place}" for place, name in enumerate(names)]
        kinds = ["VARCHAR" if columns[name].kind == "text" else "DOUBLE" for name in names]
        asked = [
            f"coalesce(unnest(?::{kind}[])::VARCHAR, chr(0)) AS k{place}" for place, kind in enumerate(kinds)
        ]
        holder = f", {source.entity} AS holder" if source.entity else ""
        held = "count(DISTINCT holder)" if source.entity else "count(*)"
        keys = ", ".join(f"k{place}" for place in range(len(names)))
        (fewest, found) = source.one(
            f"SELECT min(n), count(*) FROM (SELECT {keys}, {held} AS n FROM "
            f"(SELECT {', '.join(picked)}{holder} FROM {source.relation}) "
            f"SEMI JOIN (SELECT {', '.join(asked)}) USING ({keys}) GROUP BY {keys})",
            [list(column) for column in zip(*listed, strict=True)],
        )
        if found < len(set(listed)) or fewest < source.k:
            return names[-1]
    return _rare_in_turn(plane, table)


def _rare_in_turn(plane: Plane, table: TableSketch) -> str | None:
    """The first column whose listed turns from row to row are shared by fewer than k."""
    source = plane.whole(table.name)
    for rule in (rule for rule in table.rules if rule.kind == "turned" and rule.series):
        (name,), (via, by) = rule.columns, rule.series or ("", "")
        link = next(one for one in table.links if one.name == via)
        value = key_sql(next(one for one in table.columns if one.name == name))
        keys = ", ".join(quoted(column) for column in link.columns)
        picked = ", ".join(f"{quoted(column)} AS k{place}" for place, column in enumerate(link.columns))
        same = ", ".join(f"k{place}" for place in range(len(link.columns)))
        there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in (*link.columns, by))
        holder = source.entity or "0"
        held = "count(DISTINCT b.h)" if source.entity else "count(*)"
        kind = "VARCHAR" if table.column(name).kind == "text" else "DOUBLE"
        (fewest, found) = source.one(
            f"WITH listed AS (SELECT {value} AS x, {picked}, {holder} AS h, "
            f"row_number() OVER (PARTITION BY {keys} ORDER BY {quoted(by)}) AS at "
            f"FROM {source.relation} WHERE {there}) "
            f"SELECT min(n), count(*) FROM (SELECT a.x AS was, b.x AS now, {held} AS n "
            f"FROM listed AS a JOIN listed AS b USING ({same}) WHERE b.at = a.at + 1 GROUP BY 1, 2) "
            f"SEMI JOIN (SELECT unnest(?::{kind}[])::VARCHAR AS was, unnest(?::{kind}[])::VARCHAR AS now) "
            "USING (was, now)",
            [[a for a, _, _ in rule.pairs], [b for _, b, _ in rule.pairs]],
        )
        if found < len(rule.pairs) or fewest < source.k:
            return name
    return None
