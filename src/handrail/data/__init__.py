"""Certified datasets, and the only way to query them.

Stewards import sources, complete and certify contracts; everybody else's questions pass the governed query.
"""

from handrail.data.answer import Answer
from handrail.data.budgets import my_budgets
from handrail.data.catalog import contract, dataset, datasets, purposes, unreadable
from handrail.data.certify import certify, extract_path, revoke, timeline
from handrail.data.certify_metric import certify_metric
from handrail.data.check_quality import check_quality, quality_history
from handrail.data.compare_contracts import Change, compare_contracts
from handrail.data.drift import Drift, Rename
from handrail.data.events import (
    CertificationEnded,
    DataRefreshed,
    DatasetCertified,
    MetricCertified,
    MetricMissed,
    QualityBroken,
    SchemaChanged,
)
from handrail.data.import_source import import_source
from handrail.data.measured import Difference, MetricCertification, Reconciliation
from handrail.data.metrics import broken_models, metric, metrics, reconciliations
from handrail.data.models import (
    BudgetUse,
    Certification,
    Changes,
    Column,
    Contract,
    Dataset,
    ImportReport,
    Mask,
    Metric,
    MetricRequest,
    Note,
    Proposal,
    Rendition,
    Request,
    RowFilter,
    Sighting,
)
from handrail.data.promises import Freshness, QualityCheck, Result, Rule
from handrail.data.propose import propose
from handrail.data.query import observed_reads, query
from handrail.data.reconcile import reconcile
from handrail.data.renditions import rendition, sample, set_rendition
from handrail.data.renew import renew
from handrail.data.see_as import Preview, preview
from handrail.data.touched import Comparison, Touched, contract_changes
from handrail.data.who_saw import who_saw

__all__ = [
    "Answer",
    "BudgetUse",
    "Certification",
    "CertificationEnded",
    "Change",
    "Changes",
    "Column",
    "Comparison",
    "Contract",
    "DataRefreshed",
    "Dataset",
    "DatasetCertified",
    "Difference",
    "Drift",
    "Freshness",
    "ImportReport",
    "Mask",
    "Metric",
    "MetricCertification",
    "MetricCertified",
    "MetricMissed",
    "MetricRequest",
    "Note",
    "Preview",
    "Proposal",
    "QualityBroken",
    "QualityCheck",
    "Reconciliation",
    "Rename",
    "Rendition",
    "Request",
    "Result",
    "RowFilter",
    "Rule",
    "SchemaChanged",
    "Sighting",
    "Touched",
    "broken_models",
    "certify",
    "check_quality",
    "certify_metric",
    "compare_contracts",
    "contract",
    "contract_changes",
    "dataset",
    "datasets",
    "extract_path",
    "import_source",
    "metric",
    "metrics",
    "my_budgets",
    "observed_reads",
    "preview",
    "propose",
    "purposes",
    "quality_history",
    "query",
    "reconcile",
    "reconciliations",
    "rendition",
    "renew",
    "revoke",
    "sample",
    "set_rendition",
    "timeline",
    "unreadable",
    "who_saw",
]
