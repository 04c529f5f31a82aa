"""`handrail bench twins`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from handrail import kit
from handrail_bench import options
from handrail_bench.cache import CACHE

NAMES: tuple[str, ...] = (
    "northwind",
    "flights",
    "demo",
    "tpch",
    "wide",
    "sensors",
    "lookups",
    "staff",
    "payments",
)
NAMES += ("campus", "ledger", "clinic", "market")
BARS = {
    "speed_ratio": "≥ 10",
    "overall": "≥ 0.90",
    "sdv_overall": "",
    "shapes": "≥ 0.95",
    "pairs": "≥ 0.88",
    "cardinality": "≥ 0.95",
    "intertable": "≥ 0.88",
    "scale_seconds": "≤ 30",
    "scale_peak_mb": "≤ 2048",
    "orphans": "0",
    "duplicate_keys": "0",
    "contract_violations": "0",
    "closer_to_train": "0.48–0.53",
    "membership_auc": "≤ 0.53",
    "copy_ratio": "≤ 1.2",
    "canaries_found": "0",
    "fidelity_recall": "≥ 0.95",
}
PARTS = ("databases", "privacy", "scale", "fidelity")
_BESIDE = Path(__file__).parents[4] / "shared" / "data"


@click.command()
@click.option("--small", is_flag=True, help="A tenth of the data, to see that everything runs.")
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="These databases alone.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="These measurements alone.")
@click.option("--alone", is_flag=True, help="Without SDV and sdmetrics: no likeness, no comparison.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="Seconds of processors that SDV's HMA has; 600 if not said."
)
@options.folder("--data", _BESIDE, "Where real databases lie.")
@options.folder("--cache", CACHE, "Where made databases are kept.")
@options.as_json
def twins(
    small: bool,
    alone: bool,
    limit: int | None,
    only: tuple[str, ...],
    parts: tuple[str, ...],
    data: Path,
    cache: Path,
    as_json: bool,
) -> None:
    """Our twins beside SDV's: speed, likeness, integrity, privacy, scale, and programs that must fail."""
    # Every `handrail` command loads this file, and pandas and public data sets are not there in production.
    from handrail_bench.twins.measured import FULL, SMALL, Asked, measured  # noqa: PLC0415

    kit.cli.speak(as_json)
    size = SMALL if small else FULL
    asked = Asked(
        replace(size, limit=limit or size.limit),
        only or NAMES,
        cache,
        data,
        frozenset(parts or PARTS),
        alone,
    )
    with kit.cli.progress() as report:
        found = measured(asked, lambda what: report(what, 0, 0))
    found = {key: found.pop(key, None) for key in BARS} | found
    kit.cli.show(found, _shown, as_json)


def _shown(found: dict[str, Any]) -> RenderableType:
    rows = [(key, _told(found[key]), _told(found.get(f"{key}_worst")), bar) for key, bar in BARS.items()]
    return kit.cli.table(("what", "measured", "worst database", "bar"), rows)


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
