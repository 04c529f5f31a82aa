"""Write a contract's changed promises into its ODCS document, leaving every entry alone that still holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from open_data_contract_standard.model import (
    DataQuality,
    OpenDataContractStandard,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)

from handrail.data.load_quality import placed_rules
from handrail.data.models import Contract
from handrail.data.odcs import AGES, RETENTION
from handrail.data.promises import Freshness, Rule
from handrail.kernel.strict_yaml import File

_LIMITS = (
    ("least", "minimum"),
    ("most", "maximum"),
    ("above", "exclusiveMinimum"),
    ("below", "exclusiveMaximum"),
)
_METRICS = {
    "nulls": "nullValues",
    "missing": "missingValues",
    "invalid": "invalidValues",
    "duplicates": "duplicateValues",
    "rows": "rowCount",
}
_UNITS = (
    (timedelta(days=365), "y"),
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "m"),
)


def write_rules(
    document: OpenDataContractStandard, where: File, stated: Contract, wanted: Contract
) -> OpenDataContractStandard:
    """The document with the rules and ages of `wanted` in place of those of `stated`, which it states now."""
    document = document.model_copy(deep=True)
    if wanted.quality != stated.quality:
        left = list(wanted.quality)
        gone: list[tuple[str | int, ...]] = []
        for path, rule in placed_rules(where, document, stated.looks_up):
            if rule in left:
                left.remove(rule)
            else:
                gone.append(path)
        _take(document, gone)
        for rule in left:
            _put(document, rule)
    for properties, before, after in (
        (AGES, stated.freshness, wanted.freshness),
        (RETENTION, stated.retention, wanted.retention),
    ):
        if before != after:
            levels = [one for one in document.slaProperties or () if one.property not in properties]
            new = [_level(properties[-1] if after.column else properties[0], after)] if after else []
            document.slaProperties = [*levels, *new] or None
    return document


def _take(document: OpenDataContractStandard, paths: Sequence[tuple[str | int, ...]]) -> None:
    """Remove entries, the last first, so that the places of the others stay what they are."""
    table = (document.schema_ or [])[0]
    for path in sorted(paths, key=lambda one: [str(part).zfill(6) for part in one], reverse=True):
        item: Any = (table.properties or [])[int(path[3])] if path[2] == "properties" else table
        if path[-2] == "logicalTypeOptions":
            ours = ("pattern",) if path[-1] == "pattern" else tuple(name for _, name in _LIMITS)
            kept = {key: value for key, value in (item.logicalTypeOptions or {}).items() if key not in ours}
            item.logicalTypeOptions = kept or None
        else:
            del item.quality[int(path[-1])]
            item.quality = item.quality or None


def _put(document: OpenDataContractStandard, rule: Rule) -> None:
    table = (document.schema_ or [])[0]
    item: Any = table
    if len(rule.columns) == 1:
        item = next(one for one in table.properties or () if one.name == rule.columns[0])
    if _as_limits(item, rule):
        return
    arguments: dict[str, Any] = {}
    if rule.pattern is not None:
        arguments["pattern"] = rule.pattern
    elif rule.values:
        arguments["missingValues" if rule.counted == "missing" else "validValues"] = list(rule.values)
    elif rule.counted == "duplicates" and len(rule.columns) > 1:
        arguments["properties"] = list(rule.columns)
    values = [int(v) if v % 1 == 0 else v for v in rule.bound.values]
    written = {
        "type": "sql" if rule.counted == "sql" else "library",
        "metric": _METRICS.get(rule.counted),
        "query": rule.query or None,
        "arguments": arguments or None,
        rule.bound.operator: values if len(values) > 1 else values[0],
        "unit": "percent" if rule.bound.unit == "percent" else None,
        "name": rule.name or None,
        "severity": None if rule.blocking else "warning",
        "scheduler": "cron" if rule.schedule else None,
        "schedule": rule.schedule or None,
    }
    item.quality = [*(item.quality or ()), DataQuality.model_validate(written)]


def _as_limits(item: Any, rule: Rule) -> bool:
    """Write a range where the standard has it, among the options of the type. That allows no exception."""
    limits = {name: value for ours, name in _LIMITS if (value := getattr(rule, ours)) is not None}
    if rule.counted != "invalid" or not limits or not isinstance(item, SchemaProperty):
        return False
    item.logicalTypeOptions = {**(item.logicalTypeOptions or {}), **limits}
    return True


def _level(word: str, age: Freshness) -> ServiceLevelAgreementProperty:
    size, unit = next(((s, u) for s, u in _UNITS if not age.age % s), _UNITS[-1])
    value = age.age / size
    return ServiceLevelAgreementProperty(
        property=word, value=int(value) if value % 1 == 0 else value, unit=unit, element=age.column
    )
