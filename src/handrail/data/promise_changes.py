"""What a steward changes in a contract's promises: rules, keys, ages, and what its queries may look up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from handrail.data.changes import Changes, not_among, wrong_shape
from handrail.data.models import Column, CombinedLink, Contract
from handrail.data.promises import Freshness, Rule
from handrail.data.rules import fit_rule, read_rule, write_rule
from handrail.kernel import Invalid

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+?)s?(?:\s+by\s+(.+))?", re.IGNORECASE)
_UNITS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "year": 365, "m": 1 / 1440, "h": 1 / 24}
_UNITS |= {"d": 1, "w": 7, "y": 365}
_LINKS = "links of two or more different columns: product, shop = stock.product, shop"


def read_promises(given: dict[str, Any]) -> dict[str, Any]:
    """The changes with those of promises as they are kept; refuses other shapes.

    `quality` is the whole list of rules, each as `rules.read_rule` takes it. An age is written "2 days" or
    "2 days by ordered", and "" takes it away; a reference is written customers.id. `combined` is the whole
    list of links of several columns, each a mapping or written "product, shop = stock.product, shop".
    """
    if "quality" in given:
        if isinstance(given["quality"], str | Mapping):
            raise wrong_shape("quality", "a list of rules")
        given["quality"] = tuple(read_rule(one) for one in given["quality"])
    for key in ("freshness", "retention"):
        if key in given and not isinstance(given[key], Freshness):
            given[key] = read_age(key, given[key])
    for key in ("required", "unique", "references"):
        if key in given and not isinstance(given[key], Mapping):
            raise wrong_shape(key, "values by column name")
    for key in ("required", "unique"):
        if key in given and not all(isinstance(value, bool) for value in given[key].values()):
            raise wrong_shape(key, "true or false by column name")
    if "references" in given:
        given["references"] = {name: _target(value) for name, value in given["references"].items()}
    if "combined" in given:
        if isinstance(given["combined"], str | Mapping):
            raise wrong_shape("combined", "a list of links")
        given["combined"] = tuple(_link(value) for value in given["combined"])
    return given


def apply_promises(contract: Contract, changes: Changes) -> Contract:
    """The contract with its promises changed; refuses unknown columns and rules that cannot be counted."""
    names = [column.name for column in contract.columns]
    ages = {key: getattr(changes, key) for key in ("freshness", "retention")}
    pointing = [name for link in changes.combined or () for name in link.columns]
    for name in (*changes.required, *changes.unique, *changes.references, *pointing):
        if name not in names:
            raise not_among(f"column of {contract.name}", name, names)
    for age in ages.values():
        if isinstance(age, Freshness) and age.column is not None:
            _dated(contract, age.column)
    kept: dict[str, Any] = {key: age or None for key, age in ages.items() if age is not None}
    contract = replace(
        contract,
        columns=tuple(_column(column, changes) for column in contract.columns),
        looks_up=contract.looks_up if changes.looks_up is None else changes.looks_up,
        combined=contract.combined if changes.combined is None else changes.combined,
        domain=contract.domain if changes.domain is None else (changes.domain or None),
        **kept,
    )
    if contract.name in contract.looks_up:
        raise Invalid(
            f"{contract.name} reads itself anyway.", next_step="Leave it out of its reference tables."
        )
    if changes.quality is None:
        return contract
    known = {tuple(write_rule(rule).items()): rule for rule in contract.quality}
    rules = [known.get(tuple(write_rule(one).items())) or fit_rule(one, contract) for one in changes.quality]
    return replace(contract, quality=tuple(dict.fromkeys(rules)))


def read_age(key: str, text: Any) -> Freshness | str:
    """An age from "2 days" or "2 days by ordered"; "" is none."""
    if text == "":
        return ""
    found = _AGE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or found[2].lower() not in _UNITS or not 0 < float(found[1]) < 1e5:
        raise wrong_shape(key, "an age such as “2 days” or “2 days by ordered”")
    return Freshness(timedelta(days=float(found[1]) * _UNITS[found[2].lower()]), found[3])


def write_age(age: Freshness | None) -> str:
    """The age as `read_age` reads it."""
    if age is None:
        return ""
    days = age.age / timedelta(days=1)
    sizes = (("year", 365.0), ("day", 1.0), ("hour", 1 / 24), ("minute", 1 / 1440))
    unit, size = next(((u, s) for u, s in sizes if days >= s and not age.age % timedelta(days=s)), sizes[-1])
    number = f"{days / size:g}"
    return f"{number} {unit}{'' if number == '1' else 's'}" + (f" by {age.column}" if age.column else "")


def rule_of(contract: Contract, number: int) -> Rule:
    """The rule of that number, from 1; refuses another."""
    if not 1 <= number <= len(contract.quality):
        raise Invalid(
            f"{contract.name} has no rule {number}; it has {len(contract.quality)}.",
            next_step=f"See them with handrail rules {contract.name}.",
        )
    return contract.quality[number - 1]


def _column(column: Column, changes: Changes) -> Column:
    return replace(
        column,
        required=changes.required.get(column.name, column.required),
        unique=changes.unique.get(column.name, column.unique),
        references=changes.references.get(column.name, column.references),
    )


def _target(value: Any) -> tuple[str, str] | None:
    if value in (None, ""):
        return None
    if isinstance(value, tuple) and len(value) == 2:
        return value
    dataset, dot, column = value.partition(".") if isinstance(value, str) else ("", "", "")
    if not dot or not dataset.strip() or not column.strip():
        raise wrong_shape("references", "by column, what it points at: customers.id")
    return dataset.strip(), column.strip()


def _link(value: Any) -> CombinedLink:
    if isinstance(value, CombinedLink):
        return value
    if isinstance(value, str):
        own, _, there = value.partition("=")
        other, _, keys = there.partition(".")
        value = {"columns": own.split(","), "dataset": other, "targets": keys.split(",")}
    given = value if isinstance(value, Mapping) else {}
    if set(given) != {"columns", "dataset", "targets"} or not isinstance(given["dataset"], str):
        raise wrong_shape("combined", _LINKS)
    columns, targets, dataset = _names(given["columns"]), _names(given["targets"]), given["dataset"].strip()
    if len(columns) != len(targets) or len(columns) < 2 or not all((*columns, *targets, dataset)):
        raise wrong_shape("combined", _LINKS)
    return CombinedLink(columns, dataset, targets)


def _names(value: Any) -> tuple[str, ...]:
    """Different names of columns."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise wrong_shape("combined", _LINKS)
    names = tuple(name.strip() for name in value)
    if len(set(names)) < len(names):
        raise wrong_shape("combined", _LINKS)
    return names


def _dated(contract: Contract, name: str) -> None:
    column = contract.column(name)
    if column is None:
        raise not_among(f"column of {contract.name}", name, [one.name for one in contract.columns])
    if not column.type.startswith(("DATE", "TIMESTAMP")):
        said = f"An age is told by dates, and {name} is {column.type}."
        raise Invalid(said, next_step="Name a column of dates, or none.")
