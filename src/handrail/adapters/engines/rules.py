"""What engines say alike only in part: the same narrowing for every dialect that is written here."""

from __future__ import annotations

import re

from sqlglot import exp

from handrail.adapters.engines.spread import Different

_UNITS = frozenset("SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR".split())  # noqa: SIM905
_MOMENT = re.compile(r"\d{4}-\d\d?-\d\d?([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
E_MAIL, FIRST, KEPT = r"^([^@]?)[^@]*", r"^(.?).*$", r"\1***"
# What is a whole number when all that it is made of are.
_CARRIES = (exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Abs, exp.Sum, exp.Min, exp.Max)
_COUNTS = (exp.Count, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Length)


def unit(node: exp.Expr) -> exp.Expr:
    """The unit of a moment that is cut, where every engine begins it at the same moment: no centuries."""
    name = node.args["unit"].name.upper()
    if name not in _UNITS:
        raise Different
    return exp.Literal.string(name.lower())


def whole(node: exp.Expr) -> exp.Expr:
    """`node`, so that the server refuses it when it is no whole number: there, // means another thing."""
    if isinstance(node, _CARRIES):
        made = node.copy()
        for name in ("this", "expression"):
            if isinstance(part := node.args.get(name), exp.Expr) and not isinstance(part, exp.Distinct):
                made.set(name, whole(part))
        return made
    if isinstance(node, _COUNTS) or (isinstance(node, exp.Literal) and node.is_int):
        return node.copy()
    return exp.Paren(this=exp.BitwiseOr(this=exp.Paren(this=node.copy()), expression=exp.Literal.number(0)))


def is_moment(node: exp.Expr) -> bool:
    """Whether a text in the query is a day or a moment to every engine; each knows others besides."""
    return not (isinstance(node, exp.Literal) and node.is_string) or bool(_MOMENT.fullmatch(node.name))


def counted(node: exp.Expr) -> exp.Expr:
    """DuckDB counts nothing, not even 0, where no condition is true or false."""
    cases = [
        exp.If(this=node.this.copy(), true=exp.Literal.number(1)),
        exp.If(this=exp.Not(this=exp.Paren(this=node.this.copy())), true=exp.Literal.number(0)),
    ]
    return exp.Sum(this=exp.Case(ifs=cases))


def tuple_(node: exp.Expr) -> exp.Expr:
    """Several values in one are compared by DuckDB even where one of them is missing."""
    listed = isinstance(node.parent, exp.In) and not node.parent.args.get("query")
    if listed or isinstance(node.parent, (*_COMPARED, exp.Between, exp.Is)):
        raise Different
    return node


def substring(node: exp.Expr) -> exp.Expr:
    """From a place that is counted from the start: 0 and negative places mean other things."""
    start = node.args.get("start")
    if not (isinstance(start, exp.Literal) and not start.is_string and int(start.name) > 0):
        raise Different
    return node


def part_of_text(node: exp.Expr) -> exp.Expr:
    """SPLIT_PART at a text that is there: at an empty one DuckDB splits between all letters."""
    at = node.args.get("delimiter")
    if not (isinstance(at, exp.Literal) and at.is_string and at.name):
        raise Different
    return node


def other_case(node: exp.Expr) -> exp.Expr:
    """The text of LOWER or UPPER, with the letters replaced that only DuckDB turns into one other letter."""
    pairs = (("ß", "ẞ"),) if isinstance(node, exp.Upper) else (("İ", "i"), ("Σ", "σ"))
    text: exp.Expr = node.this.copy()
    for letter, other in pairs:
        given = [exp.Literal.string(letter), exp.Literal.string(other)]
        text = exp.Anonymous(this="replace", expressions=[text, *given])
    return text


def steps(node: exp.Expr) -> exp.GenerateSeries:
    """The series of moments that is spread over rows, step by step, with its last one."""
    series = node.this
    if not isinstance(series, exp.GenerateSeries) or series.args.get("is_end_exclusive"):
        raise Different
    if not isinstance(series.args.get("step"), exp.Interval):
        raise Different
    return series


def of_mask(node: exp.Expr) -> str:
    """The pattern of a mask: its replacement alone means the same in all kinds of regular expressions."""
    given = [node.expression, node.args.get("replacement"), node.args.get("modifiers")]
    texts = tuple(one.name if isinstance(one, exp.Literal) else "" for one in given)
    if texts not in ((E_MAIL, KEPT, ""), (FIRST, KEPT, "s")):
        raise Different
    return texts[0]
