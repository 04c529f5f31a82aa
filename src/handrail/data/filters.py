"""Row filters: which rows of a dataset a viewer may see, as a condition whose values are bound."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
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


@dataclass(frozen=True)
class Given:
    """What a viewer gives to a dataset's row filter: values, in the order of their parameters.

    `shape` is all of them that the condition's text depends on: for each `viewer.x` its values, and of each
    whether the engine casts it. It is None where the viewer sees no row.
    """

    values: tuple[Any, ...]
    shape: tuple[tuple[bool, ...], ...] | None

    def named(self, prefix: str) -> dict[str, Any]:
        """The values by the names of their parameters."""
        return {f"{prefix}{number}": value for number, value in enumerate(self.values)}


_NO_ROW = Given((), None)


def given(contract: Contract, viewer: Entitled) -> Given:
    """What `viewer` gives to the filter that counts.

    No row when none of several filters applies, when the viewer lacks an attribute that the filter names, and
    when the filter compares a list where it would need IN.
    """
    if not contract.row_filters:
        return Given((), ())
    first = chosen(contract.row_filters, viewer.groups)
    if first is None:
        return _NO_ROW
    attributes, values, shape = viewer.attributes, list[Any](), []
    for use in _uses(first.sql, contract.name, _typed_columns(contract)):
        told = attributes.get(use.attribute)
        if told is None or (not isinstance(told, str) and not (use.in_list and told)):
            return _NO_ROW
        typed = [_typed(one, use.kind) for one in ((told,) if isinstance(told, str) else told)]
        other = use.kind is not None and use.kind.this not in exp.DataType.TEXT_TYPES
        shape.append(tuple(other and isinstance(value, str) for value in typed))
        values += typed
    return Given(tuple(values), tuple(shape))


def rows_for(contract: Contract, viewer: Entitled, alias: str, prefix: str) -> Condition:
    """The condition for `viewer`, as `given` has it, with parameters that are named after `prefix`."""
    mine = given(contract, viewer)
    return Condition(condition(contract, viewer.groups, mine.shape, alias, prefix), mine.named(prefix))


def condition(
    contract: Contract,
    groups: frozenset[str],
    shape: tuple[tuple[bool, ...], ...] | None,
    alias: str,
    prefix: str,
) -> exp.Expr:
    """The first filter that applies to `groups`, for what is `given` in this shape; none means every row."""
    first = chosen(contract.row_filters, groups)
    if shape is None:
        return exp.false()
    if first is None:
        return exp.true()
    columns = _typed_columns(contract)
    tree = _checked(first.sql, contract.name, tuple(name for name, _ in columns)).copy()
    uses, number = iter(zip(_uses(first.sql, contract.name, columns), shape, strict=True)), count()
    for column in list(tree.find_all(exp.Column)):
        if column.table.lower() != VIEWER:
            name = _column(contract.name, [name for name, _ in columns], column)
            column.replace(exp.column(name, table=alias, quoted=True))
            continue
        use, casts = next(uses)
        bound = [_parameter(f"{prefix}{next(number)}", use.kind if cast else None) for cast in casts]
        if use.in_list:
            _put_in_list(column, bound)
        else:
            column.replace(bound[0])
    return tree


def _parameter(name: str, kind: exp.DataType | None) -> exp.Expr:
    parameter = exp.Placeholder(this=name)
    return exp.TryCast(this=parameter, to=kind.copy()) if kind else parameter


def _put_in_list(column: exp.Column, bound: list[exp.Expr]) -> None:
    parent = column.parent
    assert isinstance(parent, exp.In)
    others = [one for one in parent.expressions if one is not column]
    parent.set("field", None)
    parent.set("expressions", [*others, *bound])


@dataclass(frozen=True)
class _Use:
    """One `viewer.x` of a filter, and the type of the column beside it."""

    attribute: str
    kind: exp.DataType | None
    in_list: bool


@lru_cache(maxsize=4096)
def _uses(sql: str, dataset: str, columns: tuple[tuple[str, str], ...]) -> tuple[_Use, ...]:
    found, types = [], {name.lower(): type_ for name, type_ in reversed(columns)}
    for column in _checked(sql, dataset, tuple(name for name, _ in columns)).find_all(exp.Column):
        if column.table.lower() == VIEWER:
            in_list = isinstance(column.parent, exp.In) and column.parent.this is not column
            found.append(_Use(column.name, _kind_beside(column, types), in_list))
    return tuple(found)


def _typed_columns(contract: Contract) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.type) for column in contract.columns)


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


def _column(dataset: str, columns: Sequence[str], column: exp.Column) -> str:
    name = column.name
    found = next((known for known in columns if known.lower() == name.lower()), None)
    if found is None or column.table:
        raise Invalid(
            f"The row filter of {dataset} names {column.sql()}, which is not one of its columns.",
            next_step=parse.nearest(name, columns),
        )
    return found


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


def _kind_beside(column: exp.Column, types: Mapping[str, str]) -> exp.DataType | None:
    """The type of the dataset's column that this attribute is compared with, when it is plain to see.

    Attributes are texts; a number column is compared with the number they say, or with null.
    """
    parent = column.parent
    if not isinstance(parent, exp.In | exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        return None
    beside = next((side for side in (parent.this, parent.args.get("expression")) if side is not column), None)
    if not isinstance(beside, exp.Column) or (known := types.get(beside.name.lower())) is None:
        return None
    return masks.data_type(known)
