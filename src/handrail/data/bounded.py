"""Bounds what one function makes in one go: there no limit of an engine looks, and nothing interrupts it.

So the numbers that decide how long a text or a list becomes stand in the question, and are small.
"""

from __future__ import annotations

import math
import re

from sqlglot import exp

MAX_PADDED = 10_000  # characters that lpad and rpad may make, and times that repeat may repeat
MAX_LISTED = 100_000  # values in a list of range or generate_series; as tables they are made one by one
MAX_WIDTH = 1_000  # of a format
MAX_STATES = 1_000  # that the counts of a regular expression may multiply to

_DAYS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
_COUNT = re.compile(r"\{(\d*),?(\d*)\}")
_PATTERNS = (
    *(exp.RegexpLike, exp.RegexpILike, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpReplace),
    *(exp.RegexpSplit, exp.RegexpFullMatch, exp.SimilarTo),
)
# The kinds of node that are bounded here, and functions without a kind of their own.
LIMITED = (exp.Pad, exp.Repeat, exp.GenerateSeries, exp.Format, exp.Anonymous, *_PATTERNS)


def oversized(node: exp.Expr) -> str | None:
    """What is too much about this one node, as the beginning of a sentence; None when it is fine."""
    if isinstance(node, exp.Pad) and not _is_at_most(node.expression, MAX_PADDED):
        return f"Padding to anything but a number up to {MAX_PADDED:,} is"
    if isinstance(node, exp.Repeat) and not _is_at_most(node.args.get("times"), MAX_PADDED):
        return f"Repeating anything but a number of times up to {MAX_PADDED:,} is"
    as_list = isinstance(node, exp.GenerateSeries) and not isinstance(node.parent, exp.Table)
    if as_list and not _is_short(node):
        return f"A list of more than {MAX_LISTED:,} values, or of a number that is not written down, is"
    if isinstance(node, exp.Format) or (isinstance(node, exp.Anonymous) and node.name.lower() == "printf"):
        shape = node.this if isinstance(node, exp.Format) else next(iter(node.expressions), None)
        if not _is_narrow(shape):
            return f"A format that is not written down, or is wider than {MAX_WIDTH:,}, is"
    if isinstance(node, _PATTERNS) and not _is_small(node.expression):
        return "A regular expression that is neither written down nor a parameter, or counts that far, is"
    return None


def _is_at_most(node: exp.Expr | None, most: int) -> bool:
    found = _whole(node)
    return found is not None and 0 <= found <= most


def _whole(node: exp.Expr | None) -> int | None:
    """The whole number that is written here, or None."""
    sign = -1 if isinstance(node, exp.Neg) else 1
    number = node.this if isinstance(node, exp.Neg) else node
    if isinstance(number, exp.Literal) and number.this.isascii() and number.this.isdigit():
        return sign * int(number.this)
    return None


def _is_short(node: exp.Expr) -> bool:
    """Whether a list has few values: its numbers are written down; or it goes by days or longer, and there is
    one of it, since a list for each of many rows takes gigabytes at once.
    """
    step = node.args.get("step")
    if isinstance(step, exp.Interval):
        amount = step.this.this if isinstance(step.this, exp.Literal) else ""
        by_days = str(step.args.get("unit")).upper() in _DAYS and amount.isdigit() and int(amount) > 0
        return by_days and (node.find(exp.Column) is None or _stands_in_one_row(node))
    start, end, by = _whole(node.args.get("start")), _whole(node.args.get("end")), _whole(step) if step else 1
    if start is None or end is None or not by:
        return False
    return abs(end - start) <= MAX_LISTED * abs(by)


def _stands_in_one_row(node: exp.Expr) -> bool:
    """Whether the SELECT around a node reads nothing but totals of all rows."""
    select = node.find_ancestor(exp.Query)
    source = select.args.get("from_") if isinstance(select, exp.Select) else None
    inner = source.this.this if source and isinstance(source.this, exp.Subquery) else None
    if select is None or select.args.get("joins") or not isinstance(inner, exp.Select):
        return False
    totals = all(isinstance(one.unalias(), exp.AggFunc) for one in inner.expressions)
    return totals and not any(inner.args.get(part) for part in ("group", "distinct", "laterals"))


def _is_narrow(shape: exp.Expr | None) -> bool:
    if not isinstance(shape, exp.Literal):
        return False
    return "*" not in shape.this and all(int(n) <= MAX_WIDTH for n in re.findall(r"[0-9]+", shape.this))


def _is_small(pattern: exp.Expr | None) -> bool:
    if isinstance(pattern, exp.Placeholder | exp.Parameter):
        return True
    if not isinstance(pattern, exp.Literal):
        return False
    counts = (max(int(low or 1), int(high or 1)) for low, high in _COUNT.findall(pattern.this))
    return math.prod(count or 1 for count in counts) <= MAX_STATES
