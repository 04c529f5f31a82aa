"""What a sketch says about texts and ages: enough to invent others like them, no more.

Only aggregates are read. Every letter, word and range is shared by at least k rows, or entities.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from handrail.twins.columns import (
    Source,
    carry,
    code_sql,
    held,
    number_sql,
    quoted,
    shape_sql,
    some_of,
    text_shapes,
)
from handrail.twins.models import ColumnSketch
from handrail.twins.ranges import number_bins
from handrail.twins.semantics import meaning_of
from handrail.twins.shapes import is_code, places, room_of
from handrail.twins.spread import Spread

LOOKED_AT = 20_000  # rows that are enough to see a check digit or the words of a text
LETTERED = 5_000  # and a prefix
MOST_WORDS = 400
PROSE = 20  # characters from which a text with spaces may be free text
_RANGED = ("birth_date", "age")


def told(source: Source, column: ColumnSketch, value: str) -> ColumnSketch:
    """A text column with the shapes, lengths and words that k share; `value` is its SQL as text."""
    shapes, lengths = text_shapes(source, value)
    column = replace(column, shapes=_escaped(shapes), lengths=lengths)
    looked = looked_at(source)
    if sum(share for shape, share in column.shapes if is_code(shape)) >= 0.5:
        check = _check(source, looked, value)
        lettered = some_of(source, LETTERED)
        return replace(column, shapes=_with_letters(source, lettered, value, column.shapes), check=check)
    if lengths[1] < PROSE or column.unique:
        return column
    words, sentences = _words(source, looked, value)
    return replace(column, words=words, sentences=sentences)


def ranged(source: Source, column: ColumnSketch) -> ColumnSketch:
    """A birth date or an age with its ranges: they depend on nothing, and each stands for k."""
    if column.kind not in ("date", "timestamp", "integer"):
        return column
    if meaning_of(column.semantic, column.name) not in _RANGED or column.unique:
        return column
    value = number_sql(quoted(column.name), column.type, column.kind)
    bins = tuple(one for one in number_bins(Spread(source, value), column.step) if one.kind != "value")
    kept = [0] * len(bins)
    code, given = code_sql(bins, "x", True, "")
    rows = f"(SELECT {value} AS x{carry(source)} FROM {source.relation})"
    for place, n in source.all(
        f"SELECT {code} AS c, count(*) FROM {rows} GROUP BY c HAVING c IS NOT NULL AND {held(source)} >= ?",
        [*given, source.k],
    ):
        kept[place] = int(n)
    total = sum(kept)
    if not total or not any(kept[1:]):
        return column
    return replace(column, bins=bins, shares=tuple(round(n / total, 4) for n in kept))


def _escaped(shapes: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple((shape.replace("\\", "\\\\"), share) for shape, share in shapes)


def looked_at(source: Source) -> str:
    """Rows that are enough to see what most have."""
    return some_of(source, LOOKED_AT)


def _with_letters(
    source: Source, looked: str, value: str, shapes: tuple[tuple[str, float], ...]
) -> tuple[tuple[str, float], ...]:
    """Shapes with the letters that all texts of a shape share: `ORD-9999` instead of `AAA-9999`.

    Leading digits are kept too where plenty of room is left, as of a dialling code.
    """
    longest = max(len(places(shape)) for shape, _ in shapes)
    same = ", ".join(
        f"CASE WHEN min(x[{i}]) = max(x[{i}]) THEN min(x[{i}]) END" for i in range(1, longest + 1)
    )
    rows = source.all(
        f"SELECT s, {same} FROM (SELECT {value} AS x, {shape_sql(value)} AS s{carry(source)} "
        f"FROM {looked} WHERE len({value}) <= {longest}) GROUP BY s HAVING {held(source)} >= ?",
        [source.k],
    )
    known = {str(row[0]): row[1:] for row in rows}
    return tuple(
        (_kept(shape, known.get(shape.replace("\\\\", "\\")), source.rows), share) for shape, share in shapes
    )


def _kept(shape: str, shared: Sequence[str | None] | None, rows: int) -> str:
    if shared is None:
        return shape
    made, leading = [], True
    letters = places(shape)
    for (letter, is_open), same in zip(letters, shared, strict=False):
        kept = is_open and same is not None and same.isascii() and same.isalpha()
        leading = leading and (not is_open or same is not None)
        digit = is_open and same is not None and same.isdigit() and leading
        written = (
            f"\\{same}" if kept or digit else (letter if is_open or letter not in "Aa9\\" else f"\\{letter}")
        )
        made.append((written, digit, letter))
    tight = "".join(written for written, _, _ in made)
    if room_of(tight) >= 1000 * max(rows, 1):
        return tight
    loose = "".join(letter if digit else written for written, digit, letter in made)
    return loose if room_of(loose) >= 2 * rows or room_of(shape) < 2 * rows else shape


_CHECK_SQL = {
    "luhn": "CASE WHEN i % 2 = 0 THEN c::INTEGER * 2 - 9 * (c::INTEGER > 4)::INTEGER ELSE c::INTEGER END",
    "ean": "CASE WHEN i % 2 = 0 THEN c::INTEGER * 3 ELSE c::INTEGER END",
}


def _check(source: Source, looked: str, value: str) -> str:
    """The rule by which the last digit of nearly every text follows from the others; "" for none."""
    tests = ", ".join(
        f"avg((list_sum(list_transform(string_split(reverse(d), ''), lambda c, i: {sql})) % 10 = 0)::INTEGER)"
        for sql in _CHECK_SQL.values()
    )
    rows, holders, *shares = source.one(
        f"SELECT count(*), {held(source)}, {tests} "
        f"FROM (SELECT regexp_replace({value}, '[^0-9]', '', 'g') AS d{carry(source)} "
        f"FROM {looked} WHERE {value} IS NOT NULL LIMIT 2000) WHERE len(d) BETWEEN 8 AND 19"
    )
    if rows < 10 * source.k or holders < source.k:
        return ""
    return next((name for name, share in zip(_CHECK_SQL, shares, strict=True) if share and share >= 0.99), "")


def _words(source: Source, looked: str, value: str) -> tuple[tuple[tuple[str, float], ...], int]:
    """Words that k rows share, each as often as it occurs, and how many sentences a text usually has."""
    texts = f"(SELECT {value} AS x{carry(source)} FROM {looked} WHERE {value} IS NOT NULL)"
    spaced, stops, rows = source.one(
        f"SELECT avg(len(x) - len(replace(x, ' ', ''))), avg(len(regexp_extract_all(x, '[.!?](\\s|$)'))), "
        f"count(*) FROM {texts}"
    )
    if rows < 10 * source.k or (spaced or 0) < 2:
        return (), 0
    found = source.all(
        f"SELECT mode(w ORDER BY w), count(*) AS n FROM (SELECT "  # in an order, or threads decide a tie
        f"unnest(list_distinct(string_split_regex(left(x, 2000), '[^\\p{{L}}]+'))) AS w"
        f"{', holder' if source.entity else ''} FROM {texts}) "
        f"WHERE len(w) BETWEEN 1 AND 24 "
        f"GROUP BY lower(w) HAVING {held(source)} >= ? ORDER BY n DESC, 1 LIMIT {MOST_WORDS}",
        [source.k],
    )
    if len(found) < 12:  # fewer say nothing about a language
        return (), 0
    total = sum(n for _, n in found)
    return tuple((str(word), round(n / total, 5)) for word, n in found), round(stops or 0)
