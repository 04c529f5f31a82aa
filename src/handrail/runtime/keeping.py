"""How long each part of a run is kept, and why: facts in, moments and sentences out.

Days of the settings are the usual. What an app's manifest says, and the contracts of what the run read, may
only shorten them. A run that something needs keeps its outputs beyond the usual days, and never beyond what
manifest and contracts say, nor beyond its record. Only what a person holds is kept whatever else says.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

# What it handed over and printed, read and showed; the content of its files; that it was there at all.
Part = Literal["outputs", "inputs", "record"]
PARTS: tuple[Part, ...] = ("outputs", "inputs", "record")


@dataclass(frozen=True)
class Terms:
    """Days after its end for which a part of a run is kept, as the settings say; 0: for ever."""

    outputs: int
    inputs: int
    record: int


@dataclass(frozen=True)
class Limit:
    """Something that lets what was read be kept for no longer than this, and what it is."""

    age: timedelta
    because: str


@dataclass(frozen=True)
class Need:
    """Something that needs a run: its `outputs` for longer, its bare `record` for good, or all: a `hold`."""

    kind: Literal["outputs", "record", "hold"]
    because: str


@dataclass(frozen=True)
class Keep:
    """Until when a part of a run is kept (None: for as long as `because` is so), and why until then.

    `needed` says what needs it longer than is usual, where something does.
    """

    part: Part
    until: datetime | None
    because: str
    needed: str = ""

    def due(self, now: datetime) -> bool:
        """Whether it is to be deleted by now."""
        return self.until is not None and self.until <= now


_Deadline = tuple[datetime | None, str]


def keeping(
    began: datetime,
    ended: datetime,
    terms: Terms,
    own_days: int,
    limits: Collection[Limit],
    needs: Collection[Need],
) -> tuple[Keep, Keep, Keep]:
    """Until when outputs, inputs and record of a run are kept; `own_days` of its manifest.

    What it has read it may have read as soon as it `began`, so that limits count from then; a web app goes on
    for days. All else counts from when it had `ended`.
    """
    for need in needs:
        if need.kind == "hold":
            held = None, need.because, need.because
            return Keep("outputs", *held), Keep("inputs", *held), Keep("record", *held)
    whole = _usual(ended, terms.record, "the record of a run")
    bounds = [whole]
    if own_days:
        said = f"its app lets what its runs leave be kept for {_days(own_days)}"
        bounds.append((ended + timedelta(days=own_days), said))
    by_contract = [(began + limit.age, limit.because) for limit in limits]
    wanted = next((need.because for need in needs if need.kind == "outputs"), "")
    usual = (None, wanted) if wanted else _usual(ended, terms.outputs, "what a run shows")
    gated = next((need.because for need in needs if need.kind == "record"), "")
    return (
        Keep("outputs", *_first(usual, *bounds, *by_contract), wanted),
        Keep("inputs", *_first(_usual(ended, terms.inputs, "a file that a run was given"), *bounds)),
        Keep("record", *((None, gated) if gated else whole), gated),
    )


def _usual(ended: datetime, days: int, what: str) -> _Deadline:
    if days == 0:
        return None, f"{what} is kept for ever"
    return ended + timedelta(days=days), f"{what} is kept for {_days(days)}"


def _first(*deadlines: _Deadline) -> _Deadline:
    """The earliest, and of those without an end the first that is named."""
    dated = [(moment, because) for moment, because in deadlines if moment is not None]
    if not dated:
        return deadlines[0]
    return min(dated, key=lambda one: one[0])


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count:,} days"
