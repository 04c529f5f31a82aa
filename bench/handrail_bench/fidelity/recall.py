"""Runs the bank on real data and on its twins, and says how much of what fails there fails here."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from handrail_bench.fidelity import messes
from handrail_bench.fidelity.outcome import Measured
from handrail_bench.fidelity.renditions import Went, went

NORTHWIND = Path(__file__).resolve().parents[4] / "shared" / "data" / "northwind" / "northwind.sqlite"


@dataclass(frozen=True)
class Fidelity:
    """What failed where. `recall`: of the programs that fail on real data, the share that fails on the twin.

    Breaking everything would give a recall of 1, so beside it stand `precision`, of those that fail on the
    twin the share that fails on real data too, and `false_alarms`, of those that pass on real data the share
    that fails on the twin. Both are told, not judged, for the twin has messes that this source happens not
    to have today. `work` is, by database, seconds of processors for making and for running.
    """

    programs: int
    fail_on_real: int
    fail_on_twin: int
    recall: float
    recall_held_out: float
    precision: float
    false_alarms: float
    plain_recall: float
    missed: tuple[str, ...]  # fail on real data, pass on the hostile twin
    missed_held_out: tuple[str, ...]
    only_twin: tuple[str, ...]
    work: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def recall(seeds: Sequence[int] = (0,), say: Callable[[str], None] = lambda _: None) -> Fidelity:
    """Run every program on every database: real, hostile twin, plain twin; over several seeds, all count."""
    every = measured(seeds, say)
    return summed(
        [one for found in every for one in found.programs],
        {found.database: (found.making, found.running) for found in every},
    )


def measured(seeds: Sequence[int] = (0,), say: Callable[[str], None] = lambda _: None) -> tuple[Went, ...]:
    """How each program went, by database; `say` is told of each database that is done.

    As many databases at a time as there are processors; what the programs of one read is made once.
    """
    found: list[Went] = []
    with tempfile.TemporaryDirectory(prefix="handrail-fidelity-") as folder, forked() as pool:
        sources = messes.write(Path(folder) / "source")
        if NORTHWIND.is_file():
            sources["northwind"] = NORTHWIND
        say(f"programs on hostile twins: 0 of {len(sources)} databases")
        begun = [
            pool.submit(went, name, source, Path(folder) / name, tuple(seeds))
            for name, source in sources.items()
        ]
        for one in as_completed(begun):
            found.append(one.result())
            say(f"programs on hostile twins: {len(found)} of {len(sources)} databases")
    return tuple(sorted(found, key=lambda one: list(sources).index(one.database)))


def forked() -> ProcessPoolExecutor:
    """As many processes as there are processors, each forked from one that has loaded pandas and the product.

    What they write to stdout goes to stderr: DuckDB draws a bar there when a query takes long, amid our JSON.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["handrail_bench.fidelity.renditions"])
    return ProcessPoolExecutor(os.cpu_count(), context, os.dup2, (2, 1))


def summed(found: Iterable[Measured], work: Mapping[str, tuple[float, float]] | None = None) -> Fidelity:
    """The shares."""
    every = list(found)
    real = [one for one in every if one.real]
    held_out = [one for one in real if one.held_out]
    twin = [one for one in every if one.hostile]
    missed = [one for one in real if not one.hostile]
    only_twin = [one for one in twin if not one.real]
    return Fidelity(
        programs=len(every),
        fail_on_real=len(real),
        fail_on_twin=len(twin),
        recall=_share(sum(bool(one.hostile) for one in real), len(real), 1.0),
        recall_held_out=_share(sum(bool(one.hostile) for one in held_out), len(held_out), 1.0),
        precision=_share(sum(bool(one.real) for one in twin), len(twin), 1.0),
        false_alarms=_share(len(only_twin), len(every) - len(real), 0.0),
        plain_recall=_share(sum(bool(one.plain) for one in real), len(real), 1.0),
        missed=_names(one for one in missed if not one.held_out),
        missed_held_out=_names(one for one in missed if one.held_out),
        only_twin=_names(only_twin),
        work=work or {},
    )


def _names(found: Iterable[Measured]) -> tuple[str, ...]:
    return tuple(sorted({one.program for one in found}))


def _share(part: int, whole: int, of_none: float) -> float:
    return round(part / whole, 4) if whole else of_none
