"""Findings as text for people, as JSON, and as SARIF 2.1.0 for the tools that show such things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from handrail.review.check import grouped, summary
from handrail.review.models import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVEL = {"blocks": "error", "warns": "warning", "notes": "note"}
MARK = {"blocks": "✗", "warns": "!", "notes": "·"}
PLACES = 5  # shown for a group in text


def as_text(findings: Sequence[Finding], unchecked: Sequence[str] = ()) -> str:
    """The verdict first, then at most seven groups by cure, each with places and what to write instead."""
    groups, hidden = grouped(findings)
    lines = [summary(findings)]
    for group in groups:
        lines += ["", f"{MARK[group.severity]} {group.name}"]
        for finding in group.findings[:PLACES]:
            lines += [f"  {finding.file}:{finding.line}  {finding.title}", f"    {finding.because}"]
        if len(group.findings) > PLACES:
            lines.append(f"  … and {len(group.findings) - PLACES} more places")
        for fix in dict.fromkeys(finding.fix for finding in group.findings[:PLACES]):
            lines += [f"  → {line}" if at == 0 else f"    {line}" for at, line in enumerate(fix.splitlines())]
    if hidden:
        lines += ["", f"{hidden} more kinds are not shown; mend these first, or use --format json."]
    lines += [f"Not checked here: {one}" for one in unchecked]
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], unchecked: Sequence[str] = ()) -> dict[str, Any]:
    """Everything, with the verdict in a sentence and the groups by name."""
    groups, _ = grouped(findings)
    return {
        "verdict": summary(findings),
        "blocked": any(finding.severity == "blocks" for finding in findings),
        "groups": [
            {"name": one.name, "severity": one.severity, "findings": len(one.findings)} for one in groups
        ],
        "findings": [asdict(finding) for finding in findings],
        "unchecked": list(unchecked),
    }


def as_sarif(findings: Sequence[Finding], unchecked: Sequence[str] = ()) -> dict[str, Any]:
    """One SARIF run (OASIS SARIF 2.1.0): rules once, results by index, paths as relative URIs."""
    rules = {finding.rule: finding for finding in reversed(findings)}
    names = sorted(rules)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "handrail review",
                "version": version("handrail"),
                "rules": [
                    {
                        "id": name,
                        "shortDescription": {"text": rules[name].title},
                        "defaultConfiguration": {"level": LEVEL[rules[name].severity]},
                    }
                    for name in names
                ],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": one}} for one in unchecked
                ],
            }
        ],
        "results": [_result(finding, names.index(finding.rule)) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVEL[finding.severity],
        "message": {"text": f"{finding.because} {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file)},
                    "region": {"startLine": finding.line, "endLine": max(finding.line, finding.end_line)},
                }
            }
        ],
        "properties": {"group": finding.group},
    }
