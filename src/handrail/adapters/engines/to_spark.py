"""What Spark says otherwise than DuckDB, so that one question has one answer; its session is ANSI, in UTC."""

from __future__ import annotations

from sqlglot import exp

from handrail.adapters.engines import rules
from handrail.adapters.engines.spread import Different
from handrail.adapters.engines.translate import Dialect, Rule, words

_DOUBLE, _TEXT, _BIGINT, _DATE, _MOMENT, _INSTANT, _WHOLE = (
    exp.DataType.build(name, dialect="spark")
    for name in ("DOUBLE", "STRING", "BIGINT", "DATE", "TIMESTAMP_NTZ", "TIMESTAMP", "DECIMAL(38, 0)")
)
_PATTERNS = {rules.FIRST: r"(?s)^(.?).*"}
_WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_PARTS = words("YEAR QUARTER MONTH WEEK DAY HOUR MINUTE")
_DAYS = {
    **dict.fromkeys(("DOW", "DAYOFWEEK"), ("dayofweek", -1)),
    **dict.fromkeys(("ISODOW", "DAYOFWEEKISO"), ("weekday", 1)),
    **dict.fromkeys(("DOY", "DAYOFYEAR"), ("dayofyear", 0)),
}
_NO_ESCAPE = "\x01"  # LIKE has an escape always; this one stands in no pattern


def _cast(node: exp.Expr, kind: exp.DataType) -> exp.Expr:
    return exp.Cast(this=node, to=kind.copy())


def _fraction(node: exp.Expr) -> exp.Expr:
    above, below = _cast(node.this.copy(), _DOUBLE), _cast(node.expression.copy(), _DOUBLE)
    return exp.Paren(this=exp.Div(this=above, expression=below, typed=True))


def _average(node: exp.Expr) -> exp.Expr:
    """Of doubles: Spark rounds an average of decimals to four more digits."""
    of = node.this
    if isinstance(of, exp.Distinct):
        of = exp.Distinct(expressions=[_cast(one.copy(), _DOUBLE) for one in of.expressions])
    else:
        of = _cast(of.copy(), _DOUBLE)
    return exp.Avg(this=of)


def _part(node: exp.Expr) -> exp.Expr:
    pattern = rules.of_mask(node)
    texts = [exp.Literal.string(_PATTERNS.get(pattern, pattern)), exp.Literal.string("$1***")]
    return exp.Anonymous(this="regexp_replace", expressions=[node.this.copy(), *texts])


def _steps(node: exp.Expr) -> exp.Expr:
    """A row for each step from one moment to another, and nothing else that is spread out."""
    if isinstance(node, exp.Explode):
        rules.steps(node)
    elif not isinstance(node.parent, exp.Explode):
        raise Different
    return node


def _trunc(node: exp.Expr) -> exp.Expr:
    moment = _cast(node.this.copy(), _MOMENT)
    return _cast(exp.Anonymous(this="date_trunc", expressions=[rules.unit(node), moment]), _MOMENT)


def _between(node: exp.Expr) -> exp.Expr:
    """DuckDB counts the boundaries that lie between two moments."""
    unit = node.args["unit"].name.upper()
    ends = [node.this.copy(), node.expression.copy()]
    if unit == "DAY":
        return exp.Anonymous(this="datediff", expressions=[_cast(end, _DATE) for end in ends])
    last, first = (_boundary(unit, end) for end in ends)
    return exp.Paren(this=exp.Sub(this=last, expression=first))


def _boundary(unit: str, moment: exp.Expr) -> exp.Expr:
    if unit in _SECONDS:
        since = exp.Anonymous(this="unix_seconds", expressions=[_cast(moment, _INSTANT)])
        hours = exp.Div(this=since, expression=exp.Literal.number(_SECONDS[unit]), typed=True)
        return exp.Anonymous(this="floor", expressions=[hours])
    if unit not in _MONTHS:
        raise Different
    year = exp.Extract(this=exp.var("YEAR"), expression=moment)
    if unit == "YEAR":
        return year
    part = exp.Extract(this=exp.var(unit), expression=moment.copy())
    times = exp.Literal.number(12 // _MONTHS[unit])
    return exp.Paren(this=exp.Add(this=exp.Mul(this=year, expression=times), expression=part))


def _later(node: exp.Expr) -> exp.Expr:
    """A date and an interval make a moment in DuckDB, and a date here."""
    if isinstance(node.expression, exp.Interval):
        return type(node)(this=_cast(node.this.copy(), _MOMENT), expression=node.expression.copy())
    return node


def _like(node: exp.Expr) -> exp.Expr:
    """DuckDB has no escape in LIKE until one is named."""
    if isinstance(node.parent, exp.Escape):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string(_NO_ESCAPE))


def _concat(node: exp.Expr) -> exp.Expr:
    """DuckDB leaves out what is missing, and takes any type."""
    parts = [
        exp.Coalesce(this=_cast(one.copy(), _TEXT), expressions=[exp.Literal.string("")])
        for one in node.expressions
    ]
    return exp.Anonymous(this="concat", expressions=parts)


def _rounded(node: exp.Expr) -> exp.Expr:
    """A cast to a whole number rounds in DuckDB, halves of a double to the even one, and cuts here."""
    if node.args["to"].this.value not in _WHOLE_NUMBERS or isinstance(node.this, exp.Placeholder):
        return node
    kind = exp.Anonymous(this="typeof", expressions=[node.this.copy()])
    names = [exp.Literal.string(name) for name in ("double", "float")]
    even = exp.Anonymous(this="rint", expressions=[node.this.copy()])
    whole, made, other = node.copy(), node.copy(), node.copy()
    whole.set("to", _WHOLE.copy())
    made.set("this", whole)
    other.set("this", even)
    return exp.Case(ifs=[exp.If(this=exp.In(this=kind, expressions=names), true=other)], default=made)


