"""What PostgreSQL says otherwise than DuckDB, so that one question has one answer."""

from __future__ import annotations

from sqlglot import exp

from handrail.adapters.engines import rules
from handrail.adapters.engines.spread import Different
from handrail.adapters.engines.translate import Dialect, Rule, words

_DOUBLE, _NUMERIC, _BIGINT, _TEXT = (
    exp.DataType.build(name) for name in ("DOUBLE", "DECIMAL", "BIGINT", "TEXT")
)
_DATE, _TIMESTAMP = (exp.DataType.build(name) for name in ("DATE", "TIMESTAMP"))
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}
# Parts of a moment that PostgreSQL has another name for.
_PARTS = {"DAYOFWEEK": "DOW", "DAYOFYEAR": "DOY", "DAYOFWEEKISO": "ISODOW"}
_LARGEST = {"SMALLINT": 2**15, "INT": 2**31, "BIGINT": 2**63}


def _double(node: exp.Expr) -> exp.Expr:
    return _cast(node, _DOUBLE)


def _fraction(node: exp.Expr) -> exp.Expr:
    """DuckDB's / never divides as whole numbers do."""
    above, below = _double(node.this.copy()), _double(node.expression.copy())
    return exp.Paren(this=exp.Div(this=above, expression=below, typed=True))


def _as_double(node: exp.Expr) -> exp.Expr:
    return node if isinstance(node.parent, exp.Window | exp.Filter) else _double(node.copy())


def _windowed(node: exp.Expr) -> exp.Expr:
    """An average over a window or a filter is a double as well; the cast goes around the whole."""
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    if isinstance(inner, exp.Avg) and not isinstance(node.parent, exp.Window):
        return _double(node.copy())
    return node


def _sha256(node: exp.Expr) -> exp.Expr:
    if node.args.get("length") and node.args["length"].name != "256":
        raise Different
    octets = exp.Anonymous(this="convert_to", expressions=[node.this.copy(), exp.Literal.string("UTF8")])
    digest = exp.Anonymous(this="sha256", expressions=[octets])
    return exp.Anonymous(this="encode", expressions=[digest, exp.Literal.string("hex")])


def _part(node: exp.Expr) -> exp.Expr:
    texts = [exp.Literal.string(rules.of_mask(node)), exp.Literal.string(rules.KEPT)]
    return exp.Anonymous(this="regexp_replace", expressions=[node.this.copy(), *texts])


def _trunc(node: exp.Expr) -> exp.Expr:
    moment = _cast(node.this.copy(), _TIMESTAMP)
    return exp.Anonymous(this="date_trunc", expressions=[rules.unit(node), moment])


def _steps(node: exp.Expr) -> exp.Expr:
    """A row for each step from one moment to another; of days PostgreSQL would make moments somewhere."""
    series = rules.steps(node)
    ends = [_cast(series.args[end].copy(), _TIMESTAMP) for end in ("start", "end")]
    return exp.Anonymous(this="generate_series", expressions=[*ends, series.args["step"].copy()])


def _only_as_rows(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.parent, exp.Explode):
        raise Different
    return node


def _extracted(name: str, moment: exp.Expr) -> exp.Expr:
    """A part of a moment: whole, but for the seconds of an age."""
    part = exp.Extract(this=exp.var(_PARTS.get(name, name)), expression=moment.copy())
    return _double(part) if name == "EPOCH" else _cast(exp.Floor(this=part), _BIGINT)


def _extract(node: exp.Expr) -> exp.Expr:
    return _extracted(node.name.upper(), node.expression)


def _part_named(name: str) -> Rule:
    return lambda node: _extracted(name, node.this)


def _between(node: exp.Expr) -> exp.Expr:
    """DuckDB counts the boundaries that lie between two moments."""
    unit = node.args["unit"].name.upper()
    return _apart(unit, _boundary(unit, node.expression.copy()), _boundary(unit, node.this.copy()))


