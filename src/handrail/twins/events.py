"""What the twins room tells the storeys above."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TwinPublished:
    """A new twin answers for the dataset in the sandbox."""

    dataset: str
    build: str


@dataclass(frozen=True)
class TwinFailed:
    """A build of the dataset's twin was begun and did not end well; the twin before it goes on answering.

    `because` is one word: a refusal's code, or what befell the build. `stopped`: somebody called it off.
    """

    dataset: str
    build: str
    because: str
    stopped: bool = False
