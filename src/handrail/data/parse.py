"""Reads the SQL that somebody sent: within limits, one question, and nothing outside the allow-list.

The limits come first and cost one linear pass over the text, because a parser that recurses can be made to
run for minutes or to overflow its stack by a few kilobytes of brackets.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from handrail.data import allowed, bounded, lengths
from handrail.kernel import Invalid, NotAllowed

MAX_LENGTH = 100_000
MAX_TOKENS = 20_000
MAX_NESTING = 64
MAX_RUN = 32  # equal keywords or signs in a row: NOT NOT NOT …
MAX_BRACKETS = 200  # square ones; the parser's time grows with more than their square
MAX_DEPTH = 500  # levels of the parsed tree, as in a + a + a …

DUCKDB = Dialect.get_or_raise("duckdb")
_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
# What stands in the tree as text and is written again without quotes, by kind of node; else a word.
_WORD = re.compile(r"[\w$]+")
_TEXTS = {
    "Literal": re.compile(r"[\w.]+(?:[eE][+-]\d+)?"),
    "WindowSpec": re.compile(r"[\w ]+"),
    "JSONPathKey": re.compile(r"[^'\"\\]*"),
}
_NAMED = (exp.Placeholder, exp.Parameter)
_UNQUOTED = "A name, type, unit or parameter holds quotes or signs where it cannot be quoted."
_UNREADABLE, _CORRECT = "The SQL cannot be read.", "Correct the SQL; it is read in DuckDB's dialect."
_SELECT_ONLY = "Send one SELECT; WITH, joins, subqueries and set operations are fine."

# It would write the text of what it cannot parse, values and all, to the log.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Place:
    """A position in the SQL, for people."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def read(sql: str) -> exp.Query:
    """Parse one question in DuckDB's dialect.

    Refuses what is too large or too deep, what does not parse, what is not exactly one SELECT, and every
    construct and function outside `allowed`, each with its place in the text. Positional parameters are
    renamed `$1`, `$2`, … in the order in which they are written.
    """
    tokens = tokens_of(sql)
    try:
        statements = DUCKDB.parser().parse(_numbered(tokens), sql)
    except ParseError as error:
        raise _unreadable(sql, error) from None
    except TokenError:  # from within a name, which may be that of a type
        raise Invalid(_UNQUOTED, next_step="Write a plain name there.") from None
    except RecursionError:
        raise _too_deep() from None
    except (
        IndexError
    ):  # the parser runs past the end of some statements that are no questions, as of SHOW ALL
        raise NotAllowed(
            "Only questions are answered, and this is not a SELECT.", next_step=_SELECT_ONLY
        ) from None
    except (TypeError, ValueError, AttributeError, KeyError):  # compiled, it stumbles over its own types
        raise Invalid(_UNREADABLE, next_step=_CORRECT) from None
    if len(statements) != 1 or statements[0] is None:
        raise Invalid(f"One statement is expected, not {_count(statements)}.", next_step=_SELECT_ONLY)
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise NotAllowed("Only questions are answered, and this is not a SELECT.", next_step=_SELECT_ONLY)
    check(tree, sql)
    lengths.refuse_long_texts(tree)
    return tree


def check(tree: exp.Expr, sql: str) -> None:
    """Refuse the first node of `tree` that is too deep or is not allowed, naming it and its place."""
    level: list[exp.Expr] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        for node in level:
            if refused := _refused(node):
                where = f" ({place})" if (place := _place_of(node, sql)) else ""
                raise NotAllowed(f"{refused} not allowed in a query{where}.", next_step=_advice(node))
        level = [child for node in level for child in node.iter_expressions()]


def tokens_of(sql: str) -> list[Token]:
    """The words and signs of `sql`. Refuses what is too long or nested too deeply to be parsed safely."""
    if len(sql) > MAX_LENGTH:
        raise Invalid(
            f"The SQL has {len(sql):,} characters; at most {MAX_LENGTH:,} are read.",
            next_step="Ask a shorter question; pass long lists of values as parameters.",
        )
    if "\0" in sql:
        raise Invalid("The SQL contains a NUL character.", next_step="Take it out.")
    if not sql.isascii() and sql.encode("utf-8", "replace").decode() != sql:  # JSON can spell that
        raise Invalid("The SQL contains half of a character.", next_step="Write the whole one.")
    try:
        tokens: list[Token] = DUCKDB.tokenize(sql)
    except TokenError:
        raise Invalid(
            "The SQL ends inside a quoted text or a comment, or has a character that means nothing.",
            next_step="Close every quote and comment.",
        ) from None
    if len(tokens) > MAX_TOKENS:
        raise Invalid(
            f"The SQL has {len(tokens):,} words and signs; at most {MAX_TOKENS:,} are read.",
            next_step="Ask a shorter question.",
        )
    _refuse_deep(tokens)
    return tokens


