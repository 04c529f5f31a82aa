"""Bring a contract up to date with data of another shape, keeping everything that stewards wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from handrail.data.masks import misfit, misplaced
from handrail.data.models import Column, CombinedLink, Contract, Mask


def merge(stated: Contract, fresh: Contract, renamed: Mapping[str, str]) -> Contract:
    """The stated contract with the columns that the data has now; `renamed` says old names by new ones.

    Columns that stay, and those that seem renamed, keep their mask, class and description; promises the data
    no longer keeps are dropped; a filter that names a lost column stays, and certification will ask for it.
    """
    columns = tuple(
        _column(stated.column(renamed.get(column.name, column.name)), column) for column in fresh.columns
    )
    names = {column.name for column in columns}
    now = {old: new for new, old in renamed.items()}
    key = now.get(stated.entity_key or "", stated.entity_key)
    kept = key if key in names else fresh.entity_key
    lost = {column.name for column, _ in misplaced(columns, kept)}  # it gives way to nothing at all
    columns = tuple(_hidden(column) if column.name in lost else column for column in columns)
    links = (_link(one, now, stated.name) for one in stated.combined)
    combined = tuple(link for link in links if any(link.same_as(other) for other in fresh.combined))
    return replace(stated, columns=columns, entity_key=kept, rows=fresh.rows, combined=combined)


def _link(link: CombinedLink, now: Mapping[str, str], own: str) -> CombinedLink:
    """The link under the names that the columns have now, at both its ends where it stays in one table."""
    theirs = now if link.dataset == own else {}
    return replace(
        link,
        columns=tuple(now.get(name, name) for name in link.columns),
        targets=tuple(theirs.get(name, name) for name in link.targets),
    )


def _hidden(column: Column) -> Column:
    return replace(column, mask=Mask("null", column.mask.unless_groups if column.mask else ()))


def _still(stated: Column, fresh: Column) -> Mask | None:
    """The mask; one that cannot hide the type that the column has now gives way to nothing at all."""
    return (
        Mask("null", stated.mask.unless_groups)
        if stated.mask and misfit(stated.mask, fresh.type)
        else stated.mask
    )


def _column(stated: Column | None, fresh: Column) -> Column:
    if stated is None:
        return fresh
    same_type = stated.type == fresh.type
    return replace(
        stated,
        name=fresh.name,
        type=fresh.type,
        mask=_still(stated, fresh),
        required=stated.required and fresh.required,
        unique=stated.unique and fresh.unique,
        primary_key=stated.primary_key and fresh.primary_key,
        references=stated.references if stated.references == fresh.references else None,
        description=stated.description if same_type or stated.description else fresh.description,
    )
