"""From a contract to the plain description that the sketch is taken by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from handrail.data import Contract, Rule
from handrail.twins.models import Field, Table

CERTIFIED = (
    "Its rows are the real ones: its contract says “twin: verbatim”, and two people certified that. No "
    "column of it is about a person, and every reader may see all of it."
)


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
            sensitive=column.classification == "sensitive" or column.mask is not None,
        )
        for column in contract.columns
    )
    never = {rule.columns[0] for rule in contract.quality if _never(rule, "nulls", "missing")}
    once = {rule.columns[0] for rule in contract.quality if _never(rule, "duplicates")}
    fields = tuple(
        replace(one, required=one.required or one.name in never, unique=one.unique or one.name in once)
        for one in fields
    )
    entity = contract.entity_key if contract.column(contract.entity_key or "") else None
    return Table(
        contract.name,
        fields,
        extract,
        entity,
        contract.quality,
        combined=contract.combined,
        k=contract.twin.k,
        verbatim=CERTIFIED if contract.twin.verbatim else "",
    )


def _never(rule: Rule, *counted: str) -> bool:
    """Whether a quality rule promises of one column that there is none of these."""
    return rule.counted in counted and len(rule.columns) == 1 and not rule.bound.holds(1, 1)
