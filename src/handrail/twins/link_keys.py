"""The keys of the rows that a link points at, written into the link's columns."""

from __future__ import annotations

from handrail.twins.assign import Made
from handrail.twins.models import LinkSketch
from handrail.twins.values import Ints, as_kind


def copy_keys(link: LinkSketch, there: Made, points: Ints, one: Made) -> None:
    """Write the keys of the rows that a link points at into its columns."""
    for column, target in zip(link.columns, link.to_columns, strict=True):
        keys = as_kind(there.values[target], there.sketch.column(target), one.sketch.column(column))
        one.values[column] = keys.take(points)
