"""Column masks: what stands in the place of a value that a viewer may not see.

`null` leaves nothing. `hash` is a pseudonym: SHA-256 of a key of this instance and the value, cut to 20 hex
digits; equal values have equal pseudonyms in every dataset, so joins still work, and nobody without the key
can try values. A hash of which two thirds are cut off cannot be continued to that of a longer value, which is
what HMAC hashes twice against (the chop construction of Coron, Dodis, Malinaud and Puniya, "Merkle-Damgård
Revisited", CRYPTO 2005); and key and most values fill one block, at a quarter of the work. `partial` keeps a
hint: an e-mail's domain, a date's year, else the first character. `bucket` leaves of a number the lower end
of its range, `truncate` of a date the first day of its month or year. `aggregate` leaves of numbers nothing
but totals: see `aggregate_only`.
"""

import hashlib
from collections.abc import Collection, Iterator
from functools import lru_cache

from sqlglot import exp

from handrail.data.models import Column, Mask

KEY = "mask_key"  # the parameter that carries the key; a query's own parameters never begin so
LEAST = 5  # a total and a spread over fewer, and one's own value, tell too much of the others
_DIGITS = 20
_KEY_DIGITS = 32  # 128 bits, which leave room for a value of 23 bytes in the first block
_FRACTIONS = ("FLOAT", "DOUBLE")
_NUMBERS = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "DECIMAL"),
    *_FRACTIONS,
)
_DATES = ("DATE", "TIMESTAMP")


def key(secret: bytes) -> str:
    """The value of the parameter that `hash` uses, in hex digits, derived from the instance's secret."""
    return hashlib.sha256(secret + KEY.encode()).hexdigest()[:_KEY_DIGITS]


def misfit(mask: Mask, type_: str) -> str | None:
    """Why this mask cannot hide a column of this type, as the end of a sentence; None when it can."""
    if mask.kind == "bucket" and not _is(type_, _NUMBERS):
        return f"a bucket hides numbers, and its type is {type_}"
    if mask.kind == "bucket" and not (mask.width and 0 < mask.width < 1e15):
        return "a bucket needs a width above 0, as in bucket(1000)"
    if mask.kind == "bucket" and mask.width and mask.width % 1 and type_ not in _FRACTIONS:
        return f"the width of a bucket must be a whole number for the type {type_}"
    if mask.kind == "aggregate" and not _is(type_, _NUMBERS):
        return f"only numbers are seen in totals, and its type is {type_}"
    if mask.kind == "aggregate" and not (mask.least and mask.least >= LEAST):
        return f"totals need a number of entities from {LEAST} on, as in aggregate(10)"
    if mask.kind == "truncate" and not _is(type_, _DATES):
        return f"truncate hides dates, and its type is {type_}"
    if mask.kind == "truncate" and mask.to not in ("month", "year"):
        return "truncate needs month or year, as in truncate(month)"
    if mask.kind == "partial" and type_ == "BOOLEAN":
        return "the first letter of a truth value is all of it"
    return None


def _is(type_: str, names: tuple[str, ...]) -> bool:
    """Whether a type is one of these, with whatever stands in brackets after it; a list of them is not."""
    return type_.startswith(names) and not type_.endswith("]")


def misplaced(columns: Collection[Column], entity_key: str | None) -> Iterator[tuple[Column, str]]:
    """Masks that cannot hide their column among these, with the reason as the end of a sentence."""
    known = {column.name: column for column in columns}
    for column in columns:
        for name in column.mask.by if column.mask else ():
            by = known.get(name)
            if by is None:
                yield column, f"its totals are grouped by {name}, which is no column"
            elif by.unique or by.primary_key or name == entity_key:
                yield column, f"its totals are grouped by {name}, which tells entities apart"
            elif by.mask and by.mask.kind == "aggregate":
                yield column, f"its totals are grouped by {name}, of which only totals are seen"


def masked(column: Column, groups: frozenset[str]) -> bool:
    """Whether a viewer in `groups` sees this column only masked."""
    return column.mask is not None and not groups & set(column.mask.unless_groups)


def needs_key(column: Column, groups: frozenset[str]) -> bool:
    """Whether a viewer in `groups` sees pseudonyms of this column, which are made with `KEY`."""
    return masked(column, groups) and column.mask is not None and column.mask.kind == "hash"


def shown_type(column: Column, groups: frozenset[str]) -> str:
    """The type in which a viewer in `groups` sees this column, masked or not."""
    if not masked(column, groups) or column.mask is None:
        return column.type
    if column.mask.kind == "partial" and _is(column.type, _DATES):
        return column.type
    return "VARCHAR" if column.mask.kind in ("hash", "partial") else column.type


def data_type(type_: str) -> exp.DataType:
    """A type of a contract, as a tree of its own."""
    return _data_type(type_).copy()


@lru_cache(maxsize=1024)
def _data_type(type_: str) -> exp.DataType:
    return exp.DataType.build(type_, dialect="duckdb")


def expression(column: Column, value: exp.Expr) -> exp.Expr:
    """What is shown instead of `value`, a reference to `column`."""
    assert column.mask is not None
    kind = data_type(column.type)
    if column.mask.kind == "null":
        return exp.cast(exp.null(), kind)
    if column.mask.kind == "hash":
        return _start(
            exp.func("SHA256", exp.DPipe(this=_key(), expression=_text(value)), dialect="duckdb"), _DIGITS
        )
    if column.mask.kind == "bucket":
        width = exp.Literal.number(column.mask.width or 1)
        lower = exp.Mul(this=exp.Floor(this=exp.Div(this=value, expression=width)), expression=width.copy())
        return exp.TryCast(this=lower, to=kind)  # at the edge of the type: nothing
    if _is(column.type, _DATES):
        to = exp.Literal.string(column.mask.to or "year")
        return exp.cast(exp.func("DATE_TRUNC", to, value, dialect="duckdb"), kind)
    if column.semantic == "email":
        pattern, instead = exp.Literal.string("^([^@]?)[^@]*"), exp.Literal.string(r"\1***")
        return exp.Anonymous(this="REGEXP_REPLACE", expressions=[_text(value), pattern, instead])
    return exp.DPipe(this=_start(_text(value), 1), expression=exp.Literal.string("***"))


def _start(text: exp.Expr, characters: int) -> exp.Expr:
    return exp.func("LEFT", text, exp.Literal.number(characters), dialect="duckdb")


def _key() -> exp.Expr:
    return exp.cast(exp.Placeholder(this=KEY), data_type("VARCHAR"))


def _text(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, data_type("VARCHAR"))
