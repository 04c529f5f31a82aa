"""Quality rules as people write them in a form, a command or a JSON body, and back.

A rule has a `rule` (its kind), a `column` (or several with commas, for unique), a `value` that its kind
needs, and what is `allowed`: nothing but what it says, a number of rows, or per cent.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import duckdb

from handrail.data.custom_sql import check_custom_sql
from handrail.data.models import Contract
from handrail.data.promises import NONE, Bound, Counted, Rule, Scalar
from handrail.kernel import Invalid
from handrail.kernel.schedule import Schedule

# kind: what it counts, and what it says
KINDS: Mapping[str, tuple[Counted, str]] = {
    "not null": ("nulls", "always has a value"),
    "not missing": ("missing", "is none of these stand-ins for nothing"),
    "unique": ("duplicates", "is never repeated"),
    "accepted": ("invalid", "is one of these values"),
    "range": ("invalid", "lies between"),
    "pattern": ("invalid", "matches"),
    "rows": ("rows", "the number of rows is"),
    "sql": ("sql", "this query answers"),
}
_KEYS = ("rule", "column", "value", "allowed", "hint", "schedule", "name")
_SIGNS = {
    ">=": "mustBeGreaterOrEqualTo",
    "<=": "mustBeLessOrEqualTo",
    "!=": "mustNotBe",
    ">": "mustBeGreaterThan",
    "<": "mustBeLessThan",
    "=": "mustBe",
}
_FIGURE = r"([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_BOUND = re.compile(rf"(>=|<=|!=|>|<|=)?\s*{_FIGURE}(?:\s*\.\.\s*{_FIGURE})?\s*(%)?", re.IGNORECASE)
_RANGE = re.compile(r"\s*(\()?\s*(.*?)\s*\.\.\s*(.*?)\s*(\))?\s*")
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)
_FRACTIONS = ("DECIMAL", "FLOAT", "DOUBLE")


def read_rule(given: Any) -> Rule:
    """One rule; refuses what is none, with what to write instead. `fit_rule` holds it against a contract."""
    if isinstance(given, Rule):
        return given
    if not isinstance(given, Mapping) or not all(
        isinstance(v, str | bool | int | float) for v in given.values()
    ):
        raise Invalid("A rule is an object of texts.", next_step=f"Its keys are: {', '.join(_KEYS)}.")
    for key in given:
        if key not in _KEYS:
            raise _unknown("key of a rule", key, _KEYS)
    said = {key: str(value).strip() for key, value in given.items() if not isinstance(value, bool)}
    kind = said.get("rule", "").replace("_", " ")
    if kind not in KINDS:
        raise _unknown("kind of rule", kind, tuple(KINDS))
    if schedule := said.get("schedule", ""):
        schedule = Schedule.parse(schedule, "UTC").cron
    columns = tuple(name.strip() for name in said.get("column", "").split(",") if name.strip())
    rule = Rule(
        KINDS[kind][0],
        read_bound(said.get("allowed", ""), kind),
        columns,
        name=said.get("name", ""),
        blocking=given.get("hint") not in (True, "yes", "true"),
        schedule=schedule,
    )
    return replace(rule, **_valued(kind, said.get("value", "")))


def fit_rule(rule: Rule, contract: Contract) -> Rule:
    """The rule with its values as its column has them; refuses what cannot be counted."""
    for name in rule.columns:
        if contract.column(name) is None:
            raise _unknown(f"column of {contract.name}", name, tuple(c.name for c in contract.columns))
    if rule.counted == "sql":
        check_custom_sql(rule.query, contract.name, contract.looks_up)
    if rule.counted in ("rows", "sql"):
        return rule if rule.counted == "sql" else replace(rule, columns=())
    if not rule.columns:
        raise Invalid("This rule is about a column, and names none.", next_step="Name the column.")
    if rule.counted != "duplicates" and len(rule.columns) > 1:
        raise Invalid("Only “unique” is about several columns together.", next_step="Write a rule for each.")
    column = contract.column(rule.columns[0])
    kind = column.type if column else ""
    if rule.counted == "invalid" and rule.values:
        rule = replace(rule, values=tuple(_value(one, kind, rule.columns[0]) for one in rule.values))
    limits = {key: getattr(rule, key) for key in ("least", "most", "above", "below")}
    given: dict[str, Any] = {
        key: _value(one, kind, rule.columns[0]) for key, one in limits.items() if one is not None
    }
    if given and (rule.bound != NONE or not rule.blocking or rule.schedule or rule.name):
        raise Invalid(
            "The standard knows a range for all rows only, without a name, a time or exceptions.",
            next_step="Leave these out, or write it as sql: SELECT count(*) FROM … WHERE ….",
        )
    return replace(rule, **given)


def write_rule(rule: Rule) -> dict[str, str]:
    """The rule as `read_rule` reads it."""
    kind = next((kind for kind, (counted, _) in KINDS.items() if counted == rule.counted), "")
    value = ", ".join(_quoted(one) for one in rule.values)
    if rule.counted == "invalid" and rule.pattern is not None:
        kind, value = "pattern", rule.pattern
    elif rule.counted == "invalid" and not rule.values:
        low = f"({rule.above}" if rule.above is not None else _text(rule.least)
        high = f"{rule.below})" if rule.below is not None else _text(rule.most)
        kind, value = "range", f"{low}..{high}"
    return {
        "rule": kind,
        "column": ", ".join(rule.columns),
        "value": rule.query if kind == "sql" else value,
        "allowed": write_bound(rule),
        "hint": "" if rule.blocking else "yes",
        "schedule": rule.schedule,
        "name": rule.name,
    }


def read_bound(text: str, kind: str) -> Bound:
    """What the count must be: "" nothing otherwise, "5" or "1 %" at most, ">= 10", "100..300", "= 0".

    Of rows and of a query's answer a bare number is exactly that; a query with none answers yes.
    """
    if not text:
        if kind == "rows":
            raise Invalid("How many rows there must be is not said.", next_step='Write "100..300" or ">= 1".')
        return Bound("mustBe", (1,)) if kind == "sql" else NONE
    found = _BOUND.fullmatch(text.strip())
    numbers = [_number(one) for one in found.groups()[1:3] if one] if found else []
    if found is None or None in numbers or (found[1] and found[3]):
        said = f"“{text}” does not say what is allowed."
        raise Invalid(
            said, next_step='Write "5" or "1 %" for at most so many rows, ">= 10", "100..300" or "= 0".'
        )
    values = tuple(float(number) for number in numbers if number is not None)
    unit: Any = "percent" if found[4] else "rows"
    if found[3]:
        return Bound("mustBeBetween", values, unit)
    bare = "mustBe" if kind in ("rows", "sql") or values == (0,) else "mustBeLessOrEqualTo"
    return Bound(_SIGNS[found[1]] if found[1] else bare, values, unit)


def write_bound(rule: Rule) -> str:
    """The bound as `read_bound` reads it."""
    bound = rule.bound
    if (bound == NONE and rule.counted not in ("rows", "sql")) or (
        rule.counted == "sql" and bound.values == (1,)
    ):
        return ""
    numbers = "..".join(f"{value:.15g}" for value in bound.values)
    exact = rule.counted in ("rows", "sql") or bound.values == (0,)
    bare = bound.operator == ("mustBe" if exact else "mustBeLessOrEqualTo")
    sign = "" if bare else next((sign for sign, name in _SIGNS.items() if name == bound.operator), "")
    return f"{sign} {numbers}".strip() + (" %" if bound.unit == "percent" else "")


def _valued(kind: str, text: str) -> dict[str, Any]:
    """What the value of a rule of this kind sets."""
    if kind in ("not null", "unique", "rows"):
        return {}
    if not text:
        raise Invalid(f"A rule “{kind}” needs a value.", next_step=f"Say what it {KINDS[kind][1]}.")
    if kind == "sql":
        return {"query": text}
    if kind == "pattern":
        _check_pattern(text)
        return {"pattern": text}
    if kind == "range":
        return _limits(text)
    return {"values": tuple(next(csv.reader([text], skipinitialspace=True)))}


def _limits(text: str) -> dict[str, str]:
    found = _RANGE.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise Invalid(f"“{text}” is no range.", next_step='Write "0..100", "0..", "..100" or "(0..100)".')
    low, high = ("above" if found[1] else "least"), ("below" if found[4] else "most")
    return {key: value for key, value in ((low, found[2]), (high, found[3])) if value}


def _check_pattern(pattern: str) -> None:
    """Refuse a pattern that the engine could not evaluate; it has no look-around and no back-references."""
    try:
        with duckdb.connect() as con:
            con.execute("SELECT regexp_matches('', ?)", [pattern])
    except duckdb.Error:
        raise Invalid(
            f"“{pattern}” is no regular expression that can be checked.",
            next_step="Write one without look-around and back-references (RE2 syntax).",
        ) from None


def _value(value: Scalar, kind: str, column: str) -> Scalar:
    """The value as a column of this type has it."""
    if not isinstance(value, str):
        return value
    number = _number(value)
    if kind.startswith((*_NUMBERS, *_FRACTIONS)):
        if number is None or (kind.startswith(_NUMBERS) and number % 1):
            raise Invalid(f"“{value}” is no value of {column}, which is {kind}.", next_step="Write a number.")
        return int(number) if number % 1 == 0 else number
    if kind.startswith(("DATE", "TIMESTAMP")):
        try:
            (date if kind == "DATE" else datetime).fromisoformat(value)
        except ValueError:
            said = f"“{value}” is no value of {column}, which is {kind}."
            raise Invalid(said, next_step="Write a date such as 2026-01-31.") from None
    return value


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _quoted(value: Scalar) -> str:
    text = str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if "," in text or '"' in text else text


def _text(value: Scalar | None) -> str:
    return "" if value is None else str(value)


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> Invalid:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}."
    return Invalid(f"There is no {kind} “{name}”.", next_step=hint)
