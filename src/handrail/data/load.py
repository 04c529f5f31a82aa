"""Load a contract file strictly: what is not understood is refused, never ignored."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    Relationship,
    SchemaObject,
    SchemaProperty,
    Server,
    Team,
    TeamMember,
)

from handrail.data.load_quality import load_age, load_quality
from handrail.data.load_twin import load_twin
from handrail.data.masks import misfit, misplaced
from handrail.data.models import Classification, Column, CombinedLink, Contract, Mask, MaskKind, RowFilter
from handrail.data.odcs import AGES, RETENTION
from handrail.data.relationships import read_relationships, read_target
from handrail.kernel import definitions
from handrail.kernel.strict_yaml import File, validate

_CONTRACT_PROPERTIES = (
    "purposes",
    "rowFilters",
    "entityKey",
    "subject",
    "budget",
    "appBudget",
    "expires",
    "rows",
    "referenceTables",
    "twin",
)
_SERVER_PROPERTIES = ("engine",)
_MASK_KEYS = ("kind", "unlessGroups", "width", "to", "least", "by")
_COLUMN_PROPERTIES = ("semantic", "mask")
_CLASSES: Mapping[str, Classification | None] = {
    "personal": "personal",
    "sensitive": "sensitive",
    "confidential": "sensitive",
    "restricted": "sensitive",
    "public": None,
    "internal": None,
}


def parse(content: bytes, file: str) -> OpenDataContractStandard:
    """The standard's document; refuses unknown keys and wrong types with their line."""
    return validate(content, file, OpenDataContractStandard)[1]


def load(content: bytes, file: str) -> Contract:
    """The contract that a file states.

    Refuses, with file, line and key: unknown keys and custom properties, another standard, more or fewer
    than one table, a name that is not the file's, repeated columns, unknown classes and masks, and links
    whose columns are not there or do not fit each other.
    """
    node, document = validate(content, file, OpenDataContractStandard)
    where = File(file, node)
    if document.kind != "DataContract" or not (document.apiVersion or "").startswith("v3."):
        raise where.wrong("it must say “kind: DataContract” and “apiVersion: v3.2.0”", "apiVersion")
    name = document.name or ""
    if f"/{file}".rpartition("/")[2] != f"{name}.odcs.yaml":
        raise where.wrong(f"the name “{name}” is not the name of the file", "name")
    if len(document.schema_ or ()) != 1:
        raise where.wrong("a contract describes exactly one table under “schema”", "schema")
    table = (document.schema_ or [])[0]
    if not table.properties:
        raise where.wrong("the table has no columns under “properties”", "schema", 0)
    values = _custom(where, document.customProperties, _CONTRACT_PROPERTIES, "customProperties")
    columns = tuple(_column(where, item, place) for place, item in enumerate(table.properties))
    _refuse_repeated(where, columns)
    columns, combined = _relationships(where, table, name, columns)
    entity_key = _entity_key(where, _text(where, values, "entityKey"), columns)
    for column, problem in misplaced(columns, entity_key):
        raise where.wrong(f"{column.name}: {problem}", "schema", 0, "properties", columns.index(column))
    looks_up = _texts(where, values, "referenceTables")
    return Contract(
        name=name,
        version=document.version or "1.0.0",
        digest=definitions.digest(content),
        description=(document.description.purpose or "") if document.description else "",
        owner=_member(document.team, "owner"),
        deputy=_member(document.team, "deputy"),
        purposes=_texts(where, values, "purposes"),
        readers=tuple(r.role for r in document.roles or () if r.role and r.access in (None, "read")),
        columns=columns,
        row_filters=_row_filters(where, values.get("rowFilters")),
        entity_key=entity_key,
        subject=_text(where, values, "subject"),
        expires=_expires(where, values.get("expires")),
        source=(document.servers[0].server or "") if document.servers else "",
        physical_name=table.physicalName or table.name or name,
        rows=_count(where, values, "rows"),
        budget=_count(where, values, "budget"),
        app_budget=_count(where, values, "appBudget"),
        quality=load_quality(where, document, looks_up),
        freshness=load_age(where, document, AGES),
        retention=load_age(where, document, RETENTION),
        domain=document.domain,
        looks_up=looks_up,
        combined=combined,
        twin=load_twin(where, values, columns),
        **_server(where, document.servers or ()),
    )


def _server(where: File, servers: Sequence[Server]) -> dict[str, Any]:
    """The engine that answers at the source, when the first server names one, and where that source is."""
    if not servers:
        return {}
    first, path = servers[0], ("servers", 0)
    values = _custom(where, first.customProperties, _SERVER_PROPERTIES, *path, "customProperties")
    port = f":{first.port}" if first.port else ""
    server = f"{first.host}{port}/{first.database or ''}" if first.host else ""
    return {"engine": _text(where, values, "engine", *path), "server": server}


def _custom(
    where: File, items: Sequence[CustomProperty] | None, known: Sequence[str], *path: str | int
) -> dict[str, Any]:
    """Our custom properties by name; another tool's (with a `vendor`) are left alone, a typo is refused."""
    values: dict[str, Any] = {}
    for place, item in enumerate(items or ()):
        if item.vendor:
            continue
        if item.property is None or item.property not in known:
            raise where.unknown(item.property or "", known, *path, place, "property")
        if item.property in values:
            raise where.wrong(f"the custom property “{item.property}” is given twice", *path, place)
        values[item.property] = item.value
    return values


