"""Dialects that are written and not yet run, because no server of theirs is to be had for tests.

They are no kinds of engine in the settings: what they write is held by golden files, so that an adapter can
be built on it once a server is there to show that it gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from handrail.adapters.engines.spread import Different
from handrail.adapters.engines.to_spark import SPARK
from handrail.adapters.engines.translate import Dialect, Rule, words

_MASKS = {r"^([^@]?)[^@]*": r"^([^@]?)[^@]*", r"^(.?).*$": r"(?s)^(.?).*$"}
_DOUBLE = exp.DataType.build("DOUBLE")


def _fraction(node: exp.Expr) -> exp.Expr:
    above, below = (exp.Cast(this=side.copy(), to=_DOUBLE.copy()) for side in (node.this, node.expression))
    return exp.Paren(this=exp.Div(this=above, expression=below, typed=True))


def _average(node: exp.Expr) -> exp.Expr:
    return exp.Avg(this=exp.Cast(this=node.this.copy(), to=_DOUBLE.copy()))


def _part(replacement: str) -> Rule:
    """The patterns of masks, with the first group written as this dialect writes it."""

    def rule(node: exp.Expr) -> exp.Expr:
        pattern = node.expression
        if not isinstance(pattern, exp.Literal) or pattern.name not in _MASKS:
            raise Different
        texts = [exp.Literal.string(_MASKS[pattern.name]), exp.Literal.string(replacement)]
        return exp.Anonymous(this="regexp_replace", expressions=[node.this.copy(), *texts])

    return rule


def _call(*names: str) -> Callable[[exp.Expr], exp.Expr]:
    """The last function of the first argument, and so on outwards: f(g(x))."""

    def rule(node: exp.Expr) -> exp.Expr:
        made: exp.Expr = node.this.copy()
        for name in reversed(names):
            made = exp.Anonymous(this=name, expressions=[made])
        return made

    return rule


def _dialect(name: str, shown: str, group: str, *sha: str, fence: str = "") -> Dialect:
    rules: dict[type[exp.Expr], Rule] = {
        exp.Div: _fraction,
        exp.Avg: _average,
        exp.RegexpReplace: _part(group),
    }
    if sha:
        rules[exp.SHA2] = _call(*sha)
    return Dialect(name, shown, rules, not_=words("ArrayAgg Any DateDiff"), longest_name=255, fence=fence)


TRINO = _dialect("trino", "Trino", "$1***", "lower", "to_hex", "sha256", "to_utf8")
SNOWFLAKE = _dialect("snowflake", "Snowflake", r"\1***")
# An OFFSET needs a LIMIT there.
BIGQUERY = _dialect("bigquery", "BigQuery", r"\1***", "to_hex", "sha256", fence="RAND() >= 0")
DATABRICKS = Dialect(
    "databricks", "Databricks", SPARK.rules, SPARK.also, SPARK.not_, SPARK.longest_name, SPARK.fence
)
