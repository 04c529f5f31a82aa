"""Where the people of a table live, how many they are, and whose a personal column is: told by counting.

Nobody is looked at: countries are kept where k rows or entities share them, and of people only how many.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from handrail.twins.columns import Source, carry, held, quoted
from handrail.twins.locales import ALPHABETS, Land, land_by_dial, land_of, land_of_columns
from handrail.twins.models import ColumnSketch, Field
from handrail.twins.plane import Plane
from handrail.twins.roles import Link
from handrail.twins.semantics import meaning_of, place_said
from handrail.twins.told import looked_at

ONE_PERSON = 0.95  # share of groups of rows that must agree for them to be about one person
_WRITTEN = ("full_name", "first_name", "last_name", "street", "city", "company")


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
        f"SELECT v, count(*) FROM (SELECT {value} AS v{carry(source)} FROM {source.relation}) "
        f"WHERE v <> '' GROUP BY v HAVING {held(source)} >= ? ORDER BY 2 DESC, v LIMIT 200",
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
    written_in = [f"FILTER (regexp_matches(x, '{letters}'))" for letters, _ in ALPHABETS]
    counts = ", ".join(f"count(*) {one}, {held(source)} {one}" for one in written_in)
    rows, *found = source.one(
        f"SELECT count(*), {counts} FROM (SELECT {joined} AS x{carry(source)} FROM {looked_at(source)})"
    )
    votes = [
        (n, -place, code)
        for place, (n, holders, (_, code)) in enumerate(zip(found[::2], found[1::2], ALPHABETS, strict=True))
        if holders >= source.k and n >= 0.02 * rows
    ]
    return ((max(votes)[2], 1.0),) if votes else ()


def people(plane: Plane, table: str, columns: Sequence[ColumnSketch]) -> int:
    """How many different people the rows of a table are about, roughly; 0 where each row is another's."""
    rows, k = plane.rows[table], plane.k_of(table)
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
            return max(k, distinct // unit * unit) if distinct < 0.9 * rows and rows >= 10 * k else 0
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
    return bool(groups >= plane.k_of(table) and agreeing >= ONE_PERSON)


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
            f"JOIN {plane.pointed_at(table, link)} AS b ON {joined}"
        ).fetchall()[0]
        if rows >= plane.k_of(table) and same >= ONE_PERSON:
            return True
    return False