def _column(where: File, item: SchemaProperty, place: int) -> Column:
    path = ("schema", 0, "properties", place)
    if not item.name or not item.physicalType:
        raise where.wrong("a column needs a “name” and a “physicalType”", *path)
    if item.classification is not None and item.classification not in _CLASSES:
        raise where.unknown(item.classification, tuple(_CLASSES), *path, "classification")
    values = _custom(where, item.customProperties, _COLUMN_PROPERTIES, *path, "customProperties")
    return Column(
        name=item.name,
        type=item.physicalType,
        required=bool(item.required),
        unique=bool(item.unique),
        primary_key=bool(item.primaryKey),
        classification=_CLASSES[item.classification] if item.classification else None,
        semantic=_text(where, values, "semantic", *path),
        mask=_mask(where, values.get("mask"), item.physicalType, *path, "customProperties", "mask", "value"),
        references=_references(where, next(iter(item.relationships or ()), None), *path, "relationships"),
        description=item.description or "",
    )


def _mask(where: File, value: Any, type_: str, *path: str | int) -> Mask | None:
    if value is None:
        return None
    kinds = get_args(MaskKind)
    if not isinstance(value, dict) or value.get("kind") not in kinds:
        raise where.wrong(f"a mask is written “kind:” with one of {', '.join(kinds)}", *path, "kind")
    for key in value:
        if key not in _MASK_KEYS:
            raise where.unknown(str(key), _MASK_KEYS, *path, str(key))
    width, to = value.get("width"), value.get("to")
    if width is not None and (isinstance(width, bool) or not isinstance(width, int | float)):
        raise where.wrong("“width” must be a number", *path, "width")
    if to not in (None, "month", "year"):
        raise where.unknown(str(to), ("month", "year"), *path, "to")
    least, by = value.get("least"), _list(where, value.get("by"), "by", *path)
    if least is not None and type(least) is not int:
        raise where.wrong("“least” must be a whole number", *path, "least")
    groups = _list(where, value.get("unlessGroups"), "unlessGroups", *path)
    mask = Mask(value["kind"], groups, width, to, least, by)
    if problem := misfit(mask, type_):
        raise where.wrong(problem, *path, "kind")
    return mask


def _row_filters(where: File, value: Any) -> tuple[RowFilter, ...]:
    if value is None:
        return ()
    path = ("customProperties", "rowFilters")
    if not isinstance(value, list):
        raise where.wrong("“rowFilters” must be a list of “sql” and “groups”", *path)
    rules = []
    for place, item in enumerate(value):
        here = (*path, "value", place)
        if not isinstance(item, dict) or not isinstance(item.get("sql"), str) or not item["sql"].strip():
            raise where.wrong("each row filter needs “sql”", *here)
        for key in item:
            if key not in ("sql", "groups"):
                raise where.unknown(str(key), ("sql", "groups"), *here, str(key))
        rules.append(RowFilter(item["sql"], _list(where, item.get("groups"), "groups", *here)))
    return tuple(rules)


def _references(where: File, item: Relationship | None, *path: str | int) -> tuple[str, str] | None:
    exact = _custom(where, item.customProperties, ("column",), *path) if item else {}
    return read_target(where, item, exact, *path)


def _relationships(
    where: File, table: SchemaObject, name: str, columns: tuple[Column, ...]
) -> tuple[tuple[Column, ...], tuple[CombinedLink, ...]]:
    path = ("schema", 0, "relationships")
    customs = [
        _custom(where, item.customProperties, ("columns", "targets"), *path, place, "customProperties")
        for place, item in enumerate(table.relationships or ())
    ]
    return read_relationships(where, table, name, columns, customs)


def _refuse_repeated(where: File, columns: Sequence[Column]) -> None:
    seen: set[str] = set()
    for place, column in enumerate(columns):
        if column.name.lower() in seen:
            raise where.wrong(f"the column “{column.name}” is there twice", "schema", 0, "properties", place)
        seen.add(column.name.lower())


def _entity_key(where: File, value: str | None, columns: Sequence[Column]) -> str | None:
    if value is not None and value not in [column.name for column in columns]:
        raise where.wrong(
            f"the entity key “{value}” is not one of the columns", "customProperties", "entityKey", "value"
        )
    return value


def _member(team: Team | list[TeamMember] | None, role: str) -> str | None:
    members = team.members if isinstance(team, Team) else team
    return next((member.username for member in members or () if member.role == role), None)


def _expires(where: File, value: Any) -> datetime.date | None:
    if value is None or (isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise where.wrong(
            "“expires” must be a date such as 2027-06-30", "customProperties", "expires", "value"
        ) from None


def _text(where: File, values: Mapping[str, Any], key: str, *path: str | int) -> str | None:
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise where.wrong(f"“{key}” must be a text", *path, "customProperties", key, "value")
    return value


def _count(where: File, values: Mapping[str, Any], key: str) -> int | None:
    value = values.get(key)
    if value is None or (type(value) is int and value >= 0):
        return value
    raise where.wrong(f"“{key}” must be a whole number", "customProperties", key, "value")


def _texts(where: File, values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return _list(where, values.get(key), key, "customProperties", key, "value")


def _list(where: File, value: Any, key: str, *path: str | int) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise where.wrong(f"“{key}” must be a list of texts", *path)
    return tuple(value)
