"""Runs the bank on real data and on its twins, and says how much of what fails there fails here."""

from __future__ import annotations

import importlib
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from handrail import data
from handrail.twins.stand_alone import stand_alone
from handrail_bench.fidelity import messes
from handrail_bench.fidelity.bank import PROGRAMS, Program, Query
from handrail_sdk.answer import frame

MODULES = ("held_out", "shop", "people", "support", "ledger", "meters", "northwind")
NORTHWIND = Path(__file__).resolve().parents[4] / "shared" / "data" / "northwind" / "northwind.sqlite"
K = 10
Failures = dict[str, str]  # program -> what happened, "" when it went well


@dataclass(frozen=True)
class Fidelity:
    """What failed where. `recall`: of the programs that fail on real data, the share that fails on the twin.

    `precision`: of those that fail on the twin, the share that fails on real data too; told, not judged, for
    the twin has messes that this source happens not to have today.
    """

    programs: int
    fail_on_real: int
    recall: float
    recall_held_out: float
    precision: float
    plain_recall: float
    missed: tuple[str, ...]  # fail on real data, pass on the hostile twin
    missed_held_out: tuple[str, ...]
    only_twin: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """One program and how it went on each rendition."""

    program: Program
    real: str
    hostile: str
    plain: str


def recall(seeds: Iterable[int] = (0,), say: Callable[[str], None] = lambda _: None) -> Fidelity:
    """Run every program on every database: real, hostile twin, plain twin; over several seeds, all count."""
    return summed([one for seed in seeds for one in measured(seed, say)])


def measured(seed: int = 0, say: Callable[[str], None] = lambda _: None) -> tuple[Measured, ...]:
    """How each program went, with twins of this seed."""
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="handrail-fidelity-") as folder:
        sources = messes.write(Path(folder) / "source")
        if NORTHWIND.is_file():
            sources["northwind"] = NORTHWIND
        for name, source in sources.items():
            say(name)
            mine = [one for one in bank() if one.database == name]
            real = Path(folder) / name / "real"
            real.mkdir(parents=True)
            data.survey(str(source), real, K)
            went = {"real": run(mine, real)}
            for variant in ("hostile", "plain"):
                out = Path(folder) / name / variant
                stand_alone(str(source), out, variant, seed)
                went[variant] = run(mine, out)
            found += [
                Measured(p, *(went[kind][p.name] for kind in ("real", "hostile", "plain"))) for p in mine
            ]
    return tuple(found)


def bank() -> tuple[Program, ...]:
    """Every program."""
    for name in MODULES:
        importlib.import_module(f"handrail_bench.fidelity.programs.{name}")
    return tuple(PROGRAMS.values())


def run(programs: Iterable[Program], folder: Path) -> Failures:
    """Run programs over the Parquet files of a folder, each table under its file's name."""
    went: Failures = {}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for file in sorted(folder.glob("*.parquet")):
            con.execute(f'CREATE VIEW "{file.stem}" AS FROM read_parquet({str(file)!r})')
        for one in programs:
            went[one.name] = _outcome(one, _asking(con))
    return went


def _asking(con: duckdb.DuckDBPyConnection) -> Query:
    """What `handrail_sdk.query` is to an app: SQL in, a pandas frame out."""

    def query(sql: str) -> pd.DataFrame:
        return frame(con.sql(sql).to_arrow_table())

    return query


def _outcome(program: Program, query: Query) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program.body(query)
        except Exception as error:  # noqa: BLE001 - any failure is what is looked for
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]
    return ""


def summed(found: Iterable[Measured]) -> Fidelity:
    """The shares."""
    every = list(found)
    real = [one for one in every if one.real]
    held_out = [one for one in real if one.program.held_out]
    twin = [one for one in every if one.hostile]
    missed = [one for one in real if not one.hostile]
    return Fidelity(
        programs=len(every),
        fail_on_real=len(real),
        recall=_share(sum(bool(one.hostile) for one in real), len(real)),
        recall_held_out=_share(sum(bool(one.hostile) for one in held_out), len(held_out)),
        precision=_share(sum(bool(one.real) for one in twin), len(twin)),
        plain_recall=_share(sum(bool(one.plain) for one in real), len(real)),
        missed=_names(one for one in missed if not one.program.held_out),
        missed_held_out=_names(one for one in missed if one.program.held_out),
        only_twin=_names(one for one in twin if not one.real),
    )


def _names(found: Iterable[Measured]) -> tuple[str, ...]:
    return tuple(sorted({one.program.name for one in found}))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def told(found: Iterable[Measured]) -> list[Mapping[str, str]]:
    """A line per program, for reading."""
    return [
        {"program": one.program.name, "real": one.real, "hostile": one.hostile, "plain": one.plain}
        for one in found
    ]
