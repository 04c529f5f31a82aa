"""Which host something belongs to, so that all who know the same hosts agree without asking each other.

Rendezvous hashing, or highest random weight (Thaler and Ravishankar, 1998): a host that is added takes only
what is its own from now on, and what a host had that is gone is spread over all others.
"""

import hashlib
from collections.abc import Collection


def order(key: str, hosts: Collection[str]) -> tuple[str, ...]:
    """The hosts in the order in which they come into question for `key`; the same wherever it is asked."""
    return tuple(sorted(set(hosts), key=lambda host: (_weight(key, host), host), reverse=True))


def _weight(key: str, host: str) -> bytes:
    # Lengths keep ("ab", "c") and ("a", "bc") apart, whatever characters names may have one day.
    return hashlib.sha256(f"{len(host)}:{host}{key}".encode()).digest()
