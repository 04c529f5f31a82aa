"""What happens in the data room that other rooms may want to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class DatasetCertified:
    """A second steward said yes to exactly this contract."""

    dataset: str
    digest: str
    until: date


@dataclass(frozen=True)
class CertificationEnded:
    """A certification was revoked, or its contract was replaced; production no longer answers from it."""

    dataset: str
    because: str


@dataclass(frozen=True)
class SchemaChanged:
    """An import found another shape of the data than the contract states."""

    dataset: str
    differences: tuple[str, ...]
    lost: tuple[str, ...] = ()  # columns that were renamed, dropped or retyped, by their old names
    apps: tuple[str, ...] = ()  # those that have read a lost column
    metrics: tuple[str, ...] = ()  # those that are defined on one


@dataclass(frozen=True)
class SourceImported:
    """A source was imported: these datasets have new extracts."""

    source: str
    datasets: tuple[str, ...]


@dataclass(frozen=True)
class WorkFailed:
    """An import of a source, a check of a dataset or a reconciliation of a metric was begun and refused.

    `because` is the refusal's code, or `broken`: its words may quote what it was about.
    """

    work: Literal["import", "check", "reconcile"]
    of: str
    because: str


@dataclass(frozen=True)
class DataRefreshed:
    """A dataset has a newer extract with the shape that its contract states."""

    dataset: str


@dataclass(frozen=True)
class MetricCertified:
    """A second steward said yes to exactly this version of a metric, which ties to its control totals."""

    metric: str
    digest: str


@dataclass(frozen=True)
class MetricMissed:
    """A version of a metric was recomputed and missed its control totals; its badge is gone."""

    metric: str
    digest: str
    worst: float


@dataclass(frozen=True)
class MetricReconciled:
    """A version of a metric was held against its control totals, and tied to them or not."""

    metric: str
    digest: str
    within: bool


@dataclass(frozen=True)
class QualityChecked:
    """A dataset was held against its contract; what came of each promise is in its history."""

    dataset: str
    check: str


@dataclass(frozen=True)
class QualityBroken:
    """A check found promises of a contract that the data does not keep, each in words.

    `since`: the check before found exactly these broken too.
    """

    dataset: str
    promises: tuple[str, ...]
    check: str = field(default="", compare=False)
    since: bool = False


@dataclass(frozen=True)
class QualityMended:
    """A dataset keeps its promises again, after a check that found some broken."""

    dataset: str
