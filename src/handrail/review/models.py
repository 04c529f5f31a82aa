"""The nouns of the review room: what is looked at, what was found, and what a person decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from handrail.kernel import Manifest, Resource

Severity = Literal["blocks", "warns", "notes"]
Decided = Literal["approved", "refused"]
Standing = Literal["approved", "refused", "waiting"]

Judgement = Literal["fits", "undeclared", "unused", "unknown"]

RANK: Mapping[str, int] = {"blocks": 0, "warns": 1, "notes": 2}
SHOWN_GROUPS = 7  # a reviewer reads this many; the rest is counted, never hidden


@dataclass(frozen=True)
class Finding:
    """One thing that a person should act on: where, why, and what to write instead.

    `group` names the fix, so that ten lines with the same cure are one thing to do. No secret value ever
    stands in a finding.
    """

    rule: str
    severity: Severity
    title: str
    file: str
    line: int
    end_line: int
    because: str
    fix: str
    group: str


@dataclass(frozen=True)
class KnownData:
    """What exists outside the app, as far as its review must know it.

    `packages` are the import names of the approved layer; None when the layer is not known here, and then
    imports are not judged. `metrics` maps a metric to what its definition may read. Without a catalog
    `datasets` is empty, existence is not judged, and `declared` (what the manifest names) helps to read SQL.
    """

    datasets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    packages: frozenset[str] | None = None
    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classified: Mapping[str, str] = field(default_factory=dict)  # "dataset.column" -> personal or sensitive


Observed = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Group:
    """Findings with the same cure."""

    name: str
    severity: Severity
    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The finding that speaks for the group."""
        return self.findings[0]


@dataclass(frozen=True)
class AccessRow:
    """One column (or a whole dataset or metric, column '') as declared, statically seen and observed."""

    dataset: str
    column: str
    declared: bool
    seen: bool
    observed: bool
    judgement: Judgement
    classification: str = ""


@dataclass(frozen=True)
class Change:
    """A file before and after, as text with credentials blotted out; None where it is not there."""

    file: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Submission:
    """One version of an app, handed over by the apps room with everything a review needs, as values.

    `observed` is what the sandbox saw this version read, None when it never ran; `previous_files` is the
    version that is in production now, None for a first one. `packages` are the layer's import names.
    """

    app: str
    commit: str
    n: int
    tree: str
    manifest: Manifest
    layer: str
    files: Mapping[str, bytes]
    owner: str
    maker: str
    coowners: tuple[str, ...] = ()
    previous_files: Mapping[str, bytes] | None = None
    why: str = ""
    prompts: str = ""
    observed: Observed | None = None
    packages: frozenset[str] | None = None
    by_metrics: Observed = field(default_factory=dict)  # what the declared metrics read, dataset -> columns
    tier: str = "self-service"


@dataclass(frozen=True)
class Verdict:
    """What stands for exactly one commit, manifest and layer.

    `state` is waiting until enough different people approved (`needed`); `because` says what is missing.
    """

    state: Standing
    because: str
    next_step: str
    by: tuple[str, ...] = ()
    needed: int = 1
    reason: str = ""
    at: datetime | None = None

    @property
    def approved(self) -> bool:
        """Whether everybody needed has said yes."""
        return self.state == "approved"


@dataclass(frozen=True)
class Report:
    """The stored outcome of looking at one version; everything the review page shows."""

    app: str
    commit: str
    n: int
    tree: str
    manifest_digest: str
    layer: str
    purpose: str
    says: str
    owner: str
    maker: str
    coowners: tuple[str, ...]
    tier: str
    sensitive: bool
    why: str
    prompts: str
    findings: tuple[Finding, ...]
    access: tuple[AccessRow, ...]
    newly: tuple[str, ...]
    changes: tuple[Change, ...]
    unchecked: tuple[str, ...]
    examined_at: datetime
    requested_at: datetime | None = None
    requested_by: str = ""

    @property
    def blocked(self) -> bool:
        """Whether any finding stands in the way of production."""
        return any(finding.severity == "blocks" for finding in self.findings)

    @property
    def needed(self) -> int:
        """How many different people must say yes: two for sensitive data, else one."""
        return 2 if self.sensitive else 1

    @property
    def resource(self) -> Resource:
        """The review as access rules see it."""
        makers = frozenset({self.owner, self.maker, *self.coowners})
        return Resource("Review", f"{self.app}@{self.commit[:12]}", {"app": self.app, "makers": makers})


@dataclass(frozen=True)
class Waiting:
    """One line of the review queue."""

    report: Report
    verdict: Verdict

    @property
    def since(self) -> datetime:
        """When somebody asked."""
        return self.report.requested_at or self.report.examined_at
