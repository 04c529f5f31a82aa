"""Isolation drivers: how app code is kept from everything but its own door.

One driver so far, bubblewrap; the composition root plugs it in as `ports.isolation`.
"""

from handrail.adapters.isolation.bubblewrap import Bubblewrap

__all__ = ["Bubblewrap"]
