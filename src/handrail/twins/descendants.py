"""Small tables, told row by row where enough stand behind each: the rows that point at it, near or far.

A lookup table has fewer than k rows, so none of its values is shared by k. But once it is joined to a table
that points at it, as every report does, its values are columns of that table, and what k rows of that share
is told of any column. So a row of a small table is told as it is where k rows of one such table, or k of the
people they are about, point at it; and only where the table names nobody (`impersonal.py`). Why that is
sound stands in docs/decisions/0027.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handrail.twins.columns import quoted
from handrail.twins.impersonal import names_nobody
from handrail.twins.links import explains
from handrail.twins.plane import Plane
from handrail.twins.roles import Link

FURTHEST = 3  # links from a descendant to the table
MOST_ROWS = 250  # that are told of a table, whatever k is: each of their values has a bin of its own
Chain = tuple[tuple[str, Link], ...]  # the table that points at the small one, then what points at that, …


@dataclass(frozen=True)
class Told:
    """The rows of a small table that are told as they are, by their place in it, and who stands behind."""

    rows: tuple[int, ...]
    of: int  # how many rows the table has
    behind: tuple[str, ...]  # the tables whose rows point at these

    @property
    def whole(self) -> bool:
        """Whether it is all of them: then their keys are told as well."""
        return len(self.rows) == self.of


def told_rows(plane: Plane, table: str) -> Told | None:
    """The rows of a small table behind each of which k stand; None where it is no such table, or has none.

    Of a table of k rows or more it is all rows or none: it can be learned from without them, and what is
    learned of all rows beside some that are told would tell of the others.
    """
    rows = plane.rows[table]
    if not 0 < rows <= MOST_ROWS or not _simple(plane, table) or not names_nobody(plane, table):
        return None
    found: dict[int, str] = {}
    for chain in chains(plane, table):
        k = max(plane.k_of(one) for one in (table, *(child for child, _ in chain)))
        for place in standing(plane, table, chain, k, f"d0.{plane.place(table)}"):
            found.setdefault(int(str(place)), chain[-1][0])
        if len(found) == rows:
            break
    if not found or (rows >= plane.k_of(table) and len(found) < rows):
        return None
    return Told(tuple(sorted(found)), rows, tuple(dict.fromkeys(found.values())))


def chains(plane: Plane, table: str) -> Iterator[Chain]:
    """Every way down from a table along links that lead to one row each, the shortest first."""
    waiting: list[Chain] = [()]
    while waiting:
        chain = waiting.pop(0)
        seen = {table, *(child for child, _ in chain)}
        for child in plane.layout.order:
            for link in plane.links(child):
                if child in seen or link.to != (chain[-1][0] if chain else table):
                    continue
                if explains(plane, child, link):
                    yield (*chain, (child, link))
                    if len(chain) + 1 < FURTHEST:
                        waiting.append((*chain, (child, link)))


def _simple(plane: Plane, table: str) -> bool:
    """Whether the table has a key of one column or none: those of several are made of others' keys."""
    return sum(1 for one in plane.tables[table].fields if one.primary_key) <= 1


def standing(plane: Plane, table: str, chain: Chain, k: int, what: str) -> list[object]:
    """What k rows at the end of the chain lead to, or k of whom those are about: each value of `what`, SQL
    about the table's row `d0`."""
    joins, above, place = "", table, "d0"
    for number, (child, link) in enumerate(chain, 1):
        same = plane.joined(child, link, f"d{number}", place)
        joins += f" JOIN {plane.views[child]} AS d{number} ON {same}"
        above, place = child, f"d{number}"
    counted, more = _counted(plane, above, place, table)
    found = plane.con.execute(
        f"SELECT {what} FROM {plane.views[table]} AS d0{joins}{more} GROUP BY 1 HAVING {counted} >= ?",
        [k],
    ).fetchall()
    return [one for (one,) in found]


def _counted(plane: Plane, table: str, alias: str, small: str) -> tuple[str, str]:
    """SQL that counts whom rows are about, and the joins it needs: their own entity, or those of the nearest
    rows that they point at, of which the fewest count. Where nobody is known it counts rows."""
    level, reached, joins = [(table, alias)], {table, small}, ""
    while level:
        about = [(known, plane.tables[at].entity or plane.tables[at].company) for at, known in level]
        holders = [f"count(DISTINCT {known}.{quoted(one)})" for known, one in about if one is not None]
        if holders:
            return (f"least({', '.join(holders)})" if holders[1:] else holders[0]), joins
        further: list[tuple[str, str]] = []
        for at, known in level:
            for link in plane.links(at):
                if link.to in plane.tables and link.to not in reached and explains(plane, at, link):
                    name = f"{known}_{len(further)}"
                    same = plane.joined(at, link, known, name)
                    joins += f" LEFT JOIN {plane.views[link.to]} AS {name} ON {same}"
                    further.append((link.to, name))
        reached |= {at for at, _ in further}
        level = further
    return "count(*)", ""


def behind_row(plane: Plane, table: str, columns: Sequence[str], values: Sequence[object]) -> int:
    """How many at most stand behind the rows that have these values, as numbers or texts: a second look, with
    other SQL than the rows were found with, climbing from the descendants."""
    most = 0
    for chain in chains(plane, table):
        same = " AND ".join(f"{one} IS NOT DISTINCT FROM ?" for one in columns)
        inner = f"SELECT * FROM {plane.views[table]} WHERE {same}"
        above = table
        for child, link in chain:
            same = plane.joined(child, link, "c", "p")
            pointed = f"EXISTS (FROM ({inner}) AS p WHERE {same})"
            inner = f"SELECT c.* FROM {plane.views[child]} AS c WHERE {pointed}"
            above = child
        counted, more = _counted(plane, above, "d", table)
        (n,) = plane.con.execute(f"SELECT {counted} FROM ({inner}) AS d{more}", list(values)).fetchall()[0]
        most = max(most, int(n))
    return most