def place(node: exp.Expr, sql: str) -> Place | None:
    """Where the nearest identifier in `node` begins."""
    start = next((n.meta["start"] for n in node.walk() if "start" in n.meta), None)
    if start is None:
        return None
    return Place(sql.count("\n", 0, start) + 1, start - sql.rfind("\n", 0, start))


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that suggests the most similar known name, or lists what there is."""
    names = sorted(set(known))
    lowered = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {lowered[close[0]]}?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"There is: {shown}." if names else "There is nothing to choose from yet."


def _refuse_deep(tokens: list[Token]) -> None:
    depth = brackets = run = 0
    last = ""
    for token in tokens:
        kind, word = token.token_type, token.text.upper()
        if kind in _OPEN:
            depth += 1
            brackets += kind == TokenType.L_BRACKET
        elif kind in _CLOSE:
            depth -= 1
        run, last = run + 1 if word == last else 1, word
        if depth > MAX_NESTING or brackets > MAX_BRACKETS or run > MAX_RUN:
            raise _too_deep()


def _numbered(tokens: list[Token]) -> list[Token]:
    numbered: list[Token] = []
    count = 0
    for token in tokens:
        if token.token_type != TokenType.PLACEHOLDER:
            numbered.append(token)
            continue
        count += 1
        at = (token.line, token.col, token.start, token.end)
        numbered += [Token(TokenType.PARAMETER, "$", *at), Token(TokenType.NUMBER, str(count), *at)]
    return numbered


def _refused(node: exp.Expr) -> str | None:
    """What is not allowed about this one node, as the beginning of a sentence; None when it is fine."""
    kind = type(node)
    looks = _looks.get(kind)
    if looks is None:
        looks = _looks[kind] = tuple(_looks_at(kind))
    for look in looks:
        if refused := look(node):
            return refused
    return None


_Look = Callable[[exp.Expr], str | None]
_looks: dict[type[exp.Expr], tuple[_Look, ...]] = {}  # by kind of node, what is asked about each of its kind


def _looks_at(kind: type[exp.Expr]) -> Iterator[_Look]:
    if issubclass(kind, exp.Anonymous):
        yield _unknown_function
        yield bounded.oversized
        return
    if kind.__name__ not in allowed.NODES and kind.__name__ not in allowed.KNOWN_FUNCTIONS:
        yield _not_listed
        return
    if (
        parts := next((parts for of, parts in allowed.PARTS.items() if issubclass(kind, of)), None)
    ) is not None:
        yield partial(_extra_part, parts)
    if issubclass(kind, exp.DataType):
        yield _made_up_type
    yield _signs
    if issubclass(kind, exp.Interval):
        yield _unknown_unit
    if issubclass(kind, bounded.LIMITED):
        yield bounded.oversized
    if issubclass(kind, exp.Join):
        yield _unknown_join
    if issubclass(kind, exp.Table):
        yield _no_plain_table


def _unknown_function(node: exp.Expr) -> str | None:
    return None if node.name.lower() in allowed.OTHER_FUNCTIONS else f"The function {node.name}() is"


def _not_listed(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Func):
        return f"The function {node.sql_name().lower()}() is"
    return f"{_words(type(node).__name__)} is"


def _extra_part(parts: frozenset[str], node: exp.Expr) -> str | None:
    extra = sorted(key for key, value in node.args.items() if value and key not in parts)
    return f"{_words(extra[0].rstrip('_'))} is" if extra else None


def _made_up_type(node: exp.Expr) -> str | None:
    return "That type is" if node.this == exp.DataType.Type.USERDEFINED else None


def _signs(node: exp.Expr) -> str | None:
    told = "A name, unit or parameter with signs in it, but for names in double quotes, is"
    return None if _is_quoted_or_word(node) else told


def _unknown_unit(node: exp.Expr) -> str | None:
    unit = node.text("unit").lower()
    known = not unit or unit in allowed.UNITS or unit.removesuffix("s") in allowed.UNITS
    return None if known else f"The unit {unit} is"


def _unknown_join(node: exp.Expr) -> str | None:
    method = node.args.get("method") or ""
    return None if method in allowed.JOIN_METHODS else f"{method} JOIN is"


def _no_plain_table(node: exp.Expr) -> str | None:
    this = node.this
    if isinstance(this, exp.Identifier | exp.Values):
        return None
    if not isinstance(this, exp.Func):
        return "A table without a plain name is"
    if type(this).__name__ in allowed.TABLE_FUNCTIONS:
        return None
    return f"{this.name if isinstance(this, exp.Anonymous) else this.sql_name().lower()}() as a table is"


def _is_quoted_or_word(node: exp.Expr) -> bool:
    """Whether the texts in this node are the same texts once it is written as SQL again.

    The parser takes `$$x, (SELECT …)$$` for a name or a unit, and the generator writes that as it is.
    """
    kind = type(node)
    if issubclass(kind, _NAMED):
        return not node.name or _WORD.fullmatch(node.name) is not None
    form = _TEXTS.get(kind.__name__, _WORD)
    for text in node.args.values():
        if isinstance(text, str) and form.fullmatch(text) is None:
            return bool(node.args.get("quoted") or node.args.get("is_string"))
    return True


def _advice(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return "Use an ordinary SQL function for text, numbers, dates or aggregates, or do that step in code."
    return _SELECT_ONLY


def _place_of(node: exp.Expr, sql: str) -> Place | None:
    return place(node, sql) or (place(node.parent, sql) if node.parent else None)


def _words(kind: str) -> str:
    return (
        "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip().capitalize()
    )


def _too_deep() -> Invalid:
    return Invalid(
        "The SQL is nested too deeply to be read.",
        next_step="Split it into steps with WITH, and use IN instead of long chains of OR.",
    )


def _unreadable(sql: str, error: ParseError) -> Invalid:
    detail = error.errors[0] if error.errors else {}
    near = str(detail.get("highlight") or "")[:40]
    line, column = detail.get("line") or 1, detail.get("col") or 1
    where = Place(line, max(1, column - len(near) + 1))
    return Invalid(
        f"{_UNREADABLE.removesuffix('.')} at {where}{f', near “{near}”' if near else ''}.",
        next_step="Correct the SQL there; it is read in DuckDB's dialect.",
    )


def _count(statements: list[exp.Expr | None]) -> str:
    found = sum(statement is not None for statement in statements)
    return "none" if not found else f"{found}"
