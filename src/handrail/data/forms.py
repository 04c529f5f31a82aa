"""What the data pages send and show: reading the contract form, narrowing the catalog, telling a history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from fastapi import Request, UploadFile
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as Upload

from handrail.data.models import Certification, Contract, Dataset, Proposal

_SHOWN = 80  # characters
_SHOWN_ROWS = 8
_FACETS = ("state", "classification", "source")


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for in the catalog; empty means everything."""

    q: str = ""
    state: str = ""
    classification: str = ""
    source: str = ""

    def takes(self, one: Dataset) -> bool:
        """Whether a dataset fits: every word somewhere in its names, description or columns."""
        said = " ".join((one.name, one.contract.description, *(c.name for c in one.contract.columns))).lower()
        return all(word in said for word in self.q.lower().split()) and all(
            not getattr(self, facet) or getattr(self, facet) in _values(one, facet) for facet in _FACETS
        )

    def but(self, facet: str, value: str) -> dict[str, str]:
        """The address's parameters with this facet chosen, or let go when it is chosen already."""
        now = {"q": self.q, **{each: getattr(self, each) for each in _FACETS}}
        now[facet] = "" if now[facet] == value else value
        return {key: text for key, text in now.items() if text}


def facets(found: Sequence[Dataset], wanted: Wanted) -> list[tuple[str, list[tuple[str, int, bool]]]]:
    """For each facet its values, how many datasets have each, and whether it is chosen."""
    result = []
    for facet in _FACETS:
        counts = Counter(value for one in found for value in _values(one, facet))
        chosen = getattr(wanted, facet)
        result.append((facet, [(value, count, value == chosen) for value, count in sorted(counts.items())]))
    return [(facet, values) for facet, values in result if len(values) > 1]


def _values(one: Dataset, facet: str) -> set[str]:
    if facet == "state":
        return {one.state}
    if facet == "source":
        return {one.source}
    return {column.classification for column in one.contract.columns if column.classification} or {"none"}


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
            if kind == "bucket":
                kind = f"bucket({str(sent.get(f'width:{column.name}', '')).strip()})"
            masks[column.name] = {"kind": kind, "unless_groups": except_for}
        if f"class:{column.name}" in sent:
            classes[column.name] = str(sent[f"class:{column.name}"])
    simple = ("owner", "deputy", "description", "entity_key", "subject")
    return {
        **{key: str(sent[key]).strip() for key in simple if key in sent},
        "purposes": [str(value) for value in sent.getlist("purposes")],
        "readers": _listed(str(sent.get("readers", ""))),
        "row_filters": rules,
        "masks": masks,
        "classifications": classes,
        "budget": str(sent.get("budget", "")).strip() or None,
        "expires": str(sent.get("expires", "")) or None,
    }


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


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
