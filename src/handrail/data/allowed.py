"""What a governed query may be made of: every kind of syntax node and every function, by name.

Whatever is not listed is refused, so a construct that a future parser learns is closed until somebody
opens it here. Nothing listed may read a file, the catalog, the settings or the environment, keep state,
or run text as SQL.
"""

from sqlglot import exp

# ruff: noqa: SIM905 - words in columns are read and reviewed more easily than quoted lists

# Kinds of syntax node, by their sqlglot class name: statements, sources, clauses, operators, literals.
NODES = frozenset(
    """
    Select Union Intersect Except Subquery With CTE From Join Table TableAlias Values Unnest Lateral
    Where Group Having Qualify Order Ordered Limit Offset Distinct Cube Rollup GroupingSets
    Window WindowSpec Filter WithinGroup IgnoreNulls RespectNulls
    Alias Column Identifier Star Dot Tuple Paren Var
    Literal Boolean Null Placeholder Parameter Interval DataType DataTypeParam
    And Or Not Xor EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Exists Any All
    Like ILike RegexpLike RegexpFullMatch RegexpILike SimilarTo Escape
    Add Sub Mul Div IntDiv Mod Pow Neg DPipe BitwiseAnd BitwiseOr BitwiseXor BitwiseNot
    BitwiseLeftShift BitwiseRightShift
    Case If Cast TryCast Bracket Slice Array Struct PropertyEQ AtTimeZone
    JSONExtract JSONExtractScalar JSONPath JSONPathRoot JSONPathKey JSONPathSubscript
    """.split()
)

# Functions that the parser knows, by sqlglot class name: aggregates, windows, null handling, numbers,
# text, dates, lists.
KNOWN_FUNCTIONS = frozenset(
    """
    Count Sum Avg Min Max Median Mode Stddev StddevPop StddevSamp Variance VariancePop First Last AnyValue
    ArgMin ArgMax GroupConcat ArrayAgg LogicalAnd LogicalOr CountIf ApproxDistinct ApproxQuantile
    PercentileCont PercentileDisc Quantile Corr CovarPop CovarSamp RegrSlope RegrIntercept RegrR2
    Skewness Kurtosis Grouping GroupingId
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue
    Coalesce Nullif Greatest Least
    Abs Ceil Floor Round Trunc Sign Sqrt Cbrt Exp Ln Log Pi Sin Cos Tan Asin Acos Atan Atan2 Degrees Radians
    IsNan IsInf Factorial Rand WidthBucket
    Concat ConcatWs Lower Upper Trim Length Left Right Substring Pad Repeat Replace Reverse SplitPart Split
    StartsWith EndsWith Contains StrPosition RegexpReplace RegexpExtract RegexpExtractAll Translate Ascii Chr
    Format Levenshtein JarowinklerSimilarity MD5 SHA2 Unicode
    TimestampTrunc DateTrunc Extract DateDiff DateAdd DateSub Year Month Day Quarter Week WeekOfYear DayOfWeek
    DayOfWeekIso DayOfMonth DayOfYear Hour Minute Second TimeToUnix UnixToTime Dayname Monthname LastDay
    DateFromParts TimestampFromParts TimeToStr StrToTime DateBin CurrentDate CurrentTimestamp ToDays Date
    Timestamp TsOrDsToDate TsOrDsToTimestamp
    ArraySize ArrayContains ArrayMin ArrayMax ArraySort ArrayDistinct ArrayConcat ArrayToString StructExtract
    Explode GenerateSeries Typeof
    """.split()
)

# Functions that the parser has no class for, by the name they are written with.
OTHER_FUNCTIONS = frozenset(
    """
    mean sum_if product entropy histogram mad iff isfinite gcd lcm even
    strlen prefix suffix printf jaccard damerau_levenshtein hamming strip_accents hash
    date_part datepart date_sub datesub dateadd weekday yearweek isoyear try_strptime age now
    get_current_timestamp to_months to_years to_weeks to_hours to_minutes to_seconds century decade era
    list_sum list_avg list_extract element_at cardinality bit_count
    """.split()
)

# Functions that may stand where a table stands.
TABLE_FUNCTIONS = frozenset({"GenerateSeries"})

# The parts of a SELECT, of a table and of a common table expression that may be filled.
PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        """expressions distinct from_ joins laterals where group having qualify windows order limit offset
        with_""".split()
    ),
    exp.Table: frozenset({"this", "alias", "joins", "db", "catalog"}),
    exp.Subquery: frozenset({"this", "alias", "joins", "with_", "order", "limit", "offset"}),
    exp.SetOperation: frozenset("this expression distinct by_name with_ order limit offset".split()),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Join: frozenset({"this", "side", "kind", "method", "on", "using"}),
    exp.Star: frozenset({"except_", "replace", "rename"}),
    exp.Limit: frozenset({"expression", "expressions"}),
}

# What an interval may be counted in, in singular; the parser takes any word of a quoted interval for a unit.
UNITS = frozenset(
    """
    microsecond millisecond second minute hour day week month quarter year decade century millennium
    us ms s sec m min h hr d w mon y yr usec msec
    centurie millennia
    """.split()
)

JOIN_METHODS = frozenset({"", "ASOF", "NATURAL"})
