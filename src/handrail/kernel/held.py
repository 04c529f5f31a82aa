"""Work that one process holds at a time: who has lost it to another writes nothing for it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import sqlalchemy as sa


class Lost(Exception):
    """Somebody else does this work now, or nobody. No refusal: nobody asked, and the trail is not told."""


class Lease(Protocol):
    """A piece of work as its holder knows it: by a number that the next holder has a higher one than."""

    def hold(self, db: sa.Connection) -> None:
        """Raise Lost unless this is still the holder's; and let it be nobody else's until `db` commits."""
