"""Which awkward rows of its twins a run failed on: the nouns, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CauseState = Literal["waiting", "done", "failed"]


@dataclass(frozen=True)
class Cause:
    """One kind of awkward value in one column, with the rows of it that were shown to be enough.

    `rows` are keys, and `others` is how many more rows hold the same. `together` says which of several causes
    belong to one failure: it takes them all.
    """

    dataset: str
    column: str
    case: str
    what: str  # the case in words
    breaks: str  # what it usually breaks
    rows: tuple[str, ...]
    value: str
    others: int
    together: int
    says: str  # all of it in a sentence


@dataclass(frozen=True)
class Explained:
    """What is known of why a run failed; `tries` is how often it was repeated for that."""

    run: str
    state: CauseState
    says: str
    causes: tuple[Cause, ...] = ()
    tries: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will be found."""
        return self.state != "waiting"


def sentence(dataset: str, column: str, case: str, what: str, rows: Sequence[str], others: int) -> str:
    """A cause in words."""
    named = ", ".join(rows[:5]) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    more = f"; {others} more {'row has' if others == 1 else 'rows have'} the same" if others else ""
    return f"{dataset} {named}, {column}: {what} ({case}){more}."


def text(found: Explained) -> str:
    """All of it for a terminal."""
    return "\n".join([found.says, *(f"  {cause.says}" for cause in found.causes)])
