"""Certified datasets, and the only way to query them.

Stewards import sources, complete and certify contracts; everybody else's questions pass the governed query.
"""

from handrail.data.catalog import contract, dataset, datasets, purposes, unreadable
from handrail.data.certify import certify, extract_path, revoke, timeline
from handrail.data.events import CertificationEnded, DataRefreshed, DatasetCertified, SchemaChanged
from handrail.data.import_source import import_source
from handrail.data.models import (
    Certification,
    Changes,
    Column,
    Contract,
    Dataset,
    ImportReport,
    Mask,
    Note,
    Proposal,
    Rendition,
    RowFilter,
)
from handrail.data.propose import propose
from handrail.data.renditions import rendition, sample, set_rendition

__all__ = [
    "Certification",
    "CertificationEnded",
    "Changes",
    "Column",
    "Contract",
    "DataRefreshed",
    "Dataset",
    "DatasetCertified",
    "ImportReport",
    "Mask",
    "Note",
    "Proposal",
    "Rendition",
    "RowFilter",
    "SchemaChanged",
    "certify",
    "contract",
    "dataset",
    "datasets",
    "extract_path",
    "import_source",
    "propose",
    "purposes",
    "rendition",
    "revoke",
    "sample",
    "set_rendition",
    "timeline",
    "unreadable",
]
