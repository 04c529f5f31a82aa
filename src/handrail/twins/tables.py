"""From a contract to the plain description that the sketch is taken by."""

from __future__ import annotations

from pathlib import Path

from handrail.data import Contract
from handrail.twins.models import Field, Table


def table_of(contract: Contract, extract: Path) -> Table:
    """One dataset as a table to make a twin of."""
    fields = tuple(
        Field(
            name=column.name,
            type=column.type,
            required=column.required,
            unique=column.unique,
            primary_key=column.primary_key,
            personal=column.classification == "personal",
            semantic=column.semantic,
            references=column.references,
        )
        for column in contract.columns
    )
    entity = contract.entity_key if contract.column(contract.entity_key or "") else None
    return Table(contract.name, fields, extract, entity)