def _boundary(unit: str, moment: exp.Expr) -> exp.Expr:
    """What counts up by one at each boundary; of seconds, minutes and hours the last one."""
    if unit == "DAY":
        return _cast(moment, _DATE)
    if unit in _SECONDS:
        return exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string(unit.lower()), moment])
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(unit)
    if months is None:
        raise Different
    year = exp.Extract(this=exp.var("YEAR"), expression=moment)
    if months == 12:
        return _cast(year, _BIGINT)
    part = exp.Extract(this=exp.var(unit), expression=moment.copy())
    whole = exp.Add(this=exp.Mul(this=year, expression=exp.Literal.number(12 // months)), expression=part)
    return _cast(exp.Paren(this=whole), _BIGINT)


def _apart(unit: str, first: exp.Expr, last: exp.Expr) -> exp.Expr:
    between = exp.Paren(this=exp.Sub(this=last, expression=first))
    if unit not in _SECONDS:
        return between
    seconds = exp.Extract(this=exp.var("EPOCH"), expression=between)
    return _cast(exp.Div(this=seconds, expression=exp.Literal.number(_SECONDS[unit]), typed=True), _BIGINT)


def _cast(node: exp.Expr, kind: exp.DataType) -> exp.Expr:
    return exp.Cast(this=node, to=kind.copy())


def _try(node: exp.Expr) -> exp.Expr:
    """There is no TRY_CAST; a text never fails, and a bucket's lower end only at the edge of its type."""
    kind, value = node.args["to"], node.this
    name = kind.this.value
    if name in ("VARCHAR", "TEXT"):
        return exp.Cast(this=value.copy(), to=kind.copy())
    if not (isinstance(value, exp.Mul) and isinstance(value.this, exp.Floor)):
        raise Different
    if name in ("DOUBLE", "FLOAT"):
        return exp.Cast(this=value.copy(), to=kind.copy())
    if name == "DECIMAL":
        digits = [int(part.name) for part in kind.expressions] or [18, 3]
        most, strict = 10 ** (digits[0] - digits[1]), True
    else:
        most, strict = _LARGEST[name], False
    fits = exp.and_(
        (exp.GT if strict else exp.GTE)(
            this=value.copy(), expression=_double(exp.Literal.string(f"{-most}"))
        ),
        exp.LT(this=value.copy(), expression=_double(exp.Literal.string(f"{most}"))),
    )
    return exp.Case(ifs=[exp.If(this=fits, true=exp.Cast(this=value.copy(), to=kind.copy()))])


def _like(node: exp.Expr) -> exp.Expr:
    """DuckDB has no escape in LIKE until one is named."""
    if isinstance(node.parent, exp.Escape):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string(""))


def _ilike(node: exp.Expr) -> exp.Expr:
    value, pattern = (_case(exp.Lower(this=side.copy())) for side in (node.this, node.expression))
    made = exp.Like(this=value, expression=pattern, negate=node.args.get("negate"))
    return made if isinstance(node.parent, exp.Escape) else _like(made)


def _case(node: exp.Expr) -> exp.Expr:
    """Capitals of all languages: the C collation, in which texts compare as in DuckDB, knows ASCII alone."""
    unicode, plain = (exp.to_identifier(name, quoted=True) for name in ("und-x-icu", "C"))
    words = exp.Collate(this=exp.Paren(this=rules.other_case(node)), expression=unicode)
    return exp.Paren(this=exp.Collate(this=type(node)(this=words), expression=plain))


def _round(node: exp.Expr) -> exp.Expr:
    number = _cast(node.this.copy(), _NUMERIC)
    places = node.args.get("decimals")
    return exp.Anonymous(this="round", expressions=[number, *([places.copy()] if places else [])])


def _whole(node: exp.Expr) -> exp.Expr:
    sides = [_cast(rules.whole(side), _NUMERIC) for side in (node.this, node.expression)]
    return _cast(exp.Anonymous(this="div", expressions=sides), _BIGINT)


def _concat(node: exp.Expr) -> exp.Expr:
    """By way of a cast, which writes what is true as DuckDB does."""
    return exp.Anonymous(this="concat", expressions=[_cast(one.copy(), _TEXT) for one in node.expressions])


def _contains(node: exp.Expr) -> exp.Expr:
    found = exp.Anonymous(this="strpos", expressions=[node.this.copy(), node.expression.copy()])
    return exp.Paren(this=exp.GT(this=found, expression=exp.Literal.number(0)))


def _listed(node: exp.Expr) -> exp.Expr:
    """A list as text is written otherwise in every engine."""
    gathered = node.this.this if isinstance(node.this, exp.Filter) else node.this
    if isinstance(gathered, exp.ArrayAgg | exp.Array):
        raise Different
    return node


def _carried(node: exp.Expr) -> exp.Expr:
    """Lists of lists, which only hidden columns are: as JSON, because arrays of arrays must be rectangles."""
    lists = node.this.this if isinstance(node.this, exp.Flatten) else node
    if not isinstance(lists, exp.Filter | exp.ArrayAgg):
        raise Different
    gathered = lists.this if isinstance(lists, exp.Filter) else lists
    made = exp.Anonymous(this="jsonb_agg", expressions=[gathered.this.copy()])
    if not isinstance(lists, exp.Filter):
        return made
    return exp.Filter(this=made, expression=lists.expression.copy())


POSTGRES = Dialect(
    "postgres",
    "PostgreSQL",
    {
        exp.Div: _fraction,
        exp.IntDiv: _whole,
        exp.Avg: _as_double,
        exp.Window: _windowed,
        exp.Filter: _windowed,
        exp.SHA2: _sha256,
        exp.RegexpReplace: _part,
        exp.TimestampTrunc: _trunc,
        exp.DateTrunc: _trunc,
        exp.Explode: _steps,
        exp.GenerateSeries: _only_as_rows,
        exp.DateDiff: _between,
        exp.Cast: _listed,
        exp.Extract: _extract,
        exp.Quarter: _part_named("QUARTER"),
        exp.Year: _part_named("YEAR"),
        exp.Month: _part_named("MONTH"),
        exp.Day: _part_named("DAY"),
        exp.Hour: _part_named("HOUR"),
        exp.Minute: _part_named("MINUTE"),
        exp.Second: _part_named("SECOND"),
        exp.DayOfWeek: _part_named("DOW"),
        exp.DayOfWeekIso: _part_named("ISODOW"),
        exp.DayOfYear: _part_named("DOY"),
        exp.WeekOfYear: _part_named("WEEK"),
        exp.Concat: _concat,
        exp.CountIf: rules.counted,
        exp.Tuple: rules.tuple_,
        exp.SplitPart: rules.part_of_text,
        exp.TryCast: _try,
        exp.Like: _like,
        exp.ILike: _ilike,
        exp.Lower: _case,
        exp.Upper: _case,
        exp.Round: _round,
        exp.Substring: rules.substring,
        exp.Contains: _contains,
        exp.ArrayDistinct: _carried,
    },
    collation="C",
    also=words(
        "Corr CovarPop CovarSamp RegrSlope RegrIntercept RegrR2 GroupConcat PercentileCont Pad "
        "Median SplitPart Sin Cos Tan Asin Acos Atan Degrees Radians Array ArrayDistinct Flatten "
        "Explode GenerateSeries Hour Minute Second DayOfWeek DayOfWeekIso DayOfYear WeekOfYear",
    ),
)
