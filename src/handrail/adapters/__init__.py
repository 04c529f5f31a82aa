"""One folder a plug: what fills in the kernel's ports. The composition root alone comes in."""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.adapters.engines import Engines
    from handrail.adapters.isolation import Bubblewrap
    from handrail.adapters.isolation.kubernetes import Kubernetes

__all__ = ["Bubblewrap", "Engines", "Kubernetes"]

open_when_asked(__name__)
