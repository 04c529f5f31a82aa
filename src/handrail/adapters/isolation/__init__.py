"""Isolation drivers: how app code is kept from everything but its own door.

The composition root plugs one in as `ports.isolation`: bubblewrap, or Kubernetes
where `runtime.isolation` says so.
"""

from handrail.adapters.isolation.bubblewrap import Bubblewrap

__all__ = ["Bubblewrap"]
