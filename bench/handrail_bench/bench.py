"""`handrail bench`: measure Handrail against named peers, in the same run and on the same data."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from handrail import kit
from handrail_bench import answers, growth, metrics, options, tpch, wire
from handrail_bench.cache import CACHE
from handrail_bench.house import furnish, house, paths, viewer
from handrail_bench.runtime.commands import runtime
from handrail_bench.serve import served
from handrail_bench.twins.commands import twins

BARS = {
    "tpch_geomean_ratio": "≤ 1.10",
    "tpch_worst_ratio": "≤ 1.5",
    "short_ratio": "≤ 1.5",
    "concurrent_ratio": "≥ 0.6",
    "rewrite_cold_ms": "≤ 3",
    "rewrite_warm_ms": "≤ 0.3",
    "metric_compile_ms": "≤ 5",
    "metricflow_compile_ms": "",
    "arrow_1m_ratio": "≤ 2",
    "stream_20m_peak_mb": "≤ 400",
    "catalog_growth_ratio": "≤ 2",
    "decision_growth_ratio": "≤ 2",
}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    scale: float
    turns: int
    rows: int
    streamed: int
    datasets: int
    viewers: int


FULL = Size(1, 5, 1_000_000, 20_000_000, 10_000, 10_000)
SMALL = Size(0.01, 2, 10_000, 100_000, 20, 20)


@click.group()
def bench() -> None:
    """Measure Handrail against named peers."""


bench.add_command(twins)
bench.add_command(runtime)


@bench.command()
@click.option("--small", is_flag=True, help="A hundredth of the data, to see that everything runs.")
@click.option("--turns", type=click.IntRange(1, 1000), help="How often each is measured.")
@options.folder("--cache", CACHE, "Where TPC-H data is kept.")
@options.as_json
def query(small: bool, turns: int | None, cache: Path, as_json: bool) -> None:
    """The governed query against plain DuckDB, and our metric compiler against metricflow."""
    kit.cli.speak(as_json)
    size = SMALL if small else FULL
    with kit.cli.progress() as report:
        found = measured(size, turns or size.turns, cache, lambda what: report(what, 0, 0))
    kit.cli.show(found, _shown, as_json)


def measured(size: Size, turns: int, cache: Path, say: Any) -> dict[str, Any]:
    """Every figure by its key, and how they were measured; makes an instance and removes it."""
    say("making TPC-H data")
    source = tpch.generate(size.scale, cache)
    limits = {"data": {"max_rows": 100_000_000, "max_mb": 1_000_000, "seconds": 3600}}
    with tempfile.TemporaryDirectory() as folder, house(Path(folder) / "home", limits) as instance:
        say("certifying it")
        furnish(instance, source, tpch.TERMS)
        caller = viewer(instance, "viewer", tpch.ATTRIBUTES)
        threads = instance.settings.data.threads
        peer = answers.plain(paths(instance, tpch.TABLES), threads)
        found: dict[str, Any] = {}
        say("TPC-H")
        found |= answers.tpch(instance, caller, peer, turns)
        say("short questions")
        found |= answers.short(instance, caller, peer, turns * 40)
        say("rewriting")
        found |= answers.rewriting(instance, caller, turns * 4)
        say("metrics")
        found |= metrics.compiling(turns * 2)
        with served(instance, caller) as server:
            say("a million rows")
            found |= wire.million(server, peer, size.rows, turns)
            say("twenty million rows")
            found |= wire.stream(server, size.streamed)
            say("growth")
            most = {"datasets": size.datasets, "viewers": size.viewers}
            found |= growth.growth(instance, caller, server, "region", turns * 4, most)
    return {key: found.pop(key) for key in BARS} | {"details": found, "how": _how(size, turns, threads)}


def _how(size: Size, turns: int, threads: int) -> dict[str, Any]:
    return {
        "scale": size.scale,
        "turns": turns,
        "threads": threads,
        "cpus": os.cpu_count(),
        "load_per_minute": round(os.getloadavg()[0], 1),
        "what_counts": "ours and the peer in turn, the fastest turn of each: other work only slows turns",
        "lists": "milliseconds: ours, the peer's and the ratio by the clock, then the same in processor time",
        "peer": "DuckDB over the same Parquet files with as many threads, without filters, masks or trail",
    }


def _shown(found: dict[str, Any]) -> RenderableType:
    rows = [(key, "missing" if found[key] is None else f"{found[key]:.3g}", bar) for key, bar in BARS.items()]
    return kit.cli.table(("what", "measured", "bar"), rows)


commands: list[click.Command] = [bench]
