"""What a sketch says about texts and personal columns: enough to invent others like them, no more.

Only aggregates are read. Every letter, word, country and range is shared by at least k rows, or entities.
Whether one person stands behind several rows is told by counting, never by looking at who it is.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from handrail.twins.columns import Source, number_bins, number_sql, quoted, text_shapes
from handrail.twins.locales import ALPHABETS, Land, land_by_dial, land_of, land_of_columns
from handrail.twins.models import ColumnSketch, Field
from handrail.twins.plane import Plane
from handrail.twins.roles import Link
from handrail.twins.semantics import meaning_of, place_said
from handrail.twins.shapes import is_code, places, room_of

LOOKED_AT = 20_000  # rows that are enough to see a prefix, a check digit or the words of a text
MOST_WORDS = 400
PROSE = 20  # characters from which a text with spaces may be free text
ONE_PERSON = 0.95  # share of groups of rows that must agree for them to be about one person
_RANGED = ("birth_date", "age")
_WRITTEN = ("full_name", "first_name", "last_name", "street", "city", "company")


def told(source: Source, column: ColumnSketch, value: str) -> ColumnSketch:
    """A text column with the shapes, lengths and words that k share; `value` is its SQL as text."""
    shapes, lengths = text_shapes(source, value)
    column = replace(column, shapes=_escaped(shapes), lengths=lengths)
    looked = _looked_at(source)
    if sum(share for shape, share in column.shapes if is_code(shape)) >= 0.5:
        check = _check(source, looked, value)
        return replace(column, shapes=_with_letters(source, looked, value, column.shapes), check=check)
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
    bins = tuple(one for one in number_bins(source, value, column.step) if one.kind != "value")
    counts = []
    for one in bins:
        held = "x IS NULL" if one.kind == "null" else f"x >= {one.low!r} AND x < {one.high!r}"
        counts.append(f"count(*) FILTER ({held})")
    found = source.one(f"SELECT {', '.join(counts)} FROM (SELECT {value} AS x FROM {source.relation})")
    kept = [int(n) if n >= source.k else 0 for n in found]
    total = sum(kept)
    if not total or not any(kept[1:]):
        return column
    return replace(column, bins=bins, shares=tuple(round(n / total, 4) for n in kept))


def _escaped(shapes: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple((shape.replace("\\", "\\\\"), share) for shape, share in shapes)


def _looked_at(source: Source) -> str:
    every = source.rows // LOOKED_AT
    if every <= 1:
        return source.relation
    return f"(SELECT * FROM {source.relation} WHERE hash(rowid) % {every} = 0)"


def _shape_sql(value: str) -> str:
    letters = f"regexp_replace({value}, '\\p{{Lu}}', 'A', 'g')"
    return f"regexp_replace(regexp_replace({letters}, '[^\\x00-\\x7F]|[b-z]', 'a', 'g'), '[0-9]', '9', 'g')"


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
        f"SELECT s, {same} FROM (SELECT {value} AS x, {_shape_sql(value)} AS s{_carried(source)} "
        f"FROM {looked} WHERE len({value}) <= {longest}) GROUP BY s HAVING {source.holders} >= ?",
        [source.k],
    )
    known = {str(row[0]): row[1:] for row in rows}
    return tuple(
        (_kept(shape, known.get(shape.replace("\\\\", "\\")), source.rows), share) for shape, share in shapes
    )


def _carried(source: Source) -> str:
    return f", {source.entity}" if source.entity else ""


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
    rows, *shares = source.one(
        f"SELECT count(*), {tests} FROM (SELECT regexp_replace({value}, '[^0-9]', '', 'g') AS d "
        f"FROM {looked} WHERE {value} IS NOT NULL LIMIT 2000) WHERE len(d) BETWEEN 8 AND 19"
    )
    if rows < 10 * source.k:
        return ""
    return next((name for name, share in zip(_CHECK_SQL, shares, strict=True) if share and share >= 0.99), "")


def _words(source: Source, looked: str, value: str) -> tuple[tuple[tuple[str, float], ...], int]:
    """Words that k rows share, each as often as it occurs, and how many sentences a text usually has."""
    texts = f"(SELECT {value} AS x{_carried(source)} FROM {looked} WHERE {value} IS NOT NULL)"
    spaced, stops, rows = source.one(
        f"SELECT avg(len(x) - len(replace(x, ' ', ''))), avg(len(regexp_extract_all(x, '[.!?](\\s|$)'))), "
        f"count(*) FROM {texts}"
    )
    if rows < 10 * source.k or (spaced or 0) < 2:
        return (), 0
    found = source.all(
        f"SELECT mode(w), count(*) AS n FROM (SELECT unnest(list_distinct(string_split_regex(left(x, 2000), "
        f"'[^\\p{{L}}]+'))) AS w{_carried(source)} FROM {texts}) WHERE len(w) BETWEEN 1 AND 24 "
        f"GROUP BY lower(w) HAVING {source.holders} >= ? ORDER BY n DESC, 1 LIMIT {MOST_WORDS}",
        [source.k],
    )
    if len(found) < 12:  # fewer say nothing about a language
        return (), 0
    total = sum(n for _, n in found)
    return tuple((str(word), round(n / total, 5)) for word, n in found), round(stops or 0)


def lands(source: Source, fields: Sequence[Field], types: Mapping[str, str]) -> tuple[tuple[str, float], ...]:
    """The countries that people of a table live in, most first: as the contract says, or by what is seen."""
    said = [land for one in fields if (place := place_said(one.semantic)) and (land := land_of(place))]
    if said:
        return ((said[0].code, 1.0),)
    meanings = {
        one.name: meaning
        for one in fields
        if types[one.name] == "VARCHAR" and (meaning := meaning_of(one.semantic, one.name))
    }
    if not meanings:
        return ()
    by_language = land_of_columns(tuple(one.name for one in fields))
    for wanted, sql, known in (
        ("country", "trim({0})", land_of),
        ("phone", "regexp_extract({0}, '^[ (]*(?:\\+|00) *([0-9]{{1,3}})', 1)", land_by_dial),
        ("email", "upper(replace(regexp_extract(lower({0}), '\\.([a-z]{{2}})$', 1), 'uk', 'gb'))", land_of),
    ):
        for name in (name for name, meaning in meanings.items() if meaning == wanted):
            found = _voted(source, sql.format(quoted(name)), known)
            if found:
                return found
        if wanted == "phone" and (scripts := _alphabets(source, meanings)):
            return scripts
    return ((by_language.code, 1.0),) if by_language else ()


def _voted(source: Source, value: str, known: Callable[[str], Land | None]) -> tuple[tuple[str, float], ...]:
    """Shares of countries, where they are known of a fifth of the rows."""
    found = source.all(
        f"SELECT {value} AS v, count(*) AS n FROM {source.relation} WHERE v <> '' GROUP BY v "
        f"HAVING {source.holders} >= ? ORDER BY n DESC, v LIMIT 200",
        [source.k],
    )
    votes: dict[str, int] = {}
    for said, n in found:
        land = known(str(said))
        if land is not None:
            votes[land.code] = votes.get(land.code, 0) + int(n)
    total = sum(votes.values())
    if total * 5 < source.rows:
        return ()
    most = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))[:8]
    whole = sum(n for _, n in most)
    return tuple((code, round(n / whole, 4)) for code, n in most)


def _alphabets(source: Source, meanings: Mapping[str, str]) -> tuple[tuple[str, float], ...]:
    """The country whose letters the names of people and places are written in; () where they are plain."""
    written = [quoted(name) for name, meaning in meanings.items() if meaning in _WRITTEN]
    if not written:
        return ()
    joined = f"concat_ws(' ', {', '.join(written)})"
    counts = ", ".join(f"count(*) FILTER (regexp_matches(x, '{letters}'))" for letters, _ in ALPHABETS)
    looked = _looked_at(source)
    rows, *found = source.one(f"SELECT count(*), {counts} FROM (SELECT {joined} AS x FROM {looked})")
    least = max(source.k, 0.02 * rows)
    votes = [
        (n, -place, code)
        for place, (n, (_, code)) in enumerate(zip(found, ALPHABETS, strict=True))
        if n >= least
    ]
    return ((max(votes)[2], 1.0),) if votes else ()


def people(plane: Plane, table: str, columns: Sequence[ColumnSketch]) -> int:
    """How many different people the rows of a table are about, roughly; 0 where each row is another's."""
    rows = plane.rows[table]
    for wanted in ("email", "national_id", "username", "full_name", "phone"):
        for column in columns:
            if column.role != "fake" or column.kind != "text" or column.unique or column.follows:
                continue
            if meaning_of(column.semantic, column.name) != wanted:
                continue
            (distinct,) = plane.source(table).one(
                f"SELECT approx_count_distinct({quoted(column.name)}) FROM {plane.views[table]}"
            )
            unit = 10 ** max(0, len(str(distinct)) - 2)
            return (
                max(plane.k, distinct // unit * unit) if distinct < 0.9 * rows and rows >= 10 * plane.k else 0
            )
    return 0


def follows(plane: Plane, table: str, columns: Sequence[ColumnSketch]) -> tuple[ColumnSketch, ...]:
    """Personal columns with the link that says whose they are: the same in (nearly) all rows of one parent.

    Where each parent has one row, it is the same person when the parent's own column says the same.
    """
    found = list(columns)
    for place, column in enumerate(columns):
        if column.role != "fake" or column.kind not in ("text", "date", "timestamp"):
            continue
        for link in plane.links(table):
            if (
                link.to != table
                and not plane.late(table, link)
                and _agrees(plane, table, link.columns, column.name)
            ):
                found[place] = replace(column, follows=link.name)
                break
        else:
            for link in plane.links(table):
                if link.to in plane.tables and link.to != table and _equals(plane, table, link, column):
                    found[place] = replace(column, follows=link.name)
                    break
    return tuple(found)


def _agrees(plane: Plane, table: str, by: Sequence[str], column: str) -> bool:
    listed = ", ".join(quoted(one) for one in by)
    there = " AND ".join(f"{quoted(one)} IS NOT NULL" for one in (*by, column))
    groups, agreeing = plane.con.execute(
        f"SELECT count(*), coalesce(avg((d = 1)::INTEGER), 0) FROM (SELECT count(DISTINCT {quoted(column)}) "
        f"AS d FROM {plane.samples[table]} WHERE {there} GROUP BY {listed} HAVING count(*) > 1)"
    ).fetchall()[0]
    return bool(groups >= plane.k and agreeing >= ONE_PERSON)


def _equals(plane: Plane, table: str, link: Link, column: ColumnSketch) -> bool:
    to = link.to
    meaning = meaning_of(column.semantic, column.name)
    for other in plane.tables[to].fields:
        if meaning is None or meaning_of(other.semantic, other.name) != meaning:
            continue
        joined = plane.joined(table, link, "a", "b")
        rows, same = plane.con.execute(
            f"SELECT count(*), coalesce(avg((a.{quoted(column.name)}::VARCHAR = "
            f"b.{quoted(other.name)}::VARCHAR)::INTEGER), 0) FROM {plane.samples[table]} AS a "
            f"JOIN {plane.views[to]} AS b ON {joined}"
        ).fetchall()[0]
        if rows >= plane.k and same >= ONE_PERSON:
            return True
    return False
