"""Certified datasets, and the only way to query them.

Stewards import sources, complete and certify contracts; everybody else's questions pass the governed query.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.data.answer import Answer
    from handrail.data.browse import Found, Wanted, browse, unreadable
    from handrail.data.carried import Carried, carried, count_again
    from handrail.data.catalog import contract, dataset, datasets, purposes
    from handrail.data.certify import certify, extract_path, revoke, timeline
    from handrail.data.certify_metric import certify_metric
    from handrail.data.changes import Changes
    from handrail.data.check_quality import check_quality, quality_history
    from handrail.data.columns_read import columns_read
    from handrail.data.compare_contracts import Change, compare_contracts
    from handrail.data.drift import Drift, Rename
    from handrail.data.events import (
        CertificationEnded,
        DataRefreshed,
        DatasetCertified,
        MetricCertified,
        MetricMissed,
        MetricReconciled,
        QualityBroken,
        QualityChecked,
        QualityMended,
        SchemaChanged,
        SourceImported,
        WorkFailed,
    )
    from handrail.data.formats import ABOUT, described
    from handrail.data.import_source import import_source
    from handrail.data.lineage import lineage
    from handrail.data.lineage_models import Edge, Lineage, Node, Output, Question
    from handrail.data.load_twin import why_not_verbatim
    from handrail.data.masked_columns import masked_columns
    from handrail.data.measured import Difference, MetricCertification, Reconciliation
    from handrail.data.metrics import broken_models, metric, metrics, reconciliations
    from handrail.data.models import (
        Certification,
        Column,
        CombinedLink,
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
    )
    from handrail.data.notices import dismiss, mend, notices, subscriptions, tell_keepers
    from handrail.data.notices_store import Notice
    from handrail.data.personal import looks_personal
    from handrail.data.persons import kind_of_person
    from handrail.data.places import forget_copies
    from handrail.data.promises import Freshness, QualityCheck, Result, Rule
    from handrail.data.propose import propose
    from handrail.data.query import observed_reads, query
    from handrail.data.questions import ask_first, forget_questions, questions
    from handrail.data.reconcile import reconcile
    from handrail.data.renditions import rendition, renditions, set_rendition
    from handrail.data.renew import renew
    from handrail.data.retained import forget_carried, read_by, retentions
    from handrail.data.sample import sample
    from handrail.data.scheduled import Supervisor, check_what_is_due
    from handrail.data.see_as import Preview, preview
    from handrail.data.seen import BudgetUse, ColumnRead, Sighting, Used
    from handrail.data.stated import Stated, StatedMetric, stated, stated_metric
    from handrail.data.survey import survey
    from handrail.data.tile_questions import TileQuestion, tile_questions
    from handrail.data.touched import Comparison, Touched, contract_changes
    from handrail.data.try_promises import try_promises
    from handrail.data.twin_terms import LEAST_K
    from handrail.data.use_of_budgets import everybodys_budgets, my_budgets
    from handrail.data.who_saw import who_saw

__all__ = [
    "ABOUT",
    "Answer",
    "BudgetUse",
    "Carried",
    "Certification",
    "CertificationEnded",
    "Change",
    "Changes",
    "Column",
    "CombinedLink",
    "ColumnRead",
    "Comparison",
    "Contract",
    "DataRefreshed",
    "Dataset",
    "DatasetCertified",
    "Difference",
    "Drift",
    "Edge",
    "Found",
    "Freshness",
    "ImportReport",
    "LEAST_K",
    "Lineage",
    "Mask",
    "Metric",
    "MetricCertification",
    "MetricCertified",
    "MetricMissed",
    "MetricReconciled",
    "MetricRequest",
    "Node",
    "Note",
    "Notice",
    "Output",
    "Preview",
    "Proposal",
    "QualityBroken",
    "QualityCheck",
    "QualityChecked",
    "QualityMended",
    "Question",
    "Reconciliation",
    "Rename",
    "Rendition",
    "Request",
    "Result",
    "RowFilter",
    "Rule",
    "SchemaChanged",
    "Sighting",
    "SourceImported",
    "WorkFailed",
    "Stated",
    "StatedMetric",
    "Supervisor",
    "TileQuestion",
    "Touched",
    "Used",
    "Wanted",
    "ask_first",
    "broken_models",
    "browse",
    "carried",
    "certify",
    "check_what_is_due",
    "check_quality",
    "certify_metric",
    "compare_contracts",
    "contract",
    "contract_changes",
    "count_again",
    "dataset",
    "datasets",
    "described",
    "dismiss",
    "extract_path",
    "forget_copies",
    "forget_carried",
    "forget_questions",
    "import_source",
    "kind_of_person",
    "lineage",
    "looks_personal",
    "masked_columns",
    "mend",
    "metric",
    "metrics",
    "columns_read",
    "everybodys_budgets",
    "my_budgets",
    "notices",
    "observed_reads",
    "preview",
    "propose",
    "purposes",
    "quality_history",
    "query",
    "questions",
    "read_by",
    "reconcile",
    "reconciliations",
    "rendition",
    "renditions",
    "renew",
    "retentions",
    "revoke",
    "sample",
    "set_rendition",
    "stated",
    "stated_metric",
    "subscriptions",
    "survey",
    "tell_keepers",
    "tile_questions",
    "timeline",
    "try_promises",
    "unreadable",
    "who_saw",
    "why_not_verbatim",
]

open_when_asked(__name__)
