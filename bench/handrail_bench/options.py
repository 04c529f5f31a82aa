"""Options that benchmarks have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")


def folder(flag: str, default: Path, said: str) -> Callable[[Any], Any]:
    """An option that names a folder, which need not be there."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option(flag, type=kind, default=default, metavar="DIR", help=said)
