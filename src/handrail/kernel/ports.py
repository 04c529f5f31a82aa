"""Everything outside: the protocols that adapters and higher storeys fill in, plugged only by `server.py`."""

from dataclasses import dataclass

__all__ = ["Ports"]


@dataclass(frozen=True)
class Ports:
    """The plugs of one instance."""
