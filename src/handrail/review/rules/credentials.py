"""Credentials that stand in the code: two signals each, and the value never in the finding."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping

from handrail.review.models import Finding
from handrail.review.rules.secrets import (
    CONNECTING,
    LONGEST_LINE,
    Secret,
    named_secret,
    vendor_secrets,
)
from handrail.review.source import Program, Source, is_python

Found = tuple[str, int, Secret]  # file, line, secret
DATA = (".csv", ".tsv", ".parquet", ".xlsx", ".xls", ".png", ".jpg", ".gif", ".woff2", ".lock", ".svg")
PAIR = re.compile(
    r"""["']?([A-Za-z][A-Za-z0-9_.-]{1,60})["']?\s*(?::=|=>|[:=])\s*("[^"\n]{0,2000}"|'[^'\n]{0,2000}'|[^\s"',;#}{()\[\]=]{1,2000}={0,2})"""
)
TAG = re.compile(
    r"""<input\b[^>]{0,500}type=["']password["'][^>]{0,500}\bvalue=["']([^"']{3,200})["']""", re.IGNORECASE
)
MOST_TEXT = 4_000_000  # bytes of an app's text that are searched, parsed Python aside: a push waits for it
MOST_SECRETS = 1_000  # of one app that are looked for in each of its files
MINIFIED = 2_000  # characters; in a line longer than this only vendor shapes are believed


def credentials(files: Mapping[str, bytes], program: Program) -> Iterator[Finding]:
    """A blocking finding for each credential in a Python file or in any other text file of the app."""
    lines = {(file, line): secret for file, line, secret in reversed(secrets_in(files, program))}
    for (file, line), secret in sorted(lines.items(), key=lambda item: item[0]):
        yield Finding(
            rule="credential-in-code",
            severity="blocks",
            title="A credential stands in the code",
            file=file,
            line=line,
            end_line=line,
            because=f"Line {line} of {file} holds a {secret.kind}: {secret.masked}. Everybody who "
            f"can read the app "
            "can use it, and every version of the app keeps it.",
            fix="Delete the line and have the credential changed by whoever issued it; it counts as leaked. "
            'An app needs none: query("SELECT …") and metric("…") of handrail_sdk answer without one.',
            group="Take credentials out of the code",
        )


def unsearched(files: Mapping[str, bytes], program: Program) -> frozenset[str]:
    """The files beyond the first MOST_TEXT bytes of text, in path order: no rule looks there."""
    room, beyond = MOST_TEXT, set[str]()
    for file in sorted(files):
        if file not in program and _is_plain_text(file, files[file]):
            room -= len(files[file])
            if room < 0:
                beyond.add(file)
    return frozenset(beyond)


def secrets_in(files: Mapping[str, bytes], program: Program) -> tuple[Found, ...]:
    """Every credential by file and line, each once; the value is for masking, never for showing."""
    found: dict[tuple[str, int, str], Found] = {}
    for file, content in files.items():
        source = program.get(file)
        hits = _in_code(source) if source else _in_text(file, content)
        for line, secret in hits:
            found.setdefault((file, line, secret.value), (file, line, secret))
    return tuple(found.values())


def masked(text: str, secrets: tuple[Found, ...]) -> str:
    """The text with each of these credentials blotted out; nothing of it when they are too many."""
    values = {secret.value for _, _, secret in secrets}
    if len(values) > MOST_SECRETS:
        return f"(not shown: the app holds {len(values):,} credentials)"
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "•" * 8)
    return text


def _in_code(source: Source) -> Iterator[tuple[int, Secret]]:
    documentation = _docstrings(source.tree)
    for node in source.nodes:
        if _is_text(source, node):
            for secret in vendor_secrets(_text(node)):
                if node not in documentation or not secret.kind.startswith("password in"):
                    yield getattr(node, "lineno", 1), secret
        for name, value, connecting in _named(source, node):
            text = _value(value)
            if text is not None and (named := named_secret(name, text, connecting=connecting)):
                yield value.lineno, named
    yield from _in_comments(source.text)


def _in_comments(text: str) -> Iterator[tuple[int, Secret]]:
    """What was commented out is still in the code."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from ((token.start[0], secret) for secret in vendor_secrets(token.string))
            for match in PAIR.finditer(token.string):
                if match[2][:1] in "\"'" and (secret := named_secret(match[1], match[2][1:-1])):
                    yield token.start[0], secret


def _is_text(source: Source, node: ast.AST) -> bool:
    """Whether this is a whole text, not a piece of one."""
    if isinstance(source.parents.get(node), ast.JoinedStr) or _is_sum(source.parents.get(node)):
        return False
    return isinstance(node, ast.JoinedStr) or _is_sum(node) or _is_string(node)


def _is_sum(node: ast.AST | None) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    """Strings that are statements: documentation, in which an example address is not a credential."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _text(node: ast.AST) -> str:
    """A text as it is written here, `{}` for what comes from elsewhere: that is found where it is written."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(value) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
    return "{}"


def _value(node: ast.expr) -> str | None:
    return _text(node) if isinstance(node, ast.BinOp | ast.JoinedStr) or _is_string(node) else None


def _named(source: Source, node: ast.AST) -> Iterator[tuple[str, ast.expr, bool]]:
    """(name, value, whether something signs in with it) for each way Python gives a value a name."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    yield from ((_name(t), v, False) for t, v in zip(target.elts, value.elts, strict=False))
                else:
                    yield _name(target), value, False
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield _name(target), value, False
        case ast.Call(keywords=keywords):
            names = {keyword.arg for keyword in keywords}
            for keyword in keywords:
                yield keyword.arg or "", keyword.value, bool(names & CONNECTING)
            yield from _fallback(source, node)
            yield from _signing_in(node)
        case ast.Dict(keys=keys, values=values):
            named = [
                (key.value, value)
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant)
            ]
            beside = {str(name).lower() for name, _ in named}
            yield from ((str(name), value, bool(beside & CONNECTING)) for name, value in named)
        case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args) | ast.Lambda(args=args):
            positional = args.posonlyargs + args.args
            pairs = list(zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True))
            pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None]
            beside = {argument.arg for argument in (*positional, *args.kwonlyargs)}
            yield from ((argument.arg, default, bool(beside & CONNECTING)) for argument, default in pairs)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
            yield _name(left), right, False


