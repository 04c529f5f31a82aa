"""What columns of a contract point at, in the standard's words: one at its own place, several at the table.

The standard's short references allow no space in a column's name; an exact name that differs stands beside
them, in custom properties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from open_data_contract_standard.model import CustomProperty, Relationship, SchemaObject

from handrail.data.models import Column, CombinedLink
from handrail.kernel.strict_yaml import File

Path = tuple[str | int, ...]
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_FOREIGN_KEY = "foreignKey"
_EXACT = ("columns", "targets")  # custom properties of a link of several columns


def read_target(
    where: File, item: Relationship | None, exact: Mapping[str, Any], *path: str | int
) -> tuple[str, str] | None:
    """The dataset and column that one column points at; `exact` are the link's own custom properties.

    Refuses, with its line, what is not written dataset.column.
    """
    if item is None:
        return None
    if not isinstance(item.to, str) or item.to.count(".") != 1:
        raise where.wrong("“to” must be written dataset.column", *path)
    dataset, _, column = item.to.partition(".")
    return dataset, str(exact["column"]) if exact.get("column") is not None else column


def read_relationships(
    where: File,
    table: SchemaObject,
    name: str,
    columns: Sequence[Column],
    customs: Sequence[Mapping[str, Any]],
) -> tuple[tuple[Column, ...], tuple[CombinedLink, ...]]:
    """The columns, and the links of several of them, with what the table's own `relationships` say.

    One that links a single column is that column's own. `name` is the dataset's; `customs` are the custom
    properties of each relationship. Refuses, with file, line and key: other types, ends that are missing or
    do not fit each other, columns that are not there, columns named twice, and a link that is said twice.
    """
    found = list(columns)
    links: list[CombinedLink] = []
    for place, item in enumerate(table.relationships or ()):
        path: Path = ("schema", 0, "relationships", place)
        link = _link(where, item, {name, table.name or name}, name, found, customs[place], path)
        if len(link.columns) == 1:
            at = next(n for n, column in enumerate(found) if column.name == link.columns[0])
            target = (link.dataset, link.targets[0])
            if found[at].references not in (None, target):
                raise where.wrong(f"{link.columns[0]} points at something else already", *path, "to")
            found[at] = replace(found[at], references=target)
        elif any(link.same_as(other) for other in links):
            raise where.wrong(f"{link} is said twice", *path)
        else:
            links.append(link)
    return tuple(found), tuple(links)


def _link(
    where: File,
    item: Relationship,
    own: set[str],
    name: str,
    columns: Sequence[Column],
    custom: Mapping[str, Any],
    path: Path,
) -> CombinedLink:
    if item.type not in (None, _FOREIGN_KEY):
        raise where.unknown(item.type or "", (_FOREIGN_KEY,), *path, "type")
    if not item.from_ or not item.to:
        raise where.wrong("a relationship of the table needs “from” and “to”", *path)
    if isinstance(item.from_, str) != isinstance(item.to, str):
        raise where.wrong("“from” and “to” are both one column, or both a list", *path, "to")
    mine, theirs = (
        [_reference(where, one, (*path, key)) for one in ([given] if isinstance(given, str) else given)]
        for key, given in (("from", item.from_), ("to", item.to))
    )
    if len(mine) != len(theirs):
        raise where.wrong(f"“from” has {len(mine)} columns and “to” {len(theirs)}", *path, "to")
    exact = {key: _exact(where, custom, key, len(mine), path) for key in _EXACT}
    names = tuple(column.name for column in columns)
    pointing = exact["columns"] or tuple(column for _, column in mine)
    for place, ((table, _), column) in enumerate(zip(mine, pointing, strict=True)):
        if table not in own:
            raise where.wrong(
                f"“from” names {table}, and this is the contract of {name}", *path, "from", place
            )
        if column not in names:
            raise where.unknown(column, names, *path, "from", place)
    others = {table for table, _ in theirs}
    if len(others) > 1:
        raise where.wrong(f"“to” names several datasets: {', '.join(sorted(others))}", *path, "to")
    link = CombinedLink(pointing, others.pop(), exact["targets"] or tuple(column for _, column in theirs))
    for key, listed in (("from", link.columns), ("to", link.targets)):
        if len(set(listed)) < len(listed):
            raise where.wrong(f"“{key}” names a column twice", *path, key)
    if link.dataset == name and link.columns == link.targets:
        raise where.wrong(f"{', '.join(link.columns)} would point at itself", *path, "to")
    return link


def _reference(where: File, text: str, path: Path) -> tuple[str, str]:
    dataset, dot, column = text.partition(".")
    if not dot or not dataset or not column or "." in column or "/" in text:
        raise where.wrong(f"“{text}” must be written dataset.column", *path)
    return dataset, column


def _exact(where: File, custom: Mapping[str, Any], key: str, size: int, path: Path) -> tuple[str, ...]:
    value = custom.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) != size or not all(isinstance(one, str) for one in value):
        raise where.wrong(
            f"“{key}” must list {size} names of columns", *path, "customProperties", key, "value"
        )
    return tuple(value)


def write_target(existing: Sequence[Relationship] | None, column: Column) -> list[Relationship] | None:
    """A column's relationships with what it points at now first, and those of other tools as they were."""
    others = list(existing or ())[1:]
    if column.references is None:
        return others or None
    dataset, target = column.references
    exact = None if _plain(target) == target else [CustomProperty(property="column", value=target)]
    return [
        Relationship(type=_FOREIGN_KEY, to=f"{dataset}.{_plain(target)}", customProperties=exact),
        *others,
    ]


def write_relationships(
    existing: Sequence[Relationship] | None, name: str, links: Sequence[CombinedLink]
) -> list[Relationship] | None:
    """The table's relationships: each link of several columns, written as it was where it stood there."""
    found = []
    for link in links:
        new = _written(name, link)
        found.append(next((old for old in existing or () if _says(old, new)), new))
    return found or None


def _says(old: Relationship, new: Relationship) -> bool:
    before, after = (
        {one.property: one.value for one in item.customProperties or () if not one.vendor}
        for item in (old, new)
    )
    return before == after and (old.from_, old.to) == (new.from_, new.to)


def _written(name: str, link: CombinedLink) -> Relationship:
    exact = [
        CustomProperty(property=key, value=list(names))
        for key, names in zip(_EXACT, (link.columns, link.targets), strict=True)
        if any(_plain(one) != one for one in names)
    ]
    ends = {
        "from": [f"{name}.{_plain(one)}" for one in link.columns],
        "to": [f"{link.dataset}.{_plain(one)}" for one in link.targets],
    }
    return Relationship.model_validate({"type": _FOREIGN_KEY, **ends, "customProperties": exact or None})


def _plain(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else re.sub(r"[^A-Za-z0-9_]", "_", f"_{name}")