def _among(node: exp.Expr) -> exp.Expr:
    """IN a subquery: outside of conditions of rows what is missing is in nothing here, instead of unknown."""
    if not node.args.get("query"):
        return node
    above, denied = node.parent, isinstance(node.parent, exp.Not)
    while isinstance(above, exp.And | exp.Paren | exp.Not if denied else exp.And | exp.Or | exp.Paren):
        above = above.parent
    if not isinstance(above, exp.Where):
        raise Different
    return node


def _whole(node: exp.Expr) -> exp.Expr:
    sides = [_cast(_cast(rules.whole(side), _WHOLE), _BIGINT) for side in (node.this, node.expression)]
    return exp.Paren(this=exp.IntDiv(this=sides[0], expression=sides[1]))


def _gathered(node: exp.Expr) -> exp.Expr:
    """collect_list leaves out what is missing, so it is said only where DuckDB is told to do that too."""
    condition = node.parent.expression.this if isinstance(node.parent, exp.Filter) else None
    of = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    there = exp.Not(this=exp.Is(this=of.copy(), expression=exp.null()))
    if condition not in (there, exp.Paren(this=there)):
        raise Different
    name = "collect_set" if isinstance(node.this, exp.Distinct) else "collect_list"
    return exp.Anonymous(this=name, expressions=[of.copy()])


def _distinct(node: exp.Expr) -> exp.Expr:
    if node.args.get("on"):
        raise Different
    return node


def _extracted(name: str, moment: exp.Expr) -> exp.Expr:
    """A part of a moment, whole; weeks begin with Sunday as 1 or Monday as 0 here."""
    if name in _DAYS:
        function, more = _DAYS[name]
        day = exp.Anonymous(this=function, expressions=[moment.copy()])
        return exp.Paren(this=exp.Add(this=day, expression=exp.Literal.number(more)))
    part = exp.Extract(this=exp.var(name), expression=moment.copy())
    if name in ("SECOND", "SECONDS"):
        return exp.Anonymous(this="floor", expressions=[part])
    if name not in _PARTS:
        raise Different
    return part


def _part_named(name: str) -> Rule:
    return lambda node: _extracted(name, node.this)


def _ln(node: exp.Expr) -> exp.Expr:
    """Of 0 and below it is no number that there is, and here it would be missing."""
    number = _cast(node.this.copy(), _DOUBLE)
    zero, texts = exp.Literal.number(0), {exp.EQ: "-Infinity", exp.LT: "NaN"}
    cases = [exp.If(this=exp.GT(this=number, expression=zero), true=exp.Ln(this=number.copy()))]
    for kind, text in texts.items():
        below = kind(this=number.copy(), expression=zero.copy())
        cases.append(exp.If(this=below, true=_cast(exp.Literal.string(text), _DOUBLE)))
    return exp.Case(ifs=cases)


def _end_of_text(node: exp.Expr) -> exp.Expr:
    """LEFT and RIGHT of so many letters; all but so many is nothing here."""
    if not (isinstance(node.expression, exp.Literal) and node.expression.is_int):
        raise Different
    return node


def _other_case(node: exp.Expr) -> exp.Expr:
    return type(node)(this=rules.other_case(node))


SPARK = Dialect(
    "spark",
    "Spark",
    {
        exp.Div: _fraction,
        exp.IntDiv: _whole,
        exp.Avg: _average,
        exp.RegexpReplace: _part,
        exp.TimestampTrunc: _trunc,
        exp.DateTrunc: _trunc,
        exp.Explode: _steps,
        exp.GenerateSeries: _steps,
        exp.DateDiff: _between,
        exp.Add: _later,
        exp.Sub: _later,
        exp.Like: _like,
        exp.ILike: _like,
        exp.Concat: _concat,
        exp.Cast: _rounded,
        exp.TryCast: _rounded,
        exp.ArrayAgg: _gathered,
        exp.Distinct: _distinct,
        exp.Substring: rules.substring,
        exp.Extract: lambda node: _extracted(node.name.upper(), node.expression),
        exp.DayOfWeek: _part_named("DOW"),
        exp.DayOfWeekIso: _part_named("ISODOW"),
        exp.DayOfYear: _part_named("DOY"),
        exp.WeekOfYear: _part_named("WEEK"),
        exp.Hour: _part_named("HOUR"),
        exp.Minute: _part_named("MINUTE"),
        exp.Second: _part_named("SECOND"),
        exp.Ln: _ln,
        exp.Left: _end_of_text,
        exp.Right: _end_of_text,
        exp.Lower: _other_case,
        exp.Upper: _other_case,
        exp.CountIf: rules.counted,
        exp.In: _among,
        exp.Tuple: rules.tuple_,
    },
    also=words(
        "Explode GenerateSeries TINYINT Array ArrayDistinct Flatten Median Corr CovarPop CovarSamp "
        "Hour Minute Second DayOfWeek DayOfWeekIso DayOfYear WeekOfYear"
    ),
    not_=words("Any"),
    longest_name=255,
    # An OFFSET of 0 is optimised away, and rand() >= 0 as well; of this nothing is known before it is run.
    fence="monotonically_increasing_id() >= 0",
)