def _signing_in(node: ast.Call) -> Iterator[tuple[str, ast.expr, bool]]:
    """server.login("anna", "…"): the second argument of a sign-in is a password."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "login" and len(node.args) == 2:
        yield "password", node.args[1], True


def _fallback(source: Source, node: ast.Call) -> Iterator[tuple[str, ast.expr, bool]]:
    """os.environ.get("DB_PASSWORD", "…"), os.getenv, st.secrets.get: a fallback is a credential too."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else source.origin(node.func)
    if name in ("get", "getenv", "setdefault", "pop", "os.getenv", "config") and len(node.args) == 2:
        key = node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, node.args[1], False


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""


def _is_plain_text(file: str, content: bytes) -> bool:
    return not file.lower().endswith(DATA) and b"\0" not in content[:8192]


def _in_text(file: str, content: bytes) -> Iterator[tuple[int, Secret]]:
    if not _is_plain_text(file, content):
        return
    name = file.rpartition("/")[2]
    if any(word in name for word in ("example", "sample", "template")):
        return
    environment = name.startswith(".env") or file.endswith((".ini", ".cfg", ".toml", ".properties"))
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        line = line[:LONGEST_LINE].replace('\\"', '"') if file.endswith(".ipynb") else line[:LONGEST_LINE]
        for secret in vendor_secrets(line):
            yield number, secret
        if len(line) > MINIFIED:
            continue
        for match in TAG.finditer(line):
            yield number, Secret("password", match[1])
        for match in PAIR.finditer(line):
            quoted = match[2][:1] in "\"'"
            value = match[2][1:-1] if quoted else match[2]
            if (
                not quoted
                and not environment
                and not file.endswith((".yaml", ".yml", ".env"))
                and not is_python(file)
            ):
                continue  # code of another language: an unquoted word is a variable
            secret_or_none = named_secret(match[1], value, connecting=environment)
            if secret_or_none:
                yield number, secret_or_none
