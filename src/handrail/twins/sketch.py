"""Takes the sketch of a set of related tables: the only thing about real data that leaves production.

Only aggregates are read, never rows. Every value, range end, cell and share in the result is about at least
k rows, or at least k distinct entities where the contract names an entity key. `codec.py` writes it as JSON.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handrail.twins.abreast import abreast
from handrail.twins.below import told_below
from handrail.twins.coded import Coded, code, pool_name
from handrail.twins.columns import Source, number_sql, quoted, text_bins
from handrail.twins.crowds import count_crowds
from handrail.twins.descendants import Told, told_rows
from handrail.twins.following import Heights, copied, following, says
from handrail.twins.fresh import fresh
from handrail.twins.gather_rules import rules_of
from handrail.twins.links import Degree, degrees, link_sketch, linked, towards
from handrail.twins.means import leaning, means_of
from handrail.twins.mine_alike import alike
from handrail.twins.mine_parents import beside, through
from handrail.twins.mine_series import Mined, mine_series
from handrail.twins.mine_trees import tree
from handrail.twins.models import Bin, ColumnSketch, Field, LinkSketch, Progress, Sketch, TableSketch
from handrail.twins.network import MOST_NODES
from handrail.twins.nodes import Node
from handrail.twins.orders import sorted_by
from handrail.twins.plane import Plane
from handrail.twins.ranges import number_bins
from handrail.twins.roles import kind_of, role_of
from handrail.twins.spread import Spread, step_of
from handrail.twins.told import ranged
from handrail.twins.told import told as shaped_like
from handrail.twins.told_columns import told_columns, told_links
from handrail.twins.verbatim import all_told
from handrail.twins.whose import follows, lands, people

Step = tuple[tuple[str, str] | None, tuple[float, ...]]


@dataclass(frozen=True)
class Taken:
    """The sketch, and the binned tables that stay in the production plane for scoring."""

    sketch: Sketch
    coded: Mapping[str, Coded]


def take(plane: Plane, progress: Progress | None = None) -> Taken:
    """Sketch every table of the plane, parents before children."""
    order = plane.layout.order
    with abreast(lambda name: _drafted(plane, name), order) as made:
        drafts = dict(zip(order, made, strict=True))
    for name in order:
        if found := all_told(plane, name) or told_rows(plane, name):
            plane.told[name] = found
            drafts[name] = told_columns(plane, name, found, drafts[name])
        else:
            drafts[name] = told_below(plane, name, drafts[name])
    count_crowds(plane, drafts)
    counts = {name: degrees(plane, name) for name in order}
    for name in order:
        drafts[name] += [degree.column for degree in counts[name]]
    finished: list[TableSketch] = []
    coded: dict[str, Coded] = {}
    with abreast(lambda name: _sketched(plane, name, drafts, counts[name]), order) as sketched:
        for position, name in enumerate(order):
            if progress:
                progress(f"sketching {name}", position, len(order))
            table, coded[name] = next(sketched)
            finished.append(table)
    return Taken(Sketch(plane.k, tuple(finished)), coded)


def _drafted(plane: Plane, name: str) -> list[ColumnSketch]:
    with plane.beside() as own:
        return list(follows(own, name, _columns(own, name)))


def _sketched(
    plane: Plane, name: str, drafts: Mapping[str, Sequence[ColumnSketch]], degrees: Sequence[Degree]
) -> tuple[TableSketch, Coded]:
    with plane.beside() as own:
        mined = mine_series(own, name, drafts[name])
        copies = dict(copied(own, name, drafts[name]))
        in_turn = {column for rule in mined.rules for column in rule.columns} if mined else set[str]()
        first = mined.series.by if mined else ""
        one_value = dict(alike(own, name, drafts[name], {*copies, *in_turn, first}))
        of = {column: link for column, (link, _) in copies.items()} | one_value
        coded = code(own, name, drafts, degrees, first, copies, of)
        return _table(own, name, drafts, coded, mined, copies, one_value), coded


def _table(
    plane: Plane,
    name: str,
    drafts: Mapping[str, Sequence[ColumnSketch]],
    coded: Coded,
    mined: Mined | None,
    copies: Mapping[str, tuple[str, str]],
    one_value: Mapping[str, str],
) -> TableSketch:
    source = plane.source(name, coded.relation, "holder" if plane.tables[name].entity else None)
    made = {column.name: column for column in drafts[name]}
    numbers = [one for one in coded.nodes if one.code in coded.ranged and one.code not in coded.others]
    heights = Heights(source, numbers)
    turning = {mined.series.by, *(column for column, _ in mined.series.clings)} if mined else set()
    for node in coded.nodes:
        if not node.link and not made[node.column].kept and not made[node.column].below:
            before = () if node.column in turning else coded.before(node)
            step = heights.in_step(node, before)
            made[node.column] = _depend(source, made[node.column], node, coded, step)
    for column, of in copies.items():
        made[column] = replace(made[column], copies=of if any(made[column].shares) else None)
    for column, link in one_value.items():
        made[column] = replace(made[column], alike=link if any(made[column].shares) else "")
    columns = tuple(made.values())
    links = tuple(
        replace(
            link_sketch(plane, name, link),
            towards=towards(source, coded.nodes, link.name),
            beside=beside(source, coded.nodes, coded.ranged, link.name),
            through=through(plane, name, link),
            **tree(plane, name, link),
        )
        for link in plane.links(name)
    )
    told, verbatim = plane.told.get(name), bool(plane.tables[name].verbatim)
    links = told_links(plane, name, told, links) if told else links
    rules = (*rules_of(plane, name, drafts), *(mined.rules if mined else ()))
    real = told is not None or verbatim  # whose rows nothing may change
    return TableSketch(
        name=name,
        rows=plane.rows[name],
        columns=columns,
        order=tuple(node.column for node in coded.shape.order),
        links=links,
        rules=tuple(rule for rule in rules if rule.declared) if real else rules,
        series=mined.series if mined and not real else None,
        means=() if real else means_of(plane.source(name), drafts[name]),
        sorted_by=None if real else sorted_by(plane.source(name), columns),
        simplifications=tuple(_simplifications(plane, name, columns, links)),
        lands=lands(plane.source(name), plane.tables[name].fields, plane.types[name]),
        people=people(plane, name, columns),
        k=plane.k_of(name) if plane.k_of(name) > plane.k else 0,
        told=len(told.rows) if told else 0,
        real=plane.tables[name].verbatim or (_stood_behind(told, plane.k_of(name)) if told else ""),
        verbatim=verbatim,
        entity=plane.tables[name].entity or "",
    )


def _stood_behind(told: Told, k: int) -> str:
    """Why rows of a small table are real ones, in words."""
    which = f"Its {told.of} rows are" if told.whole else f"{len(told.rows)} of its {told.of} rows are"
    return (
        f"{which} real: {k} or more of {' or '.join(told.behind)}, or of whom those are about, stand behind "
        "each, so what it says is told as of any column that so many share. No column is about a person."
    )


def _depend(source: Source, column: ColumnSketch, node: Node, coded: Coded, step: Step) -> ColumnSketch:
    """The column with what it depends on; `step` is the number that it follows over all bins, if any."""
    source = replace(source, relation=coded.relation_of(node.code))
    found = coded.dependences[node.code]
    if not any(found.shares):  # nothing is shared by k: keep no bin at all
        return replace(column, bins=(), shares=())
    along, closely = following(source, node, found, coded.ranged)
    follows_all, close = step
    by_number = any(parent.code in coded.ranged for parent in found.parents)
    # What suppression has left of the shares by another number's bins may be less than a correlation says.
    if close and (not by_number or says(*close) > found.worth):
        along, closely = follows_all, close
        found = replace(found, parents=(), groups=(), given=(), otherwise=()) if by_number else found
    return replace(
        column,
        along=along,
        closely=closely,
        bins=_forget_rare(column.bins, found.shares),
        shares=found.shares,
        parents=tuple((parent.link, parent.column) for parent in found.parents),
        groups=found.groups,
        given=found.given,
        otherwise=found.otherwise,
    )


def _forget_rare(bins: tuple[Bin, ...], shares: tuple[float, ...]) -> tuple[Bin, ...]:
    """A bin without a share keeps its place but not what it held."""
    return tuple(
        one if share or one.kind in ("null", "other") else Bin("other")
        for one, share in zip(bins, shares, strict=True)
    )


def _columns(plane: Plane, table: str) -> list[ColumnSketch]:
    pointing = linked(plane, table)
    own = plane.tables[table].fields
    lone = sum(1 for one in own if one.primary_key) <= 1
    return [_column(plane, table, one, one.name in pointing, lone) for one in own]


def _column(plane: Plane, table: str, one: Field, linked: bool, lone: bool) -> ColumnSketch:
    sql_type = plane.types[table][one.name]
    kind = kind_of(sql_type)
    role = role_of(one, kind, linked)
    source = plane.source(table)
    required = one.required or one.primary_key
    unique = one.unique or (one.primary_key and lone)
    draft = ColumnSketch(
        one.name, sql_type, kind, role, required, unique, one.primary_key, one.personal, one.semantic
    )
    column = quoted(one.name)
    if kind == "text":
        draft = shaped_like(source, draft, f"{column}::VARCHAR")
        draft = replace(draft, start=fresh(plane, table, draft) if role == "key" and unique else 1)
    if kind == "integer" and role in ("key", "link", "fake"):
        draft = replace(draft, start=_start(source, column))
    if kind in ("uuid", "blob", "odd") or role in ("fake", "link"):
        draft = replace(draft, **_nulls(source, column))
        return ranged(source, draft) if role == "fake" and not one.withheld else draft
    if kind == "text":
        pooled = pool_name(plane, table, one.name)
        made = _nulls(source, column) if unique else {"bins": text_bins(source, f"{column}::VARCHAR", pooled)}
        return replace(draft, **made)
    value = number_sql(column, sql_type, kind)
    spread = Spread(source, value)
    step = step_of(spread, kind)
    if role == "key" and unique and kind == "integer":
        return replace(draft, **_nulls(source, column))
    return replace(draft, step=step, bins=leaning(spread, number_bins(spread, step)))


def _nulls(source: Source, column: str) -> dict[str, Any]:
    """Two bins: null, and everything else; the share of nulls only when k or more have none."""
    empty = f"FILTER ({column} IS NULL)"
    nulls, holders, rows = source.one(
        f"SELECT count(*) {empty}, {source.holders} {empty}, count(*) FROM {source.relation}"
    )
    share = round(nulls / rows, 4) if holders >= source.k else 0.0
    return {"bins": (Bin("null"), Bin("other")), "shares": (share, round(1 - share, 4))}


def _start(source: Source, column: str) -> int:
    """Where the numbers of a key begin: only their magnitude is kept."""
    (low,) = source.one(
        f"SELECT (SELECT {column}::DOUBLE AS v FROM {source.relation} WHERE {column} IS NOT NULL "
        "ORDER BY v LIMIT 1 OFFSET ?)",
        [source.k - 1],
    )
    return 1 if low is None or low < 1000 else int(10 ** (len(str(int(low))) - 1)) + 1


def _simplifications(
    plane: Plane, table: str, columns: Sequence[ColumnSketch], links: Sequence[LinkSketch]
) -> list[str]:
    """What this twin does not imitate, in words for its report."""
    rows, k, told = plane.rows[table], plane.k_of(table), plane.told.get(table)
    said: list[str] = []
    if told and not told.whole:
        said.append(
            f"Fewer than {k} stand behind {rows - len(told.rows)} of its rows: they and all keys are new."
        )
    elif rows < k and not told:
        said.append(
            f"The table has fewer than {k} rows, so nothing was learned from it but its size and types."
        )
    odd = [one.name for one in columns if one.kind == "odd"]
    if odd:
        said.append(f"Nested or rare types are empty or null: {', '.join(odd)}.")
    blobs = [one.name for one in columns if one.kind == "blob"]
    if blobs:
        said.append(f"Binary columns hold short random bytes: {', '.join(blobs)}.")
    for link in links:
        words = {
            "outside": f"{link.name} points at {link.to}, which is not in this build: its keys are invented.",
            "late": f"{link.name} closes a circle of tables: it points at a row drawn evenly.",
            "self": ""
            if link.levels
            else f"{link.name} points at an earlier row of the same table, drawn evenly.",
            "inside": "",
        }[link.kind]
        if words and not link.to.startswith(f"{table}:"):
            said.append(words)
    if sum(1 for one in columns if one.role == "model") > MOST_NODES:
        said.append(f"Only {MOST_NODES} columns depend on each other; the rest are drawn on their own.")
    unknown = [one.name for one in columns if one.role == "model" and not one.bins]
    if unknown and rows >= k and not plane.tables[table].verbatim:
        said.append(
            f"No value is shared by {k}, so these are invented from their type: {', '.join(unknown)}."
        )
    return said
