"""Lineage told to others as OpenLineage events: what runs, imports, checks and reconciliations read and made.

Events are left in an outbox by the transaction that they are about, and delivered by a supervisor.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.openlineage.deliver import Supervisor, deliver
    from handrail.openlineage.deliveries import deliveries, retry
    from handrail.openlineage.listen import subscriptions
    from handrail.openlineage.models import Deliveries
    from handrail.openlineage.receivers import Receiver, Unacceptable, Unreachable, receiver

__all__ = [
    "Deliveries",
    "Receiver",
    "Supervisor",
    "Unacceptable",
    "Unreachable",
    "deliver",
    "deliveries",
    "receiver",
    "retry",
    "subscriptions",
]

open_when_asked(__name__)
