"""Decides how each column is made: its kind from the type, its role from the contract, its links by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from handrail.kernel import Invalid
from handrail.twins.models import Field, Kind, LinkSketch, Role, Table
from handrail.twins.semantics import identifies

INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
TIMESTAMPS = frozenset(
    {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMPTZ"}
)
PLAIN: Mapping[str, Kind] = {
    "FLOAT": "float",
    "DOUBLE": "float",
    "DATE": "date",
    "TIME": "time",
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
    "UUID": "uuid",
    "BLOB": "blob",
}


@dataclass(frozen=True)
class Link:
    """A foreign key of one table before anything is counted."""

    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the link is called inside a sketch."""
        return "+".join(self.columns)


@dataclass(frozen=True)
class Layout:
    """The order in which tables are made, their links, and which links must wait because of a cycle."""

    order: tuple[str, ...]
    links: Mapping[str, tuple[Link, ...]]
    late: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # (table, link name)


def kind_of(sql_type: str) -> Kind:
    """What family a DuckDB type belongs to; nested and rare types are `odd`."""
    name = sql_type.upper()
    if name in INTEGERS:
        return "integer"
    if name in TIMESTAMPS:
        return "timestamp"
    if name.startswith("DECIMAL(") and name.endswith(")"):
        return "decimal"
    if name.startswith("ENUM("):
        return "text" if not name.endswith("[]") else "odd"
    return PLAIN.get(name, "odd")


def role_of(one: Field, kind: Kind, linked: bool) -> Role:
    """How the column is made.

    Personal columns are never modelled. A unique column or a key of one column is numbered anew; the parts
    of a longer key are too (their bins are kept, to stay in range).
    """
    if linked:
        return "link"
    if (one.personal or identifies(one.semantic)) and kind not in ("odd", "blob"):
        return "fake"
    if one.unique or one.primary_key:
        return "key"
    return "fill" if kind in ("odd", "blob", "uuid") else "model"


def links_of(table: Table, tables: Mapping[str, Table]) -> tuple[Link, ...]:
    """A table's foreign keys, each after those that have all of its columns and more.

    Columns that each point at a part of another table's key, and together at the whole of it, are one link.
    """
    pointing: dict[str, list[Field]] = {}
    for one in table.fields:
        if one.references is not None:
            pointing.setdefault(one.references[0], []).append(one)
    links: list[Link] = []
    for to, fields in pointing.items():
        targets = tuple(one.references[1] for one in fields if one.references is not None)
        parent = tables.get(to)
        whole = {one.name for one in parent.fields if one.primary_key} if parent else set()
        if len(fields) > 1 and len(set(targets)) == len(targets) and set(targets) == whole:
            links.append(Link(tuple(one.name for one in fields), to, targets))
        else:
            links += [Link((one.name,), to, (target,)) for one, target in zip(fields, targets, strict=True)]
    known_links = {(link.to, frozenset(zip(link.columns, link.to_columns, strict=True))) for link in links}
    several = [
        Link(one.columns, one.dataset, one.targets)
        for one in table.combined
        if (one.dataset, frozenset(one.pairs)) not in known_links
    ]
    links = _in_turn([*links, *several], [one.name for one in table.fields]) if several else links
    known = {column for link in links for column in link.columns}
    if table.entity and table.entity not in known and _loose(table, table.entity):
        links.append(Link((table.entity,), f"{table.name}:{table.entity}", (table.entity,)))
    return tuple(links)


def _in_turn(links: Sequence[Link], columns: Sequence[str]) -> list[Link]:
    """Links by their columns' places, but the wider before the narrower, which it decides."""
    waiting = sorted(links, key=lambda link: sorted(map(columns.index, link.columns)))
    found: list[Link] = []
    while waiting:
        wide = [set(link.columns) for link in waiting]
        first = next(link for link in waiting if not any(set(link.columns) < other for other in wide))
        waiting.remove(first)
        found.append(first)
    return found


def written(link: Link | LinkSketch, later: bool, taken: Collection[str]) -> tuple[str, ...]:
    """The columns into which a link writes the key that it points at.

    All of them; but a link of several columns that is pointed `later`, when the rows are there, leaves what
    they have already: columns `taken` by keys or other links, and those called like what they point at.
    """
    if not later or len(link.columns) == 1:
        return link.columns
    same = {a for a, b in zip(link.columns, link.to_columns, strict=True) if a == b}
    return tuple(name for name in link.columns if name not in {*taken, *same})


def layout(tables: Sequence[Table]) -> Layout:
    """Parents before children. Where tables point at each other in a circle, one link waits until the end.

    Refuses Invalid when the circle goes through primary keys only: no row could be made first.
    """
    by_name = {table.name: table for table in tables}
    links = {table.name: links_of(table, by_name) for table in tables}
    needs = {
        name: {link.to for link in own if link.to in by_name and link.to != name}
        for name, own in links.items()
    }
    order: list[str] = []
    late: set[tuple[str, str]] = set()
    while len(order) < len(by_name):
        ready = sorted(name for name in by_name if name not in order and needs[name] <= set(order))
        if ready:
            order.append(ready[0])
            continue
        name = _break_open(by_name, links, needs, order)
        waiting = [link for link in links[name] if link.to in needs[name] - set(order)]
        late |= {(name, link.name) for link in waiting}
        needs[name] = set()
    return Layout(tuple(order), links, frozenset(late))


def _break_open(
    tables: Mapping[str, Table],
    links: Mapping[str, tuple[Link, ...]],
    needs: Mapping[str, set[str]],
    order: Sequence[str],
) -> str:
    """The table of a circle whose open links are cheapest to leave until the end."""
    cost: list[tuple[int, str]] = []
    for name in sorted(set(tables) - set(order)):
        fixed = {one.name for one in tables[name].fields if one.primary_key or one.unique}
        needed = {one.name for one in tables[name].fields if one.required}
        waiting = [link for link in links[name] if link.to in needs[name] - set(order)]
        if any(fixed >= set(link.columns) for link in waiting):
            continue
        cost.append((sum(1 for link in waiting if needed & set(link.columns) - fixed), name))
    if not cost:
        raise Invalid(
            f"{', '.join(sorted(set(tables) - set(order)))} point at each other in a circle "
            "through their keys, so no row of them can be made first.",
            next_step="Remove one of these references from its contract, or build the tables one by one.",
        )
    return min(cost)[1]


def _loose(table: Table, column: str) -> bool:
    """Whether the entity column is an ordinary column here: not a key, not personal text."""
    one = next((one for one in table.fields if one.name == column), None)
    return one is not None and not (one.primary_key or one.unique or one.personal)
