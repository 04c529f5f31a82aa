"""Other systems that apps may call: defined by their owners, called by Handrail, and never by an app itself.

The credential is read here, sent from here, and seen by nobody; the sandbox answers without any network.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.connectors.approve import approval, approve_write, refuse_write
    from handrail.connectors.call import call
    from handrail.connectors.called import called, classes, forget_calls
    from handrail.connectors.find import (
        approvals,
        connector,
        connectors,
        observed,
        stated,
        unreadable,
        uses,
        waiting,
    )
    from handrail.connectors.models import (
        Allowed,
        Answered,
        Approval,
        Called,
        Class,
        Connector,
        Standing,
        Unreadable,
        Use,
        Wanted,
    )
    from handrail.connectors.record import Recording, record
    from handrail.connectors.save import definition, save_connector

__all__ = [
    "Allowed",
    "Answered",
    "Approval",
    "Called",
    "Class",
    "Connector",
    "Recording",
    "Standing",
    "Unreadable",
    "Use",
    "Wanted",
    "approval",
    "approvals",
    "approve_write",
    "call",
    "called",
    "classes",
    "connector",
    "connectors",
    "definition",
    "forget_calls",
    "observed",
    "record",
    "refuse_write",
    "save_connector",
    "stated",
    "unreadable",
    "uses",
    "waiting",
]

open_when_asked(__name__)
