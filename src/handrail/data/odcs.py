"""Contracts as files: the Open Data Contract Standard v3 (https://bitol-io.github.io/open-data-contract-standard).

What the standard has a field for stands there; purposes, row filters, masks, entity key, budget and expiry
are custom properties, because it has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    Description,
    OpenDataContractStandard,
    Role,
    SchemaObject,
    SchemaProperty,
    Server,
    ServiceLevelAgreementProperty,
    Team,
    TeamMember,
)

from handrail.data.models import Column, Contract, RowFilter
from handrail.data.promises import Rule
from handrail.data.relationships import write_relationships, write_target

AGES = ("latency", "freshness")  # the service levels that say how old data may be
RETENTION = ("retention",)  # and the one that says how long a row is kept
API_VERSION = "v3.2.0"
SUFFIX = ".odcs.yaml"
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_ORDER = (
    *("name", "physicalName", "logicalType", "logicalTypeOptions", "physicalType", "description", "required"),
    *("unique", "primaryKey", "primaryKeyPosition", "classification", "relationships", "quality"),
    "customProperties",
)
_LOGICAL = (
    (("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "integer"),
    (("DECIMAL", "DOUBLE", "FLOAT"), "number"),
    (("TIMESTAMP",), "timestamp"),
    (("TIME",), "time"),
    (("DATE",), "date"),
    (("BOOLEAN",), "boolean"),
)


def path_of(dataset: str) -> str:
    """Where a dataset's contract lies among the definitions."""
    return f"contracts/{dataset}{SUFFIX}"


def render(document: OpenDataContractStandard, header: str = "") -> bytes:
    """The document as YAML text, after the comment lines that the file began with."""
    values = document.model_dump(exclude_none=True, by_alias=True)
    for table in values.get("schema", ()):
        table["properties"] = [_in_order(item) for item in table.pop("properties", ())]
    text = yaml.dump(values, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110)
    return (header + text).encode()


def _in_order(item: dict[str, Any]) -> dict[str, Any]:
    """A column's keys in the order that people read them."""
    return {
        key: item[key] for key in sorted(item, key=lambda key: _ORDER.index(key) if key in _ORDER else 99)
    }


def header_of(content: bytes) -> str:
    """The comment lines a file begins with; a rewritten file keeps them (other comments stay in git)."""
    lines = []
    for line in content.decode().splitlines(keepends=True):
        if not line.startswith("#"):
            break
        lines.append(line)
    return "".join(lines)


def document(
    contract: Contract, server: Server, kind: str, limitations: Sequence[str] = ()
) -> OpenDataContractStandard:
    """A new document for a drafted contract; `limitations` say what the drafter could not be sure of."""
    empty = OpenDataContractStandard(
        version=contract.version,
        kind="DataContract",
        apiVersion=API_VERSION,
        id=f"{contract.source}.{contract.name}",
        name=contract.name,
        status="draft",
        servers=[server],
        description=Description(limitations="\n".join(limitations) or None),
        schema=[SchemaObject(name=contract.name, physicalName=contract.physical_name, physicalType=kind)],
    )
    return update(empty, contract)


def update(document: OpenDataContractStandard, contract: Contract) -> OpenDataContractStandard:
    """The document with everything that `contract` says written into it, and all else as it was."""
    described = (document.description or Description()).model_copy(
        update={"purpose": contract.description or None}
    )
    schema = (document.schema_ or [SchemaObject(name=contract.name)])[0]
    known = {item.name: item for item in schema.properties or ()}
    keys = [column.name for column in contract.columns if column.primary_key]
    names = [column.name for column in contract.columns]
    properties = [_property(known.get(column.name), column, keys) for column in contract.columns]
    for item in properties:
        if item.name not in known:
            item.quality = [
                _accepted(r) for r in contract.quality if r.columns == (item.name,) and r.values
            ] or None
    return document.model_copy(
        update={
            "version": contract.version,
            "domain": contract.domain,
            "description": described if described.model_dump(exclude_none=True) else None,
            "schema_": [
                schema.model_copy(
                    update={
                        "logicalType": "object",
                        "properties": properties,
                        "relationships": write_relationships(
                            schema.relationships, contract.name, contract.combined
                        ),
                        "quality": _kept(schema, names),
                    }
                )
            ],
            "slaProperties": _levels(document, names),
            "team": _team(document.team, contract),
            "roles": _roles(document.roles, contract.readers),
            "customProperties": custom(
                document.customProperties,
                {
                    "purposes": list(contract.purposes),
                    "rowFilters": [_filter(rule) for rule in contract.row_filters],
                    "entityKey": contract.entity_key,
                    "subject": contract.subject,
                    "budget": contract.budget,
                    "appBudget": contract.app_budget,
                    "expires": contract.expires.isoformat() if contract.expires else None,
                    "rows": contract.rows,
                    "referenceTables": list(contract.looks_up),
                    "twin": contract.twin.written,
                },
            ),
        }
    )


