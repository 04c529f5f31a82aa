"""What a command line says of a contract, as changes of it."""

from __future__ import annotations

from typing import Any

import click


def changes_said(
    purposes: tuple[str, ...],
    readers: tuple[str, ...],
    filters: tuple[str, ...],
    group_filters: tuple[tuple[str, str], ...],
    masks: tuple[str, ...],
    classes: tuple[str, ...],
    looks_up: tuple[str, ...],
    points_at: tuple[str, ...],
    points_together: tuple[str, ...],
    **simple: Any,
) -> dict[str, Any]:
    """The options of `handrail propose` as changes; refuses what is not written COLUMN=VALUE."""
    rules = [{"sql": sql, "groups": [group]} for group, sql in group_filters] + [
        {"sql": sql} for sql in filters
    ]
    return {
        **simple,
        **{key: {c: _yes(v) for c, v in map(_pair, simple[key])} for key in ("required", "unique")},
        "references": dict(map(_pair, points_at)),
        "combined": [one for one in points_together if one != "none"] if points_together else None,
        "looks_up": looks_up or None,
        "purposes": purposes or None,
        "readers": readers or None,
        "row_filters": rules or None,
        "masks": {column: _mask(kind) for column, kind in map(_pair, masks)},
        "classifications": dict(map(_pair, classes)),
    }


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise click.UsageError(f"“{text}” must be yes or no.")
    return text == "yes"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise click.UsageError(f"“{text}” must be written COLUMN=VALUE.")
    return name, value


def _mask(text: str) -> dict[str, Any]:
    kind, _, groups = text.partition(":")
    return {"kind": kind, "unless_groups": [group for group in groups.split(",") if group]}
