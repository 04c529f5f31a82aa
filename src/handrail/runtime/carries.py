"""What a run carries away: the highest class of all that it read, by datasets and by other systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from handrail import connectors, data
from handrail.kernel import Context


@dataclass(frozen=True)
class Carries:
    """The class of whatever a run hands over, and what it has that class from.

    "none": all that it read is said to be nothing personal; "unsaid": it called what nobody classified; "":
    it has read nothing.
    """

    classification: Literal["sensitive", "personal", "unsaid", "none", ""] = ""
    because: tuple[str, ...] = ()  # dataset.column, or a connector and its call


def carries(ctx: Context, run_id: str) -> Carries:
    """The class that the outputs of a run inherit: an app can write what it was shown into any of them.

    Asks no rule: names of columns and calls, and their classes only.
    """
    read, made = data.carried(ctx, run_id), connectors.called(ctx, run_id)
    for known in ("sensitive", "personal"):
        columns = read.because if read.classification == known else ()
        if found := (*columns, *(_name(one) for one in made if one.classification == known)):
            return Carries(known, found)
    if unsaid := tuple(_name(one) for one in made if not one.classification):
        return Carries("unsaid", unsaid)
    return Carries("none" if read.reads or made else "")


def _name(one: connectors.Called) -> str:
    return f"{one.connector} {one.call}"
