"""Questions that fit into an address: columns and conditions of one dataset. Their SQL is written here.

No SQL comes in an address: addresses end up in logs, histories and referrers. Names are looked up in the
contract and values are bound, so there is nothing to splice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlglot import exp

from handrail.data.answer import Answer
from handrail.data.catalog import contract_of
from handrail.data.models import Column, Contract, Request
from handrail.data.parse import nearest
from handrail.data.query import query
from handrail.kernel import Context, Environment, Invalid

_CONDITION = re.compile(r"(?P<name>.+?)(?P<operator>>=|<=|!=|=|>|<)(?P<value>.*)", re.DOTALL)


def values(pairs: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE, each value as JSON where it is JSON, else as text; a repeated name makes a list."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise Invalid(f"“{pair}” says no value.", next_step="Write NAME=VALUE.")
        value = _value(text)
        if name not in found:
            found[name] = value
        else:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
    return found


def listed(given: Iterable[str]) -> tuple[str, ...]:
    """Names given one by one, or several with commas between them."""
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def rows_of(
    ctx: Context,
    name: str,
    columns: Iterable[str] = (),
    where: Iterable[str] = (),
    limit: int | None = None,
    purpose: str | None = None,
    environment: Environment = "production",
) -> Answer:
    """The rows of a dataset that the caller may see, by the governed query; refuses as it does."""
    sql, params = dataset_question(contract_of(ctx, name), columns, where, limit)
    return query(ctx, Request(sql, None, params, purpose, environment))


def dataset_question(
    contract: Contract, columns: Iterable[str], where: Iterable[str], limit: int | None
) -> tuple[str, Mapping[str, str]]:
    """The SQL for columns of a dataset (none: all) where every condition holds, and its parameters.

    Conditions are written COLUMN=VALUE, or with !=, <, <=, > or >=; several of one column with = mean any of
    them. Values are read as the column's type. Refuses Invalid unknown columns, with the nearest.
    """
    chosen = [_known(contract, name).name for name in listed(columns)] or [c.name for c in contract.columns]
    params: dict[str, str] = {}
    same: dict[str, list[str]] = {}
    conditions: list[str] = []
    for text in where:
        parts = _CONDITION.fullmatch(text)
        if parts is None:
            raise Invalid(
                f"“{text}” is no condition.", next_step="Write COLUMN=VALUE, or with !=, <, <=, >, >=."
            )
        column = _known(contract, parts["name"].strip())
        name = f"p{len(params)}"
        params[name] = parts["value"]
        bound = f"CAST(${name} AS {column.type})"
        if parts["operator"] == "=":
            same.setdefault(column.name, []).append(bound)
        else:
            conditions.append(f"{_quoted(column.name)} {parts['operator']} {bound}")
    conditions += [f"{_quoted(name)} IN ({', '.join(bounds)})" for name, bounds in same.items()]
    sql = f"SELECT {', '.join(map(_quoted, chosen))} FROM {_quoted(contract.name)}"  # noqa: S608 - names known
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    return sql + (f" LIMIT {limit}" if limit is not None else ""), params


def _known(contract: Contract, name: str) -> Column:
    column = contract.column(name)
    if column is None:
        names = [column.name for column in contract.columns]
        raise Invalid(f"{contract.name} has no column {name}.", next_step=nearest(name, names))
    return column


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _value(text: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if isinstance(value, dict) else value
