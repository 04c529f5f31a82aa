"""What a contract says of its twin: that the table is kept verbatim, or a `k` of its own."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_K = 10  # fewer than that many are never told of, whatever anybody says
VERBATIM = "verbatim"


@dataclass(frozen=True)
class TwinTerms:
    """How a twin of the dataset is made: its rows as they are, or from what at least `k` share.

    `k` None is that of the settings, which is never undercut.
    """

    verbatim: bool = False
    k: int | None = None

    @property
    def words(self) -> str:
        """The terms as a contract's page tells them; "" where they are the usual ones."""
        if self.verbatim:
            return "a copy of its real rows"
        return f"made from what {self.k} or more share" if self.k else ""

    @property
    def written(self) -> str | dict[str, int] | None:
        """The value of the custom property."""
        return VERBATIM if self.verbatim else {"k": self.k} if self.k else None
