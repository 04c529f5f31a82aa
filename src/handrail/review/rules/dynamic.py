"""Code that is made while it runs, which no reader and no rule can see."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from handrail.review.models import Finding
from handrail.review.source import Program

MADE = frozenset(
    {"eval", "exec", "compile", "builtins.eval", "builtins.exec", "__import__", "importlib.import_module"}
)
THAWED = frozenset(
    [
        "pickle.load",
        "pickle.loads",
        "marshal.load",
        "marshal.loads",
        "shelve.open",
        "joblib.load",
        "dill.load",
        "dill.loads",
        "cloudpickle.load",
        "cloudpickle.loads",
        "pandas.read_pickle",
    ]
)
UNSAFE_YAML = frozenset({"yaml.load", "yaml.unsafe_load", "yaml.full_load"})
INSTEAD: Mapping[str, str] = {
    "eval": "Use ast.literal_eval for a literal, a dictionary of functions for a choice.",
    "exec": "Write the code itself, or a dictionary of functions to choose from.",
    "__import__": "Import the module by its name.",
    "importlib.import_module": "Import the module by its name.",
}


def dynamic(program: Program) -> Iterator[Finding]:
    """Blocking: eval, exec and imports by a computed name. A warning: pickle and YAML that build objects."""
    for source in program.values():
        for call in source.calls:
            origin = source.origin(call.func)
            constant = bool(call.args) and isinstance(call.args[0], ast.Constant)
            shadowed = (source.tree, origin) in source.bindings
            if origin in MADE and not (constant and "import" in origin) and not shadowed:
                name = origin.removeprefix("builtins.")
                because = (
                    f"`{name}` runs code that is put together at run time, so no review can say what it does."
                )
                yield _finding(
                    "made-at-run-time",
                    "blocks",
                    source.file,
                    call,
                    because,
                    INSTEAD.get(name, INSTEAD["exec"]),
                )
            elif origin in THAWED:
                because = f"`{origin}` runs whatever code the file carries while loading it."
                fix = "Store plain data: JSON, CSV or Parquet."
                yield _finding("thawed-object", "warns", source.file, call, because, fix)
            elif origin in UNSAFE_YAML and not any(
                "Safe" in ast.unparse(value) for value in (*call.args[1:], *(k.value for k in call.keywords))
            ):
                because = f"`{origin}` can build any Python object that the file asks for."
                yield _finding("thawed-object", "warns", source.file, call, because, "Use yaml.safe_load.")


def _finding(rule: str, severity: str, file: str, call: ast.Call, because: str, fix: str) -> Finding:
    return Finding(
        rule=rule,
        severity="blocks" if severity == "blocks" else "warns",
        title="Code that cannot be read beforehand",
        file=file,
        line=call.lineno,
        end_line=call.end_lineno or call.lineno,
        because=because,
        fix=fix,
        group="Write code that can be read",
    )