def custom(
    existing: Sequence[CustomProperty] | None, values: Mapping[str, Any]
) -> list[CustomProperty] | None:
    """Custom properties with these values set; None and empty lists take a property away, others stay."""
    kept = [item for item in existing or () if item.property not in values]
    new = [
        CustomProperty(property=name, value=value)
        for name, value in values.items()
        if value not in (None, [])
    ]
    return [*new, *kept] or None


def logical_type(type_: str) -> str:
    """The standard's word for a DuckDB type."""
    return next((word for starts, word in _LOGICAL if type_.startswith(starts)), "string")


def _property(existing: SchemaProperty | None, column: Column, keys: Sequence[str]) -> SchemaProperty:
    options = {"format": "binary"} if column.type == "BLOB" else None
    mask = column.mask and {
        "kind": column.mask.kind,
        **({"width": _short(column.mask.width)} if column.mask.width else {}),
        **({"to": column.mask.to} if column.mask.to else {}),
        **({"least": column.mask.least} if column.mask.least else {}),
        **({"by": list(column.mask.by)} if column.mask.by else {}),
        **({"unlessGroups": list(column.mask.unless_groups)} if column.mask.unless_groups else {}),
    }
    base = existing or SchemaProperty(name=column.name, logicalTypeOptions=options)
    return base.model_copy(
        update={
            "logicalType": logical_type(column.type),
            "physicalType": column.type,
            "description": column.description or None,
            "required": column.required or None,
            "unique": column.unique or None,
            "primaryKey": column.primary_key or None,
            "primaryKeyPosition": keys.index(column.name) + 1 if column.primary_key else None,
            "classification": column.classification or _other_class(base),
            "relationships": write_target(base.relationships, column),
            "customProperties": custom(base.customProperties, {"semantic": column.semantic, "mask": mask}),
        }
    )


def _accepted(rule: Rule) -> DataQuality:
    """A drafted rule in the standard's words: the values that were seen."""
    written = {
        "type": "library",
        "metric": "invalidValues",
        "arguments": {"validValues": list(rule.values)},
        "mustBe": 0,
        "severity": None if rule.blocking else "warning",
    }
    return DataQuality.model_validate(written)


def _kept(schema: SchemaObject, names: Sequence[str]) -> list[DataQuality] | None:
    """The table's rules without those about columns that are gone, which no data could keep."""
    rules = schema.quality or ()
    return [rule for rule in rules if set((rule.arguments or {}).get("properties", ())) <= set(names)] or None


def _levels(
    document: OpenDataContractStandard, names: Sequence[str]
) -> list[ServiceLevelAgreementProperty] | None:
    """The service levels without an age that is measured by a column that is gone."""
    return [
        level
        for level in document.slaProperties or ()
        if level.property not in (*AGES, *RETENTION)
        or not level.element
        or level.element.removeprefix(f"{document.name}.") in names
    ] or None


def _short(number: float) -> float:
    """A whole number without its point."""
    return int(number) if number == int(number) else number


def _other_class(existing: SchemaProperty) -> str | None:
    """A class that means nothing to Handrail ("public") stays; one that does is taken away."""
    return existing.classification if existing.classification in ("public", "internal") else None


def _team(existing: Team | list[TeamMember] | None, contract: Contract) -> Team | list[TeamMember] | None:
    members = list(existing.members or () if isinstance(existing, Team) else existing or ())
    others = [member for member in members if member.role not in ("owner", "deputy")]
    wanted = (("owner", contract.owner), ("deputy", contract.deputy))
    named = [TeamMember(username=person, role=role) for role, person in wanted if person]
    everybody = [*named, *others]
    if isinstance(existing, Team):
        return existing.model_copy(update={"members": everybody or None})
    return Team(members=everybody) if everybody else None


def _roles(existing: Sequence[Role] | None, readers: Sequence[str]) -> list[Role] | None:
    known = {role.role: role for role in existing or ()}
    others = [role for role in existing or () if role.access not in (None, "read")]
    reading = [known.get(group) or Role(role=group, access="read") for group in readers]
    return [*reading, *others] or None


def _filter(rule: RowFilter) -> dict[str, Any]:
    return {"sql": rule.sql, **({"groups": list(rule.groups)} if rule.groups else {})}
