"""Lineage told to others: what runs, imports and reconciliations read and made, as OpenLineage events."""

from handrail.kernel.events import Subscription
from handrail.openlineage import store as store

subscriptions: tuple[Subscription, ...] = ()
