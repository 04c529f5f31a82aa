"""Facts that the review room publishes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReviewRequested:
    """A version waits for a person's yes."""

    app: str
    n: int
    commit: str
    by: str


@dataclass(frozen=True)
class ReviewDecided:
    """A person approved, refused or withdrew; `state` is what stands now (approved, refused, waiting)."""

    app: str
    n: int
    commit: str
    decision: str
    state: str
    by: str
    reason: str
