"""Row filters: which rows of a dataset a viewer may see, as a condition whose values are bound."""

import datetime
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from sqlglot import exp
from sqlglot.errors import ParseError

from handrail.data import masks, parse
from handrail.data.models import Contract, RowFilter
from handrail.kernel import Invalid

VIEWER = "viewer"
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,8}")  # fits 32 bits
_WHOLES = (exp.DType.INT, exp.DType.BIGINT)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXAMPLE = 'Write a condition like "region = viewer.region" or "region IN viewer.regions".'


@dataclass
class Condition:
    """A condition over the columns of `alias`, and the values of its parameters by name."""

    tree: exp.Expr
    values: dict[str, Any] = field(default_factory=dict)


def check_filter(sql: str, contract: Contract) -> None:
    """Refuse a row filter that could not be applied to this contract: one condition, its own columns only.

    Refuses subqueries, aggregates, windows, parameters, unknown columns, and what queries may not contain.
    """
    _checked(sql, contract.name, tuple(column.name for column in contract.columns))


@lru_cache(maxsize=4096)
def _checked(sql: str, dataset: str, columns: tuple[str, ...]) -> exp.Expr:
    """The condition, kept with all that it was held against; to be copied before it is changed."""
    tree = _read(sql)
    for node in tree.walk():
        if isinstance(node, exp.Query | exp.AggFunc | exp.Window | exp.Placeholder | exp.Star):
            raise Invalid(f"The row filter {sql!r} must be a plain condition on one row.", next_step=_EXAMPLE)
    for column in tree.find_all(exp.Column):
        if column.table.lower() != VIEWER:
            _column(dataset, columns, column)
    return tree


class Entitled(Protocol):
    """All that a row filter may know of a viewer."""

    @property
    def groups(self) -> frozenset[str]:
        """The groups that say which filter counts."""

    @property
    def attributes(self) -> Mapping[str, str | tuple[str, ...]]:
        """What `viewer.x` means."""


def rows_for(contract: Contract, viewer: Entitled, alias: str, prefix: str) -> Condition:
    """The condition for `viewer`: the first filter that applies; no filter at all means every row.

    No row when none of several applies, when the viewer lacks an attribute that the filter names, and when
    the filter compares a list where it would need IN. Parameters are named after `prefix`.
    """
    if not contract.row_filters:
        return Condition(exp.true())
    first = chosen(contract.row_filters, viewer.groups)
    if first is None:
        return Condition(exp.false())
    columns = tuple(column.name for column in contract.columns)
    condition = Condition(_checked(first.sql, contract.name, columns).copy())
    for column in list(condition.tree.find_all(exp.Column)):
        if column.table.lower() != VIEWER:
            name = _column(contract.name, columns, column)
            column.replace(exp.column(name, table=alias, quoted=True))
    for column in list(condition.tree.find_all(exp.Column)):
        if column.table.lower() == VIEWER and not _bind(
            condition, column, contract, viewer.attributes, prefix
        ):
            return Condition(exp.false())
    return condition


def attributes(contract: Contract, groups: frozenset[str]) -> frozenset[str]:
    """The attributes of a viewer in these groups that `rows_for` looks at."""
    first = chosen(contract.row_filters, groups)
    if first is None:
        return frozenset()
    return _named(first.sql, contract.name, tuple(column.name for column in contract.columns))


@lru_cache(maxsize=4096)
def _named(sql: str, dataset: str, columns: tuple[str, ...]) -> frozenset[str]:
    found = _checked(sql, dataset, columns).find_all(exp.Column)
    return frozenset(column.name for column in found if column.table.lower() == VIEWER)


def chosen(filters: Iterable[RowFilter], groups: frozenset[str]) -> RowFilter | None:
    """The filter that counts for members of these groups: the first that is for one of them or everybody."""
    return next((f for f in filters if not f.groups or groups & set(f.groups)), None)


def _read(sql: str) -> exp.Expr:
    """Parse a condition, wrapped so that it has a parent however small it is."""
    try:
        statements = parse.DUCKDB.parser().parse(parse.tokens_of(sql), sql)
    except ParseError:
        raise Invalid(f"The row filter {sql!r} cannot be read.", next_step=_EXAMPLE) from None
    if len(statements) != 1 or statements[0] is None:
        raise Invalid(f"The row filter {sql!r} is not one condition.", next_step=_EXAMPLE)
    tree = exp.Paren(this=statements[0])
    parse.check(tree, sql)
    return tree


def _column(dataset: str, columns: tuple[str, ...], column: exp.Column) -> str:
    name = column.name
    found = next((known for known in columns if known.lower() == name.lower()), None)
    if found is None or column.table:
        raise Invalid(
            f"The row filter of {dataset} names {column.sql()}, which is not one of its columns.",
            next_step=parse.nearest(name, columns),
        )
    return found


def _bind(
    condition: Condition,
    column: exp.Column,
    contract: Contract,
    attributes: Mapping[str, str | tuple[str, ...]],
    prefix: str,
) -> bool:
    """Put parameters in the place of `viewer.x`; False when the viewer's attribute cannot stand there."""
    value = attributes.get(column.name)
    parent = column.parent
    in_list = isinstance(parent, exp.In) and parent.this is not column
    if value is None or (not isinstance(value, str) and not in_list):
        return False
    kind = _kind_beside(column, contract)
    bound = []
    for one in (value,) if isinstance(value, str) else value:
        name = f"{prefix}{len(condition.values)}"
        parameter = exp.Placeholder(this=name)
        condition.values[name] = plain = _typed(one, kind)
        cast = isinstance(plain, str) and kind is not None and kind.this not in exp.DataType.TEXT_TYPES
        bound.append(exp.TryCast(this=parameter, to=kind.copy()) if kind and cast else parameter)
    if not in_list:
        column.replace(bound[0])
        return True
    if not bound:
        return False
    assert isinstance(parent, exp.In)
    others = [e for e in parent.expressions if e is not column]
    parent.set("field", None)
    parent.set("expressions", [*others, *bound])
    return True


def _typed(text: str, kind: exp.DataType | None) -> str | int | datetime.date:
    """The value that an attribute plainly spells in the column's type, which spares every statement a cast.

    Everything else stays the text that it is, for the engine's own cast to decide.
    """
    if kind is None:
        return text
    if kind.this in _WHOLES and _WHOLE.fullmatch(text):
        return int(text)
    if kind.this == exp.DType.DATE and _DAY.fullmatch(text):
        with suppress(ValueError):
            return datetime.date.fromisoformat(text)
    return text


def _kind_beside(column: exp.Column, contract: Contract) -> exp.DataType | None:
    """The type of the dataset's column that this attribute is compared with, when it is plain to see.

    Attributes are texts; a number column is compared with the number they say, or with null.
    """
    parent = column.parent
    if not isinstance(parent, exp.In | exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        return None
    beside = next((side for side in (parent.this, parent.args.get("expression")) if side is not column), None)
    if not isinstance(beside, exp.Column) or (known := contract.column(beside.name)) is None:
        return None
    return masks.data_type(known.type)
