"""Reads a stored report back into its nouns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handrail.twins.models import (
    Attack,
    Bar,
    Break,
    ColumnScore,
    LinkScore,
    PairScore,
    Privacy,
    TableReport,
    TwinReport,
)
from handrail.twins.rules import RuleScore
from handrail.twins.tiles import Agreement, Tile


def report_from(plain: Mapping[str, Any]) -> TwinReport:
    """The report that was stored as JSON."""
    return TwinReport(
        **dict(plain)
        | {
            "built_at": datetime.fromisoformat(plain["built_at"]),
            "tables": tuple(_table(table) for table in plain["tables"]),
            "agreements": tuple(_agreement(one) for one in plain.get("agreements", ())),
            "breaks": tuple(Break(**one) for one in plain.get("breaks", ())),
            "left_out": tuple(plain.get("left_out", ())),
            "withheld": tuple((table, column) for table, column in plain.get("withheld", ())),
        }
    )


def _table(plain: Mapping[str, Any]) -> TableReport:
    return TableReport(
        **dict(plain)
        | {
            "columns": tuple(_column(column) for column in plain["columns"]),
            "pairs": tuple(PairScore(**pair) for pair in plain["pairs"]),
            "links": tuple(LinkScore(**link) for link in plain["links"]),
            "privacy": _privacy(plain["privacy"]),
            "attack": _attack(plain["attack"]) if plain.get("attack") else None,
            "hostile": tuple((case, cells) for case, cells in plain["hostile"]),
            "simplifications": tuple(plain["simplifications"]),
            "rules": tuple(RuleScore(**rule) for rule in plain.get("rules", ())),
        }
    )


def _privacy(plain: Mapping[str, Any]) -> Privacy:
    reused = tuple(tuple(one) for one in plain.get("reused", ()))
    return Privacy(**dict(plain) | {"compared": tuple(plain["compared"]), "reused": reused})


def _attack(plain: Mapping[str, Any]) -> Attack:
    return Attack(**dict(plain) | {"distances": tuple(tuple(one) for one in plain.get("distances", ()))})


def _agreement(plain: Mapping[str, Any]) -> Agreement:
    return Agreement(**dict(plain) | {"tiles": tuple(Tile(**tile) for tile in plain["tiles"])})


def _column(plain: Mapping[str, Any]) -> ColumnScore:
    return ColumnScore(**dict(plain) | {"bars": tuple(Bar(**bar) for bar in plain["bars"])})
