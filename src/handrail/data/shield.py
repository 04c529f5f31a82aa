"""Keeps what a query computes away from rows that its viewer may not see.

An engine may run a condition before the row filter beneath it, or a function once over a column's dictionary,
hidden values and all. Where that costs next to nothing it tells nothing. But a function that can be made to
work for seconds on one chosen value tells, by how long it takes or by the limit that it breaks, whether the
value is there. A query that holds such a function reads its datasets through a fence.
What holds and what does not is docs/decisions/0017-hidden-rows-are-not-computed.md.
"""

from __future__ import annotations

from sqlglot import exp

# ruff: noqa: SIM905 - words in columns are read and reviewed more easily than quoted lists

_LONGEST = 1000  # characters of a literal that a cheap function may carry about

# What costs no more than reading the value: it may run over any row. Aggregates and window functions run over
# what the filter left in any case.
_CHEAP = frozenset(
    """
    Coalesce Nullif Greatest Least Case If And Or Not Cast TryCast Exists Any All Between In Interval
    Abs Ceil Floor Round Trunc Sign Sqrt Cbrt Exp Ln Log Pi Sin Cos Tan Asin Acos Atan Atan2 Degrees Radians
    IsNan IsInf
    Lower Upper Trim Length Left Right Substring StartsWith EndsWith Contains StrPosition Ascii
    TimestampTrunc DateTrunc Extract DateDiff DateAdd DateSub Year Month Day Quarter Week WeekOfYear DayOfWeek
    DayOfWeekIso DayOfMonth DayOfYear Hour Minute Second TimeToUnix UnixToTime LastDay CurrentDate
    CurrentTimestamp Date Timestamp TsOrDsToDate TsOrDsToTimestamp DateFromParts
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue
    Typeof Grouping GroupingId
    """.split()
)
_COSTLY_NODES = (
    exp.DPipe,
    *(exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpILike, exp.SimilarTo, exp.Escape),
    *(exp.Array, exp.Struct, exp.Bracket, exp.Slice, exp.JSONExtract, exp.JSONExtractScalar),
)
_TEXTS = exp.DataType.TEXT_TYPES
_WHOLE = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT", "UTINYINT", "USMALLINT", "UINT", "UBIGINT"})
# Where the value of a parameter, whose length is not known here, is compared and not carried about.
_LOOKS = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.In, exp.Between, exp.Tuple, exp.Limit, exp.Offset),
)
_LIKES = (exp.Like, exp.ILike)
_LOOKED_AT = (exp.Func, exp.Literal, exp.Placeholder, *_LIKES, *_COSTLY_NODES)


def is_harmless(tree: exp.Expr) -> bool:
    """Whether everything in a query may run over rows that its viewer may not see."""
    return not any(_is_costly(node) for node in tree.find_all(*_LOOKED_AT))


def fenced(select: exp.Select) -> exp.Select:
    """A dataset's own SELECT, so that nothing above it is computed over the rows that it leaves out."""
    return select.offset(0)  # which no condition crosses


def made_anew(value: exp.Expr, type_: str) -> exp.Expr:
    """The same value of a DuckDB type, made for the rows that are left: without the dictionary of its column.

    A function runs once over a dictionary only where it cannot fail, so this goes a long way round by one
    that can: from bytes to text, from a wider type to the column's own.
    """
    kind = exp.DataType.build(type_, dialect="duckdb")
    if kind.this in _TEXTS:
        utf8 = exp.Literal.string("utf-8")
        return exp.Decode(this=exp.Encode(this=value, charset=utf8), charset=utf8.copy())
    if kind.this in exp.DataType.NESTED_TYPES or kind.this in exp.DataType.ARRAY_TYPES:
        return value  # which has no dictionary of its own
    wide = "DECIMAL(38, 0)" if kind.this.value in _WHOLE else "VARCHAR"
    return exp.cast(exp.cast(value, wide, dialect="duckdb"), kind)


def _is_costly(node: exp.Expr) -> bool:
    if isinstance(node, _LIKES):
        return _is_slow_pattern(node)
    if isinstance(node, exp.Literal):
        return node.is_string and len(node.this) > _LONGEST
    if isinstance(node, exp.Placeholder):
        return not isinstance(node.parent, _LOOKS)
    if isinstance(node, _COSTLY_NODES):
        return True
    return (
        isinstance(node, exp.Func) and not isinstance(node, exp.AggFunc) and type(node).__name__ not in _CHEAP
    )


def _is_slow_pattern(node: exp.Like | exp.ILike) -> bool:
    """Whether matching may go back and forth: `%` and letters are found in one pass, `_` after `%` is not."""
    pattern = node.expression
    if not isinstance(pattern, exp.Literal):
        return True
    text: str = pattern.this
    return text.count("%") > 2 if isinstance(node, exp.ILike) else "%" in text and "_" in text
