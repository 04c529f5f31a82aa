"""Makes what the programs of one database read, once: real rows, a hostile and a plain twin of each seed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handrail import data
from handrail.twins import codec
from handrail.twins.files import SKETCH, write_tables
from handrail.twins.generate import generate
from handrail.twins.models import Sketch, Variant
from handrail.twins.stand_alone import stand_alone
from handrail_bench.fidelity.bank import bank
from handrail_bench.fidelity.outcome import Measured, run

K = 10


@dataclass(frozen=True)
class Went:
    """How the programs of one database went, and what that took in seconds of processors."""

    database: str
    programs: tuple[Measured, ...]
    making: float  # the copy of the real rows, the sketch, the gate and every twin
    running: float  # the programs, over all of them


def went(database: str, source: Path, folder: Path, seeds: Sequence[int]) -> Went:
    """Run each program of a database on real rows once, and on a hostile and a plain twin of each seed.

    The hostile twin of the first seed is what `handrail twin build --from` makes of the source, gate and all.
    The others are drawn from the sketch that it leaves: the same bytes as a build of their own would give.
    """
    programs = [one for one in bank() if one.database == database]
    began, running = time.process_time(), 0.0

    def ran(rendition: Path) -> dict[str, str]:
        nonlocal running
        since = time.process_time()
        outcomes = run(programs, rendition)
        running += time.process_time() - since
        return outcomes

    (folder / "real").mkdir(parents=True)
    data.survey(str(source), folder / "real", K)
    real = ran(folder / "real")
    found: list[Measured] = []
    sketch: Sketch | None = None
    for seed in seeds:
        hostile, plain = folder / f"hostile-{seed}", folder / f"plain-{seed}"
        if sketch is None:
            stand_alone(str(source), hostile, "hostile", seed)
            sketch = codec.from_json((hostile / SKETCH).read_bytes())
        else:
            draw(sketch, hostile, "hostile", seed)
        draw(sketch, plain, "plain", seed)
        on_hostile, on_plain = ran(hostile), ran(plain)
        found += [
            Measured(one.name, one.held_out, real[one.name], on_hostile[one.name], on_plain[one.name])
            for one in programs
        ]
    return Went(database, tuple(found), round(time.process_time() - began - running, 2), round(running, 2))


def draw(sketch: Sketch, folder: Path, variant: Variant, seed: int) -> None:
    """Write the twin that a sketch gives with a seed, without holding it against real rows again."""
    folder.mkdir()
    write_tables(folder, generate(sketch, seed, variant))
