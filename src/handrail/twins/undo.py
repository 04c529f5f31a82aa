"""A twin with some of its awkward values taken back, so that a failure can be tried without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from handrail import data
from handrail.kernel import SYSTEM, Instance, Manifest, NotReady
from handrail.twins import files
from handrail.twins.models import HostileCell
from handrail.twins.variants import Keeper


def undo(hostile: pa.Table, plain: pa.Table, cells: Iterable[HostileCell]) -> pa.Table:
    """The hostile twin with what its plain variant holds in these cells. Both have the same rows in order.

    Refuses NotReady where they have not: then the plain one was made by another version of Handrail.
    """
    if hostile.num_rows != plain.num_rows or hostile.schema != plain.schema:
        raise NotReady(
            "This twin and its plain variant were made by different versions of Handrail.",
            next_step="Have the twin built again, run the app again, and ask then.",
        )
    rows: dict[str, list[int]] = defaultdict(list)
    for cell in cells:
        rows[cell.column].append(cell.row)
    made = hostile
    for name, back in rows.items():
        place = hostile.column_names.index(name)
        source = np.arange(hostile.num_rows)
        source[back] += hostile.num_rows
        both = pa.chunked_array([*hostile.column(name).chunks, *plain.column(name).chunks])
        made = made.set_column(place, hostile.schema.field(name), both.take(pa.array(source)))
    return made


@dataclass(frozen=True)
class Awkward:
    """The twin of a dataset as a run read it, the same without its awkward values, and which they are."""

    dataset: str
    hostile: Path
    plain: Path
    cells: tuple[HostileCell, ...]


def awkward(instance: Instance, manifest: Manifest, builds: Mapping[str, str]) -> tuple[Awkward, ...]:
    """Of these builds of twins those that have awkward values; their plain variants are made where missing.

    Asks no rule: it holds nothing but synthetic data, for rooms that try runs on it. Refuses NotFound a build
    that is there no longer.
    """
    Keeper().ready(instance, manifest, "plain", builds)
    found = []
    with instance.context(SYSTEM) as ctx:
        for dataset, build in builds.items():
            hostile, plain = (data.rendition(ctx, dataset, build, one) for one in ("hostile", "plain"))
            cells = files.hostile_cells(instance.settings.home, build, dataset)
            if hostile and plain and cells:
                found.append(Awkward(dataset, hostile.path, plain.path, cells))
    return tuple(found)
