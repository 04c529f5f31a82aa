"""Synthetic twins: renditions of certified datasets that behave like the original and show nobody.

Only a sketch of aggregates leaves production; the twin is generated from it alone and answers in the sandbox.
"""

from handrail.twins.build import build
from handrail.twins.events import TwinPublished
from handrail.twins.models import (
    Bar,
    Build,
    ColumnScore,
    HostileCell,
    LinkScore,
    PairScore,
    Privacy,
    TableReport,
    TwinRefused,
    TwinReport,
)
from handrail.twins.report import going_on, related, report
from handrail.twins.start import build_asked, start
from handrail.twins.supervise import Supervisor

__all__ = [
    "Bar",
    "Build",
    "ColumnScore",
    "HostileCell",
    "LinkScore",
    "PairScore",
    "Privacy",
    "Supervisor",
    "TableReport",
    "TwinPublished",
    "TwinRefused",
    "TwinReport",
    "build",
    "build_asked",
    "going_on",
    "related",
    "report",
    "start",
]
