"""Imports that the approved layer does not have, each with the nearest thing it does have."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath

from handrail.review.models import Finding
from handrail.review.rules.around import goes_around, imported
from handrail.review.seen import SDK
from handrail.review.source import Program, Source

# What an assistant reaches for -> what does the same, in order of preference.
INSTEAD: Mapping[str, tuple[str, ...]] = {
    "polars": ("pandas", "duckdb", "pyarrow"),
    "dask": ("pandas", "duckdb"),
    "modin": ("pandas",),
    "seaborn": ("matplotlib", "altair", "plotly"),
    "plotly": ("matplotlib", "altair"),
    "altair": ("matplotlib", "plotly"),
    "bokeh": ("matplotlib", "altair", "plotly"),
    "scipy": ("numpy",),
    "sklearn": ("numpy", "pandas"),
    "statsmodels": ("numpy", "pandas"),
    "xlsxwriter": ("openpyxl",),
    "xlrd": ("openpyxl",),
    "tabulate": ("pandas",),
    "flask": ("streamlit", "starlette", "fastapi"),
    "dash": ("streamlit", "starlette"),
    "gradio": ("streamlit", "starlette"),
    "dateutil": ("pandas",),
    "pytz": ("zoneinfo",),
    "dotenv": ("os",),
    "tqdm": ("handrail_sdk",),
}


def imports(
    files: Mapping[str, bytes], program: Program, packages: frozenset[str] | None
) -> Iterator[Finding]:
    """A blocking finding for each package that is neither Python's own, nor the app's, nor in the layer.

    `packages` None means that the layer is not known here, and nothing is said.
    """
    if packages is None:
        return
    own = {PurePosixPath(file).parts[0].removesuffix(".py") for file in files}
    for source in program.values():
        own |= {PurePosixPath(source.file).stem}
        told: set[str] = set()
        for node, module in imported(source):
            name = module.partition(".")[0]
            available = name in sys.stdlib_module_names or name in own or name in packages or name == SDK
            if available or name in told or goes_around(module) or _optional(source, node):
                continue
            told.add(name)
            yield Finding(
                rule="not-available",
                severity="blocks",
                title="A package is not available",
                file=source.file,
                line=node.lineno,
                end_line=node.end_lineno or node.lineno,
                because=f"`{name}` is not in the approved set of packages, so this import fails "
                f"when the app runs." + _doubt(name),
                fix=_nearest(name, packages),
                group="Use packages that are there",
            )


def _optional(source: Source, node: ast.AST) -> bool:
    """Whether the import stands in a `try` whose handler expects it to be missing."""
    for parent in source.above(node):
        if isinstance(parent, ast.Try):
            caught = {source.origin(kind) for handler in parent.handlers for kind in _kinds(handler)}
            return bool(caught & {"ImportError", "ModuleNotFoundError"})
    return False


def _kinds(handler: ast.ExceptHandler) -> list[ast.expr]:
    kind = handler.type
    return kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind is not None else []


def _doubt(name: str) -> str:
    return "" if name in INSTEAD else " Assistants sometimes name packages that do not exist."


def _nearest(name: str, packages: frozenset[str]) -> str:
    there = packages | frozenset({"zoneinfo", "os", SDK})
    for other in INSTEAD.get(name, ()):
        if other in there:
            return (
                f"Use `{other}`, which is there and does the same, or name the package of `{name}` in "
                f"requirements.txt."
            )
    if close := get_close_matches(name, sorted(packages | sys.stdlib_module_names), n=1, cutoff=0.75):
        return f"Did you mean `{close[0]}`?"
    offered = ", ".join(sorted(packages)[:6]) or "Python's own library only"
    return f"Do without it (available: {offered}), or name the package of `{name}` in requirements.txt."
