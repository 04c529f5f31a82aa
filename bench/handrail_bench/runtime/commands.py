"""`handrail bench runtime`."""

from typing import Any

import click
from rich.console import RenderableType

from handrail import kit
from handrail_bench import options
from handrail_bench.runtime.bars import BARS


@click.command()
@click.option("--small", is_flag=True, help="A few of each, to see that everything runs.")
@options.as_json
def runtime(small: bool, as_json: bool) -> None:
    """Sandboxes, jobs and hosted apps against bare processes."""
    from handrail_bench.runtime.run import FULL, SMALL, measured  # noqa: PLC0415 - loads the whole server

    kit.cli.speak(as_json)
    with kit.cli.progress() as report:
        found = measured(SMALL if small else FULL, lambda what: report(what, 0, 0))
    kit.cli.show(found, _shown, as_json)


def _shown(found: dict[str, Any]) -> RenderableType:
    rows = [(key, "missing" if found[key] is None else f"{found[key]:.3g}", bar) for key, bar in BARS.items()]
    return kit.cli.table(("what", "measured", "bar"), rows)
