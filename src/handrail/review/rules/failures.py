"""Failures that turn into normal-looking results: nobody notices them, and somebody decides by them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from handrail.review.models import Finding, Severity
from handrail.review.rules import handling
from handrail.review.source import Program, Source

GROUP = "Let failures be seen"
VIEWERS_SEE = {
    "made up": "viewers see numbers that were written into the code, as if they were the data",
    "number": "viewers see a number like any other, as if that were the result",
    "empty": "viewers see an empty result, as if there were nothing to show",
    "nothing": "the rest of the app goes on without it, and viewers are not told",
    "carries on": "the app goes on as if it had worked, and the run counts as done",
}


def failures(program: Program) -> Iterator[Finding]:
    """A finding for each handler after which a failure looks like a result; blocking where data is read."""
    for source in program.values():
        readers = _readers(source)
        for node in source.nodes:
            if isinstance(node, ast.Try):
                for handler in node.handlers:
                    yield from _handler(source, node, handler, readers)
            elif isinstance(node, ast.With):
                yield from _suppressed(source, node, readers)


def _readers(source: Source) -> frozenset[str]:
    """The functions of this file that ask for data, directly or through one another."""
    functions = [node for node in source.nodes if isinstance(node, ast.FunctionDef)]
    found: frozenset[str] = frozenset()
    for _ in range(3):
        found |= {one.name for one in functions if handling.reads_data(source, one.body, found)}
    return found


def _handler(
    source: Source, attempt: ast.Try, handler: ast.ExceptHandler, readers: frozenset[str]
) -> Iterator[Finding]:
    broad = handling.broad(source, handler.type)
    reads = handling.reads_data(source, attempt.body, readers)
    converts = handling.converting(source, handler.type)
    if (
        not (broad or converts or reads)
        or handling.tidies(attempt.body)
        or handling.tries_again(source, attempt)
    ):
        return
    kind, at = handling.ending(source, handler)
    if kind == "visible" or (kind == "nothing" and _checked_later(source, at)):
        return
    if not reads and handling.answers_a_question(source, at):
        return
    rows = handling.in_loop(source, attempt)
    if rows and not broad and not reads and handling.searches(attempt):
        return
    if not broad and not reads and not (kind in ("number", "made up") or (kind == "carries on" and rows)):
        return  # a value that did not convert and is visibly missing
    if not broad and reads and not converts and _expects_absence(source, handler):
        return
    yield _finding(source, handler, kind, reads, rows and kind == "carries on")


def _expects_absence(source: Source, handler: ast.ExceptHandler) -> bool:
    caught = (
        {source.origin(node) for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if handler.type
        else set()
    )
    return caught <= {
        "FileNotFoundError",
        "ImportError",
        "ModuleNotFoundError",
        "KeyboardInterrupt",
        "StopIteration",
    }


def _checked_later(source: Source, at: ast.AST) -> bool:
    """Whether None from here is tested by the ones who get it, and stops them."""
    if isinstance(at, ast.Assign) and isinstance(at.targets[0], ast.Name):
        return at.targets[0].id in handling.stopping(source)
    function = source.scope(at)
    if not isinstance(at, ast.Return) or not isinstance(function, ast.FunctionDef):
        return False
    names = [
        parent.targets[0].id
        for call in source.calls_named.get(function.name, ())
        if isinstance(parent := source.parents.get(call), ast.Assign)
        and isinstance(parent.targets[0], ast.Name)
    ]
    return bool(names) and all(name in handling.stopping(source) for name in names)


def _suppressed(source: Source, node: ast.With, readers: frozenset[str]) -> Iterator[Finding]:
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and source.origin(call.func) in ("contextlib.suppress", "suppress"):
            reads = handling.reads_data(source, node.body, readers)
            wide = any(handling.broad(source, kind) for kind in call.args)
            if wide and not handling.tidies(node.body):
                yield _finding(source, node, "carries on", reads, False)


def _finding(
    source: Source, node: ast.ExceptHandler | ast.With, kind: str, reads: bool, rows: bool
) -> Finding:
    severity: Severity = "blocks" if reads or kind == "made up" else "warns"
    what = "reading the data" if reads else "this step"
    if rows:
        because = "A row that cannot be handled is left out, and nothing says so: totals come out too small."
        fix = (
            "Count what you leave out (`skipped += 1`) and show the count beside the result, or "
            "let the error be raised."
        )
    else:
        because = f"When {what} fails here, {VIEWERS_SEE[kind]}."
        fix = (
            "Delete the try/except, so that the run fails and its owner hears of it; or, where "
            "you can say more, "
            'write `raise RuntimeError("The orders could not be read") from error`.'
        )
    return Finding(
        rule="failure-looks-normal",
        severity=severity,
        title="A failure would look like a normal result",
        file=source.file,
        line=node.lineno,
        end_line=(node.end_lineno or node.lineno),
        because=because,
        fix=fix,
        group=GROUP,
    )
