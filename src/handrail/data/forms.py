"""What the data pages send and show: reading the contract form, telling a history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from fastapi import Request, UploadFile
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as Upload

from handrail.data.models import Certification, Contract, Proposal

_SHOWN = 80  # characters
_SHOWN_ROWS = 8
_RULE_KEYS = ("rule", "column", "value", "allowed", "hint", "schedule", "name")
_RULE_PARTS = tuple(f"_{key}" for key in _RULE_KEYS[1:])


def changes(sent: FormData, contract: Contract) -> dict[str, Any]:
    """The contract form as changes; a column that the form did not show stays as it is."""
    rules = []
    for sql, groups in zip(sent.getlist("filter_sql"), sent.getlist("filter_groups"), strict=False):
        if str(sql).strip():
            rules.append({"sql": str(sql).strip(), "groups": _listed(str(groups))})
    masks: dict[str, Any] = {}
    classes: dict[str, str] = {}
    for column in contract.columns:
        if f"mask:{column.name}" in sent:
            except_for = _listed(str(sent.get(f"groups:{column.name}", "")))
            kind = str(sent[f"mask:{column.name}"])
            if kind in ("bucket", "aggregate"):
                kind = f"{kind}({str(sent.get(f'width:{column.name}', '')).strip()})"
            masks[column.name] = {"kind": kind, "unless_groups": except_for}
        if f"class:{column.name}" in sent:
            classes[column.name] = str(sent[f"class:{column.name}"])
    simple = ("owner", "deputy", "description", "entity_key", "subject", "domain", "freshness", "retention")
    return {
        **{key: str(sent[key]).strip() for key in simple if key in sent},
        "purposes": [str(value) for value in sent.getlist("purposes")],
        "readers": _listed(str(sent.get("readers", ""))),
        "row_filters": rules,
        "masks": masks,
        "classifications": classes,
        **_promised(sent, contract),
        "budget": str(sent.get("budget", "")).strip() or None,
        "app_budget": str(sent.get("app_budget", "")).strip() or None,
        "expires": str(sent.get("expires", "")) or None,
    }


def _promised(sent: FormData, contract: Contract) -> dict[str, Any]:
    """The promises of the form; those that it did not show stay as they are."""
    shown = [column.name for column in contract.columns if f"points:{column.name}" in sent]
    found: dict[str, Any] = {
        "required": {name: f"required:{name}" in sent for name in shown},
        "unique": {name: f"unique:{name}" in sent for name in shown},
        "references": {name: str(sent[f"points:{name}"]).strip() for name in shown},
        "combined": _links(str(sent["combined"])) if "combined" in sent else None,
        "looks_up": _listed(str(sent["looks_up"])) if "looks_up" in sent else None,
    }
    if "rule" in sent:
        rows = zip(*(map(str, sent.getlist(f"rule{part}")) for part in ("", *_RULE_PARTS)), strict=False)
        found["quality"] = [dict(zip(_RULE_KEYS, row, strict=False)) for row in rows if row[0]]
    return found


async def uploads(request: Request) -> list[UploadFile]:
    """The files of a form; an empty file field counts as none."""
    sent = await request.form(max_files=1000)
    return [item for item in sent.getlist("files") if isinstance(item, Upload)]  # type: ignore[misc]


def events(proposals: Sequence[Proposal], certifications: Sequence[Certification]) -> list[dict[str, Any]]:
    """Proposals, certifications and revocations as items of a timeline, newest first."""
    items: list[dict[str, Any]] = [
        {"title": "Proposed", "when": proposal.at, "by": proposal.by, "icon": "pencil", "tone": "info"}
        for proposal in proposals
    ]
    for one in certifications:
        until = f"Until {one.until}, for exactly the content {one.digest[7:19]}."
        items.append(
            {
                "title": "Certified",
                "when": one.at,
                "by": one.by,
                "body": until,
                "icon": "badge-check",
                "tone": "good",
            }
        )
        if one.revoked_at:
            items.append(
                {
                    "title": "Revoked",
                    "when": one.revoked_at,
                    "by": one.revoked_by,
                    "body": one.reason,
                    "icon": "octagon-x",
                    "tone": "bad",
                }
            )
    return sorted(items, key=lambda item: item["when"], reverse=True)


def shown_rows(table: pa.Table) -> list[list[str]]:
    """Rows as short texts, for a table on a page; binary values only by their size."""
    return [[_shown(value) for value in row.values()] for row in table.slice(0, _SHOWN_ROWS).to_pylist()]


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = str(value).removesuffix(" 00:00:00")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _links(text: str) -> list[str]:
    """One link of several columns a line."""
    return [line for line in text.splitlines() if line.strip()]


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
