"""Databases as offices have them, with the mess that years of use leave: what `real` stands for in the bank.

Nothing here looks at the catalogue of awkward values. Each mess has a cause that is told beside it: an import
that ran twice, a form without a required field, a clock that was changed, a person who types.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from handrail_bench.fidelity.desk import write_ledger, write_meters, write_support
from handrail_bench.fidelity.trade import write_people, write_shop

WRITERS: dict[str, Callable[[Path, bool], Path]] = {
    "shop": write_shop,
    "people": write_people,
    "support": write_support,
    "ledger": write_ledger,
    "meters": write_meters,
}


def write(folder: Path, tidy: bool = False) -> dict[str, Path]:
    """Write the databases below `folder`; the source of each, as `handrail import` takes it, by name.

    `tidy` ones have everything filled in, once and properly: what the programs were thought for.
    """
    return {name: writer(folder, tidy) for name, writer in WRITERS.items()}
