"""The kernel: what every room stands on, and nothing about any of them.

Context, refusals, people, access by rules, the audit trail, events, storage, definitions and the ports.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.kernel import access, audit, definitions, identity, storage, trail
    from handrail.kernel.access import Decision, Resource
    from handrail.kernel.context import Context, Instance
    from handrail.kernel.errors import (
        Conflict,
        Invalid,
        LimitReached,
        NotAllowed,
        NotFound,
        NotReady,
        Refusal,
        Upstream,
    )
    from handrail.kernel.manifest import Manifest
    from handrail.kernel.people import ROLES, SYSTEM, Caller, Environment, Person, RunRef, Via
    from handrail.kernel.schedule import Schedule

__all__ = [
    "ROLES",
    "SYSTEM",
    "Caller",
    "Conflict",
    "Context",
    "Decision",
    "Environment",
    "Instance",
    "Invalid",
    "LimitReached",
    "Manifest",
    "NotAllowed",
    "NotFound",
    "NotReady",
    "Person",
    "Refusal",
    "Resource",
    "RunRef",
    "Schedule",
    "Upstream",
    "Via",
    "access",
    "audit",
    "definitions",
    "identity",
    "storage",
    "trail",
]

open_when_asked(__name__)
