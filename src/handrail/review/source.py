"""An app's Python files as syntax trees that know their parents, their imports and their bindings."""

from __future__ import annotations

import ast
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from handrail.review.models import Finding

LARGEST = 400_000  # bytes of one Python file; a longer one is data in disguise
MOST = 2_000_000  # bytes of all Python files together: what a push can wait for

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, eq=False)
class Source:
    """One parsed file.

    `imports` maps a local name to where it comes from ("pd" -> "pandas", "query" -> "handrail_sdk.query");
    `bindings` maps (scope, name) to the nodes that give the name its value there.
    """

    file: str
    text: str
    tree: ast.Module
    parents: Mapping[ast.AST, ast.AST]
    imports: Mapping[str, str]
    bindings: Mapping[tuple[ast.AST, str], list[ast.AST]]

    def origin(self, node: ast.AST) -> str:
        """The dotted place a name or attribute comes from ("pandas.read_csv"), or ''."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imports.get(node.id, node.id), *reversed(parts)])

    def scope(self, node: ast.AST) -> ast.AST:
        """The function or module whose names this node sees first."""
        current = self.parents.get(node, self.tree)
        while not isinstance(current, Scope):
            current = self.parents.get(current, self.tree)
        return current

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around this one, nearest first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, walked once."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """Every call in the file."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    @cached_property
    def calls_named(self) -> Mapping[str, list[ast.Call]]:
        """The calls of each plain name ("load" for `load(…)`)."""
        named: dict[str, list[ast.Call]] = defaultdict(list)
        for call in self.calls:
            if isinstance(call.func, ast.Name):
                named[call.func.id].append(call)
        return named

    @cached_property
    def strings(self) -> Counter[str]:
        """How often each string stands in the file."""
        return Counter(
            node.value
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )


Program = Mapping[str, Source]


def read(file: str, content: bytes) -> Source | Finding:
    """Parse one Python file with the running Python; what cannot be parsed is a blocking finding."""
    if len(content) > LARGEST:
        return not_reviewed(file, 1, f"it has {len(content):,} bytes, and {LARGEST:,} are the most")
    try:
        text = content.decode("utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        return _indexed(file, text, tree)
    except UnicodeDecodeError:
        return not_reviewed(file, 1, "it is not UTF-8 text")
    except SyntaxError as error:
        return not_reviewed(file, error.lineno or 1, f"it is not Python: {error.msg}")
    except (RecursionError, MemoryError):
        return not_reviewed(file, 1, "it is nested too deeply to be read")
    except ValueError:
        return not_reviewed(file, 1, "it holds null bytes")


def not_reviewed(file: str, line: int, why: str) -> Finding:
    """The finding for a file that nobody, and no rule, has seen."""
    return Finding(
        rule="not-reviewed",
        severity="blocks",
        title="This file was not reviewed",
        file=file,
        line=line,
        end_line=line,
        because=f"{file} could not be checked: {why}. What cannot be read cannot be approved.",
        fix="Correct the file so that Python can read it, or leave it out of the app, and push again.",
        group="Make every file readable",
    )


def is_python(file: str) -> bool:
    """Whether a file of this name is Python code."""
    return file.lower().endswith((".py", ".pyw"))


def module_name(file: str) -> str:
    """The name under which an app imports its own file ("lib/queries.py" -> "lib.queries")."""
    path = PurePosixPath(file).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join(parts)


def _indexed(file: str, text: str, tree: ast.Module) -> Source:
    parents: dict[ast.AST, ast.AST] = {}
    imports: dict[str, str] = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            parents[child] = node
        if isinstance(node, ast.Import):
            for name in node.names:
                local = name.asname or name.name.partition(".")[0]
                imports[local] = name.name if name.asname else local
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                imports[name.asname or name.name] = f"{node.module or ''}.{name.name}".lstrip(".")
    source = Source(file, text, tree, parents, imports, {})
    bindings: dict[tuple[ast.AST, str], list[ast.AST]] = defaultdict(list)
    for node in ast.walk(tree):
        for bound in _bound(node):
            bindings[source.scope(node), bound].append(node)
    return Source(file, text, tree, parents, imports, dict(bindings))


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        targets: list[ast.expr] = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.For | ast.AsyncFor | ast.NamedExpr):
        targets = [node.target]
    elif isinstance(node, ast.withitem):
        targets = [node.optional_vars] if node.optional_vars else []
    elif isinstance(node, ast.comprehension):
        targets = [node.target]
    else:
        return
    for target in targets:
        yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))
