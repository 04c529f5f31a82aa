"""Column masks: what stands in the place of a value that a viewer may not see.

`null` leaves nothing. `hash` is a pseudonym: HMAC-like SHA-256 under a key of this instance, cut to 20 hex
digits; equal values have equal pseudonyms in every dataset, so joins still work, and nobody without the key
can try values. `partial` keeps a hint: an e-mail's domain, a date's year, else the first character.
"""

import hashlib
from typing import Any

from sqlglot import exp

from handrail.data.models import Column

# Names of the parameters that carry the key; a query's own parameters never begin so.
INNER, OUTER = "mask_inner", "mask_outer"
_DIGITS = 20


def keys(secret: bytes) -> dict[str, str]:
    """The values of the parameters that `masked` uses, derived from the instance's secret."""
    return {name: hashlib.sha256(secret + name.encode()).hexdigest() for name in (INNER, OUTER)}


def masked(column: Column, groups: frozenset[str]) -> bool:
    """Whether a viewer in `groups` sees this column only masked."""
    return column.mask is not None and not groups & set(column.mask.unless_groups)


def expression(column: Column, value: exp.Expr) -> exp.Expr:
    """What is shown instead of `value`, a reference to `column`."""
    assert column.mask is not None
    kind = exp.DataType.build(column.type, dialect="duckdb")
    if column.mask.kind == "null":
        return exp.cast(exp.null(), kind)
    if column.mask.kind == "hash":
        return _hashed(_text(value))
    if kind.this in exp.DataType.TEMPORAL_TYPES:
        return exp.cast(exp.func("DATE_TRUNC", exp.Literal.string("year"), value, dialect="duckdb"), kind)
    if column.semantic == "email":
        return _call("REGEXP_REPLACE", _text(value), "^([^@]?)[^@]*", r"\1***")
    return _call("REGEXP_REPLACE", _text(value), "^(.?).*$", r"\1***", "s")


def _hashed(value: exp.Expr) -> exp.Expr:
    inner = exp.func("SHA256", exp.DPipe(this=_key(INNER), expression=value), dialect="duckdb")
    outer = exp.func("SHA256", exp.DPipe(this=_key(OUTER), expression=inner), dialect="duckdb")
    return exp.func("LEFT", outer, exp.Literal.number(_DIGITS), dialect="duckdb")


def _key(name: str) -> exp.Expr:
    return exp.cast(exp.Placeholder(this=name), "VARCHAR", dialect="duckdb")


def _text(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "VARCHAR", dialect="duckdb")


def _call(name: str, value: exp.Expr, *texts: str) -> exp.Expr:
    arguments: list[Any] = [exp.Literal.string(text) for text in texts]
    return exp.Anonymous(this=name, expressions=[value, *arguments])
