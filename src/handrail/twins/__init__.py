"""Synthetic twins: renditions of certified datasets that behave like the original and show nobody.

Only a sketch of aggregates leaves production; the twin is generated from it alone and answers in the sandbox.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.twins.build import build
    from handrail.twins.cases import Case
    from handrail.twins.catalogue import BY_ID as cases
    from handrail.twins.events import TwinFailed, TwinPublished
    from handrail.twins.freeze import freeze, thaw
    from handrail.twins.history import build_asked, history
    from handrail.twins.life import Build, Chapter, Gate, Manifest, Pin, Refreshed, Source
    from handrail.twins.models import (
        Bar,
        Break,
        ColumnScore,
        HostileCell,
        LinkScore,
        PairScore,
        Privacy,
        TableReport,
        TwinRefused,
        TwinReport,
    )
    from handrail.twins.refresh import refresh_what_is_due, refreshed, set_rule, subscriptions
    from handrail.twins.report import going_on, related, report
    from handrail.twins.roll_back import roll_back
    from handrail.twins.start import cancel, start
    from handrail.twins.supervise import Supervisor
    from handrail.twins.undo import Awkward, awkward, undo
    from handrail.twins.variants import Keeper, breaks, chosen

__all__ = [
    "Awkward",
    "Bar",
    "Break",
    "Build",
    "Case",
    "Chapter",
    "ColumnScore",
    "Gate",
    "HostileCell",
    "Keeper",
    "LinkScore",
    "Manifest",
    "PairScore",
    "Pin",
    "Privacy",
    "Refreshed",
    "Source",
    "Supervisor",
    "TableReport",
    "TwinFailed",
    "TwinPublished",
    "TwinRefused",
    "TwinReport",
    "awkward",
    "breaks",
    "build",
    "build_asked",
    "cancel",
    "cases",
    "chosen",
    "freeze",
    "going_on",
    "history",
    "refresh_what_is_due",
    "refreshed",
    "related",
    "report",
    "roll_back",
    "set_rule",
    "start",
    "subscriptions",
    "thaw",
    "undo",
]

open_when_asked(__name__)
