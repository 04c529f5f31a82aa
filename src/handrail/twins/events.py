"""What the twins room tells the storeys above."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TwinPublished:
    """A new twin answers for the dataset in the sandbox."""

    dataset: str
    build: str
