"""How an except block ends: with the failure still visible, or with something that looks like a result."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from handrail.review.rules.looks import Ending, mentions, value_kind
from handrail.review.rules.scores import counts
from handrail.review.seen import ASKING, SDK
from handrail.review.source import Source

BROAD = frozenset({"", "Exception", "BaseException", "builtins.Exception"})
CONVERTING = frozenset(
    [
        "ValueError",
        "TypeError",
        "ArithmeticError",
        "decimal.InvalidOperation",
        "InvalidOperation",
        "json.JSONDecodeError",
        "UnicodeDecodeError",
        "LookupError",
        "pandas.errors.ParserError",
    ]
)
READERS = frozenset(
    {"read_csv", "read_excel", "read_parquet", "read_json", "read_table", "read_sql", "read_sql_query"}
)
LEAVING = frozenset(
    {"sys.exit", "exit", "quit", "os._exit", "os.abort", "pytest.fail", "abort", "flask.abort"}
)
TIDYING = frozenset(
    [
        "close",
        "remove",
        "unlink",
        "rmtree",
        "mkdir",
        "makedirs",
        "setlocale",
        "flush",
        "shutdown",
        "cancel",
        "terminate",
        "kill",
        "reconfigure",
        "rollback",
        "filterwarnings",
        "simplefilter",
        "set_option",
        "use",
        "set_page_config",
        "basicConfig",
        "set_index_names",
        "stop",
        "disconnect",
    ]
)
SAYING = frozenset({"print", "pprint"})
LOGGING = frozenset(
    ["debug", "info", "warning", "warn", "error", "exception", "critical", "log", "write", "print"]
)
SHOWING = frozenset({"error", "exception", "stop", "toast"})


def ending(source: Source, handler: ast.ExceptHandler) -> tuple[Ending, ast.AST]:
    """How this handler ends, and the statement that ends it."""
    if any(_leaves(source, node) for statement in handler.body for node in ast.walk(statement)):
        return "visible", handler
    named = handler.name or ""
    for statement in handler.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Return):
                return (value_kind(source, node.value, named) if node.value else "nothing"), node
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                kind = value_kind(source, node.value, named)
                if kind != "visible" or mentions(node.value, named):
                    return kind, node
            if counts(source, node, handler) or _shows(source, node):
                return "visible", node
    return "carries on", handler.body[0]


def broad(source: Source, kind: ast.expr | None) -> bool:
    """Whether an except clause takes every failure."""
    return bool({source.origin(one) if one is not None else "" for one in _kinds(kind)} & BROAD)


def converting(source: Source, kind: ast.expr | None) -> bool:
    """Whether an except clause takes values that do not convert."""
    return bool({source.origin(one) for one in _kinds(kind) if one is not None} & CONVERTING)


def _kinds(kind: ast.expr | None) -> list[ast.expr | None]:
    return list(kind.elts) if isinstance(kind, ast.Tuple) else [kind]


def reads_data(source: Source, body: list[ast.stmt], readers: frozenset[str]) -> bool:
    """Whether these statements ask for data: by the SDK, a reader, or a function of the file that does."""
    for node in (node for statement in body for node in ast.walk(statement)):
        if isinstance(node, ast.Call):
            origin = source.origin(node.func)
            name = origin.rpartition(".")[2]
            if origin in ASKING or origin in readers or name in READERS:
                return True
    return False


def tidies(body: list[ast.stmt]) -> bool:
    """Whether these statements only put things away, so that their failure changes no result."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
            continue
        call = statement.value if isinstance(statement, ast.Expr) else None
        func = call.func if isinstance(call, ast.Call) else None
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if name not in TIDYING:
            return False
    return True


def tries_again(source: Source, attempt: ast.Try) -> bool:
    """Whether the `try` is one attempt of a loop that raises when all of them failed."""
    for loop in source.above(attempt):
        if isinstance(loop, ast.For | ast.While):
            after = _following(source, loop)
            return any(_leaves(source, node) for one in (*loop.orelse, *after) for node in ast.walk(one))
        if isinstance(loop, ast.FunctionDef | ast.AsyncFunctionDef):
            return False
    return False


def answers_a_question(source: Source, at: ast.AST) -> bool:
    """Whether "it failed" is the answer that was asked for: False of `is_date(…)`, or an exit code."""
    function = source.scope(at)
    if not isinstance(at, ast.Return) or not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    asked = re.search(
        r"^_?(?:is|has|can|valid|check|looks|should)(?:_|$)|_(?:available|exists|valid)$", function.name
    )
    if asked or (isinstance(function.returns, ast.Name) and function.returns.id == "bool"):
        return isinstance(at.value, ast.Constant) and isinstance(at.value.value, bool)
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    codes = [node.value for node in returned if isinstance(node, ast.Constant) and type(node.value) is int]
    return len(codes) == len(returned) and 0 in codes and set(codes) - {0} != set()


def searches(attempt: ast.Try) -> bool:
    """Whether the `try` leaves its loop when it worked: the first that fits is taken, others are no loss."""
    nodes = (node for statement in (*attempt.body, *attempt.orelse) for node in ast.walk(statement))
    return any(isinstance(node, ast.Return | ast.Break) for node in nodes)


def in_loop(source: Source, attempt: ast.AST) -> bool:
    """Whether a statement runs once for each of many things."""
    for above in source.above(attempt):
        if isinstance(above, ast.For | ast.AsyncFor | ast.While):
            return True
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
            return False
    return False


def _following(source: Source, statement: ast.stmt) -> list[ast.stmt]:
    body = getattr(source.parents.get(statement), "body", [])
    return body[body.index(statement) + 1 :] if statement in body else []


@lru_cache(maxsize=4)
def stopping(source: Source) -> frozenset[str]:
    """The names at which the file somewhere stops when they hold nothing (`if x is None: raise …`)."""
    names = set()
    for node in source.nodes:
        if isinstance(node, ast.If) and (name := _tested(node.test)):
            inner = (inner for statement in node.body for inner in ast.walk(statement))
            if name not in names and any(_leaves(source, one) or _shows(source, one) for one in inner):
                names.add(name)
    return frozenset(names)


def _tested(test: ast.expr) -> str:
    left = (
        test.left
        if isinstance(test, ast.Compare)
        else test.operand
        if isinstance(test, ast.UnaryOp)
        else None
    )
    root = left.value if isinstance(left, ast.Attribute) else left
    return root.id if isinstance(root, ast.Name) else ""


def _leaves(source: Source, node: ast.AST) -> bool:
    """Raises, exits with an error, or answers with an error status."""
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.Call):
        if source.origin(node.func) in LEAVING:
            return not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
        return any(k.arg in ("status_code", "status") and _is_error_status(k.value) for k in node.keywords)
    return (
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Tuple)
        and any(map(_is_error_status, node.value.elts))
    )


def _is_error_status(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and 400 <= node.value <= 599


def _shows(source: Source, node: ast.AST) -> bool:
    """Whether a call puts the failure before the viewer's eyes (st.error, st.stop)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    root = source.origin(node.func).partition(".")[0]
    return node.func.attr in SHOWING and root in ("streamlit", "st", SDK)
