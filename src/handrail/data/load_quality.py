"""Read the promises of a contract file: `quality`, `logicalTypeOptions` and `slaProperties`, strictly."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from open_data_contract_standard.model import (
    DataQuality,
    OpenDataContractStandard,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)

from handrail.data.custom_sql import check_custom_sql
from handrail.data.promises import NONE, OPERATORS, Bound, Counted, Freshness, Rule, Scalar, Unit
from handrail.data.sources.table import quote
from handrail.kernel import Refusal
from handrail.kernel.schedule import wrong_with_cron
from handrail.kernel.strict_yaml import File

Path = tuple[str | int, ...]
_METRICS: dict[str, tuple[Counted, tuple[str, ...]]] = {  # the standard's word: ours, and its arguments
    "nullValues": ("nulls", ()),
    "missingValues": ("missing", ("missingValues",)),
    "invalidValues": ("invalid", ("validValues", "pattern")),
    "duplicateValues": ("duplicates", ("properties",)),
    "rowCount": ("rows", ()),
}
_LIMITS = {"minimum": "least", "maximum": "most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}
# The standard's other options describe the type; what they say is not checked.
_OPTIONS = (
    *_LIMITS,
    *("pattern", "format", "minLength", "maxLength", "multipleOf", "timezone", "defaultTimezone"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required"),
)
_UNITS = {
    **dict.fromkeys(("m", "min", "minute", "minutes"), datetime.timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "hours"), datetime.timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), datetime.timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), datetime.timedelta(weeks=1)),
    **dict.fromkeys(("y", "yr", "year", "years"), datetime.timedelta(days=365)),
}
_LIGHT = ("info", "warning")  # severities that do not stand in the way of a certification


@dataclass(frozen=True)
class _Table:
    """What the rules of one table are read against."""

    name: str
    columns: tuple[str, ...]
    looks_up: tuple[str, ...]  # other datasets that its queries may read


def load_quality(
    where: File, document: OpenDataContractStandard, looks_up: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """Every promise of the one table; of the kinds `text` and `custom`, which are for people and other tools,
    none. `looks_up` are its reference tables. Refuses unknown metrics and options, missing bounds, cron lines
    that name no moment, and SQL that `custom_sql` refuses.
    """
    return tuple(rule for _, rule in placed_rules(where, document, looks_up))


def placed_rules(
    where: File, document: OpenDataContractStandard, looks_up: Sequence[str] = ()
) -> Iterator[tuple[Path, Rule]]:
    """The promises as `load_quality` gives them, each with where it stands in the document."""
    schema = (document.schema_ or [])[0]
    columns = tuple(item.name or "" for item in schema.properties or ())
    table = _Table(document.name or "", columns, tuple(looks_up))
    path: Path = ("schema", 0)
    for place, one in enumerate(schema.quality or ()):
        here: Path = (*path, "quality", place)
        yield from ((here, rule) for rule in _rule(where, one, (), table, here))
    for position, item in enumerate(schema.properties or ()):
        column: Path = (*path, "properties", position)
        options: Path = (*column, "logicalTypeOptions")
        for rule in _options(where, item, options):
            yield (*options, "limits" if rule.pattern is None else "pattern"), rule
        for place, one in enumerate(item.quality or ()):
            here = (*column, "quality", place)
            yield from ((here, rule) for rule in _rule(where, one, (item.name or "",), table, here))


def load_age(where: File, document: OpenDataContractStandard, properties: Sequence[str]) -> Freshness | None:
    """How old data may be, or how long it is kept: the one service level of these; others are left alone."""
    levels = [(n, one) for n, one in enumerate(document.slaProperties or ()) if one.property in properties]
    if not levels:
        return None
    if len(levels) > 1:
        raise where.wrong("the age of the data is limited twice", "slaProperties", levels[1][0], "property")
    place, level = levels[0]
    return _fresh(where, level, document, ("slaProperties", place))


def _fresh(
    where: File, level: ServiceLevelAgreementProperty, document: OpenDataContractStandard, path: Path
) -> Freshness:
    if isinstance(level.value, bool) or not isinstance(level.value, int | float) or not 0 < level.value < 1e5:
        raise where.wrong("“value” must be a positive number", *path, "value")
    if (level.unit or "d") not in _UNITS:
        raise where.unknown(level.unit or "", tuple(_UNITS), *path, "unit")
    column = None
    if level.element:
        column = level.element.removeprefix(f"{document.name}.")
        table = (document.schema_ or [])[0]
        if column not in (names := [item.name or "" for item in table.properties or ()]):
            raise where.unknown(column, names, *path, "element")
    return Freshness(level.value * _UNITS[level.unit or "d"], column)


def _options(where: File, item: SchemaProperty, path: Path) -> Iterator[Rule]:
    options = item.logicalTypeOptions or {}
    for key in options:
        if key not in _OPTIONS:
            raise where.unknown(str(key), _OPTIONS, *path, str(key))
    limits = {
        ours: _limit(where, options[key], (*path, key)) for key, ours in _LIMITS.items() if key in options
    }
    if limits:
        yield Rule("invalid", columns=(item.name or "",), **limits)  # type: ignore[arg-type]
    if "pattern" in options:
        pattern = _pattern(where, options["pattern"], (*path, "pattern"))
        yield Rule("invalid", columns=(item.name or "",), pattern=pattern)


def _rule(
    where: File, one: DataQuality, column: tuple[str, ...], table: _Table, path: Path
) -> Iterator[Rule]:
    kind = one.type or "library"
    if kind in ("text", "custom"):
        return
    if kind not in ("library", "sql"):
        raise where.unknown(kind, ("library", "sql", "text", "custom"), *path, "type")
    about = {"name": one.name or "", "blocking": (one.severity or "") not in _LIGHT}
    about["schedule"] = _schedule(where, one, path)
    bound = _bound(where, one, path, optional=kind == "sql")
    if kind == "sql":
        query = _query(where, one, column, table, path)
        yield Rule("sql", bound, column, query=query, **about)  # type: ignore[arg-type]
        return
    if one.metric not in _METRICS:
        raise where.unknown(one.metric or "", tuple(_METRICS), *path, "metric")
    counted, arguments = _METRICS[one.metric]
    if (counted == "rows") == bool(column):
        said = "a column" if counted == "rows" else "the table"
        if counted != "duplicates":
            raise where.wrong(f"“{one.metric}” says nothing about {said}", *path, "metric")
    given = one.arguments or {}
    for key in given:
        if key not in arguments:
            raise where.unknown(str(key), arguments, *path, "arguments", str(key))
    yield _counting(where, Rule(counted, bound, column, **about), given, table.columns, (*path, "arguments"))  # type: ignore[arg-type]


def _schedule(where: File, one: DataQuality, path: Path) -> str:
    """The cron line by which we check, in UTC; "" when there is none or another scheduler sees to it."""
    if not one.schedule or one.scheduler not in (None, "cron"):
        return ""
    if problem := wrong_with_cron(one.schedule):
        said = f"“schedule” is no cron line such as 0 6 * * MON: {problem}"
        raise where.wrong(said, *path, "schedule")
    return " ".join(one.schedule.split())


def _query(where: File, one: DataQuality, column: tuple[str, ...], table: _Table, path: Path) -> str:
    """The rule's SQL with the standard's `{object}` and `{property}` filled in."""
    query = (one.query or "").strip()
    if not query:
        raise where.wrong("a rule of type sql needs a “query”", *path)
    for word, name in (("object", table.name), *((("property", column[0]),) if column else ())):
        for written in (f"${{{word}}}", f"{{{word}}}"):
            query = query.replace(written, quote(name))
    try:
        check_custom_sql(query, table.name, table.looks_up)
    except Refusal as refusal:
        problem = f"the query cannot be used: {refusal.message.rstrip('.')}"
        raise where.wrong(problem, *path, "query") from None
    return query


def _counting(where: File, rule: Rule, given: dict[str, Any], names: Sequence[str], path: Path) -> Rule:
    """The rule with the arguments of its metric."""
    if rule.counted == "duplicates" and not rule.columns:
        columns = tuple(str(name) for name in _list(where, given.get("properties"), (*path, "properties")))
        for name in columns:
            if name not in names:
                raise where.unknown(name, names, *path, "properties")
        return _with(rule, columns=columns)
    if rule.counted == "missing":
        values = _list(where, given.get("missingValues"), (*path, "missingValues"))
        return _with(rule, values=tuple(value for value in values if value is not None))
    if rule.counted == "invalid":
        if ("validValues" in given) == ("pattern" in given):
            raise where.wrong("“invalidValues” needs “validValues” or a “pattern”", *path)
        if "pattern" in given:
            return _with(rule, pattern=_pattern(where, given["pattern"], (*path, "pattern")))
        return _with(rule, values=_list(where, given["validValues"], (*path, "validValues")))
    return rule


def _with(rule: Rule, **values: Any) -> Rule:
    return Rule(**{**vars(rule), **values})


def _bound(where: File, one: DataQuality, path: Path, optional: bool) -> Bound:
    given = {key: value for key in OPERATORS if (value := getattr(one, key)) is not None}
    if len(given) > 1:
        raise where.wrong("a rule has one bound, and this one has several", *path, max(given))
    if one.unit not in (None, "rows", "percent"):
        raise where.unknown(one.unit or "", ("rows", "percent"), *path, "unit")
    if not given:
        if optional:  # the query answers yes or no
            return Bound("mustBe", (1,))
        raise where.wrong(f"a rule needs a bound, one of {', '.join(OPERATORS)}", *path)
    key, value = next(iter(given.items()))
    values = tuple(value) if isinstance(value, list) else (value,)
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in values):
        raise where.wrong(f"“{key}” must be a number", *path, key)
    unit: Unit = "percent" if one.unit == "percent" else "rows"
    return Bound(key, tuple(float(n) for n in values), unit) if value != 0 or unit != "rows" else _zero(key)


def _zero(key: str) -> Bound:
    return NONE if key == "mustBe" else Bound(key, (0,))


def _list(where: File, value: Any, path: Path) -> tuple[Any, ...]:
    if not isinstance(value, list) or not value or not all(_plain(item) for item in value):
        raise where.wrong(f"“{path[-1]}” must be a list of texts, numbers or dates", *path)
    return tuple(item.isoformat() if isinstance(item, datetime.date) else item for item in value)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | datetime.date)


def _limit(where: File, value: Any, path: Path) -> Scalar:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise where.wrong(f"“{path[-1]}” must be a number or a date", *path)
    return value


def _pattern(where: File, value: Any, path: Path) -> str:
    try:
        re.compile(value)
    except (re.error, TypeError):
        raise where.wrong("“pattern” must be a regular expression", *path) from None
    return str(value)
