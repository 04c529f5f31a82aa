"""Apply a steward's changes to a contract, checking each against what the dataset really has."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from handrail.data.filters import check_filter
from handrail.data.masks import misfit, misplaced
from handrail.data.models import Classification, Column, CombinedLink, Contract, Mask, MaskKind, RowFilter
from handrail.data.promises import Freshness, Rule
from handrail.data.state import unreachable
from handrail.kernel import Invalid


@dataclass(frozen=True)
class Changes:
    """What a steward changes in a contract; None leaves a thing as it is."""

    owner: str | None = None
    deputy: str | None = None
    description: str | None = None
    purposes: tuple[str, ...] | None = None
    readers: tuple[str, ...] | None = None  # groups
    row_filters: tuple[RowFilter, ...] | None = None
    masks: Mapping[str, Mask | None] = field(default_factory=dict)  # by column; None takes the mask away
    classifications: Mapping[str, Classification | None] = field(default_factory=dict)  # by column
    entity_key: str | None = None  # "" takes it away
    subject: str | None = None
    budget: int | None = None  # distinct entities per viewer and day; 0: no limit
    app_budget: int | None = None  # the same per app and day
    expires: datetime.date | None = None
    domain: str | None = None
    looks_up: tuple[str, ...] | None = None  # datasets
    required: Mapping[str, bool] = field(default_factory=dict)  # by column
    unique: Mapping[str, bool] = field(default_factory=dict)  # by column
    references: Mapping[str, tuple[str, str] | None] = field(default_factory=dict)  # by column
    combined: tuple[CombinedLink, ...] | None = None  # all of them
    quality: tuple[Rule, ...] | None = None  # all of them
    freshness: Freshness | Literal[""] | None = None  # "" takes it away
    retention: Freshness | Literal[""] | None = None


_MOST = 1_000_000_000  # entities that a budget may name
_SIMPLE = (
    "owner",
    "deputy",
    "description",
    "purposes",
    "readers",
    "row_filters",
    "subject",
    "budget",
    "app_budget",
    "expires",
)


def read_changes(values: Mapping[str, Any]) -> Changes:
    """Changes as a form, a JSON body or a command line gives them; refuses unknown keys and wrong shapes.

    A row filter may be plain SQL or {"sql", "groups"}; a mask a kind, bucket(1000) or truncate(month), or one
    of these as {"kind", "unless_groups"}; a date is written 2027-06-30.
    """
    known = [item.name for item in fields(Changes)]
    for key in values:
        if key not in known:
            raise not_among("change", key, known)
    given = {key: value for key, value in values.items() if value is not None}
    for key in ("owner", "deputy", "description", "entity_key", "subject", "domain"):
        if not isinstance(given.get(key, ""), str):
            raise wrong_shape(key, "a text")
    for key in ("purposes", "readers", "looks_up"):
        if key in given:
            given[key] = _texts(key, given[key])
    if "row_filters" in given:
        given["row_filters"] = tuple(_filter(item) for item in _sequence("row_filters", given["row_filters"]))
    for key, read in (("masks", _mask), ("classifications", _class)):
        if key in given:
            if not isinstance(given[key], Mapping):
                raise wrong_shape(key, "values by column name")
            given[key] = {str(name): read(value) for name, value in given[key].items()}
    for key in ("budget", "app_budget"):
        if key in given:
            given[key] = _number(key, given[key])
    if "expires" in given:
        given["expires"] = _date(given["expires"])
    return Changes(**given)


def apply(contract: Contract, changes: Changes, purposes: Collection[str], today: datetime.date) -> Contract:
    """The contract as it would be. Refuses columns, purposes and filters that do not exist or cannot work."""
    for name in (*changes.masks, *changes.classifications, *filter(None, (changes.entity_key,))):
        if contract.column(name) is None:
            raise not_among(f"column of {contract.name}", name, [column.name for column in contract.columns])
    for purpose in changes.purposes or ():
        if purpose not in purposes:
            raise not_among("purpose", purpose, purposes)
    for rule in changes.row_filters or ():
        check_filter(rule.sql, contract)
    if unreachable(changes.row_filters or ()):
        raise Invalid(
            "A row filter for everybody always wins, so those after it would never apply.",
            next_step="Put the filter for everybody last.",
        )
    if changes.expires is not None and changes.expires <= today:
        raise Invalid(f"{changes.expires} is not in the future.", next_step="Name a later expiry date.")
    simple = {key: value for key in _SIMPLE if (value := getattr(changes, key)) is not None}
    if changes.entity_key is not None:
        simple["entity_key"] = changes.entity_key or None
    columns = tuple(_column(column, changes) for column in contract.columns)
    for column, problem in misplaced(columns, simple.get("entity_key", contract.entity_key)):
        raise Invalid(f"{column.name} cannot be masked so: {problem}.", next_step="Choose other columns.")
    return replace(contract, columns=columns, **simple)


def _column(column: Column, changes: Changes) -> Column:
    if column.name in changes.masks:
        mask = changes.masks[column.name]
        if mask and (problem := misfit(mask, column.type)):
            raise Invalid(f"{column.name} cannot be masked so: {problem}.", next_step="Choose another mask.")
        column = replace(column, mask=mask)
    if column.name in changes.classifications:
        column = replace(column, classification=changes.classifications[column.name])
    return column


def _filter(value: Any) -> RowFilter:
    if isinstance(value, RowFilter):
        return value
    if isinstance(value, str):
        return RowFilter(value)
    if isinstance(value, Mapping) and set(value) <= {"sql", "groups"} and isinstance(value.get("sql"), str):
        return RowFilter(value["sql"], _texts("groups", value.get("groups") or ()))
    raise wrong_shape("row_filters", "a list of SQL conditions, each with the groups it is for")


def _mask(value: Any) -> Mask | None:
    if value is None or isinstance(value, Mask):
        return value
    kind: Any = value
    groups: tuple[str, ...] = ()
    if isinstance(value, Mapping) and set(value) <= {"kind", "unless_groups"}:
        kind, groups = value.get("kind"), _texts("unless_groups", value.get("unless_groups") or ())
    if kind == "none":
        return None
    kind, _, size = str(kind).removesuffix(")").partition("(")
    if kind not in get_args(MaskKind) or (size and kind not in ("bucket", "truncate", "aggregate")):
        raise not_among("mask", str(kind), [*get_args(MaskKind), "none"])
    if kind == "aggregate":
        least, *by = [part.strip() for part in size.split(",")]
        if not least.isdecimal():
            raise wrong_shape("mask", "aggregate with a number and columns, as in aggregate(10, city)")
        return Mask("aggregate", groups, least=int(least), by=tuple(by))
    if kind != "bucket":
        return Mask(kind, groups, to=size or None)  # type: ignore[arg-type]
    try:
        return Mask("bucket", groups, float(size))
    except ValueError:
        raise wrong_shape("mask", "a bucket with a width, as in bucket(1000)") from None


def _class(value: Any) -> Classification | None:
    if value in (None, "", "none"):
        return None
    if value not in get_args(Classification):
        raise not_among("classification", str(value), [*get_args(Classification), "none"])
    return value  # type: ignore[no-any-return]


def _number(key: str, value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MOST:
        raise wrong_shape(key, f"a whole number from 0 (no limit) to {_MOST:,}")
    return value


def _date(value: Any) -> datetime.date:
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong_shape("expires", "a date such as 2027-06-30") from None


def _texts(key: str, value: Any) -> tuple[str, ...]:
    items = _sequence(key, value)
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise wrong_shape(key, "a list of texts")
    return tuple(dict.fromkeys(item.strip() for item in items))


def _sequence(key: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, list | tuple | set | frozenset):
        raise wrong_shape(key, "a list")
    return tuple(value)


def wrong_shape(key: str, wanted: str) -> Invalid:
    """The refusal for a value of another shape."""
    return Invalid(f"“{key}” must be {wanted}.", next_step=f"Give “{key}” as {wanted}.", key=key)


def not_among(kind: str, name: str, known: Collection[str]) -> Invalid:
    """The refusal for a name that is none of those known."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}."
    return Invalid(f"There is no {kind} “{name}”.", next_step=hint)
