"""Lends a table the texts that rows which repeat them know: what few of its rows share, many of theirs do.

Orders that repeat the country of their customer know each country that k orders are from, also where fewer
than k customers live there. Both stand in the sketch. So the customers of whom it says nothing but that their
country is rare are given those countries, by how many orders each will have: then the orders repeat their
customer's country, and each country comes as often among them as it should. Nothing but the sketch is read.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handrail.twins.assign import Made, loaded, matched
from handrail.twins.models import ColumnSketch, LinkSketch, Sketch
from handrail.twins.values import Ints, Values, dtype_of

Shares = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Lender:
    """A table whose rows repeat a column of the rows they point at: by which link, and what they know."""

    column: str  # that is repeated
    link: LinkSketch
    shares: Shares  # texts, each with the share of the rows that have it
    children: int  # rows that point somewhere


def lenders(sketch: Sketch, table: str) -> tuple[Lender, ...]:
    """For each column of texts of a table, of those tables that repeat it the one which knows most texts."""
    best: dict[str, Lender] = {}
    for child in sketch.tables:
        for own in (own for own in child.columns if own.copies is not None and own.kind == "text"):
            link_name, column = own.copies or ("", "")
            link = next(link for link in child.links if link.name == link_name)
            if link.to != table or link.kind != "inside":
                continue
            found = Lender(column, link, _known(own), round(child.rows * (1 - link.null_share)))
            if column not in best or len(found.shares) > len(best[column].shares):
                best[column] = found
    return tuple(best.values())


def lend(one: Made, known: Sequence[Lender], rng: np.random.Generator) -> None:
    """Give the rows whose text nobody knows texts that their children know, in `one`.

    The number of children that each row was drawn to have is settled by that: dealing it out again later
    would give texts to others than they were meant for.
    """
    for lender in known:
        column = one.sketch.column(lender.column)
        if column.role != "model" or column.copies or column.alike or dtype_of(column.kind) is not object:
            continue
        told = {text for text, _ in _known(column)}
        offered = [(text, share) for text, share in lender.shares if text not in told]
        open_rows = _unknown(column, one)
        if not offered or not len(open_rows):
            continue
        children = _settled(one, lender, rng)
        array = one.values[column.name].array.copy()
        picked = dealt(children[open_rows], [share * lender.children for _, share in offered], column.unique)
        there = picked >= 0
        texts = np.array([text for text, _ in offered], dtype=object)
        array[open_rows[there]] = texts[picked[there]]
        one.values[column.name] = Values(array, one.values[column.name].valid)
        one.lent[column.name] = np.isin(np.arange(one.rows), open_rows[there])


def dealt(children: NDArray[np.float64], wanted: Sequence[float], once: bool) -> Ints:
    """For each row the place of a text, -1 for none; texts come to about the wanted numbers of children.

    The row with most children takes the text that lacks most, and so on; what no text wants counts as one
    more. With `once` no text is given twice. Rows without children are dealt what the others have, in turn.
    """
    rest = float(children.sum()) - sum(wanted)
    heap = [(-lacking, place) for place, lacking in enumerate(wanted)]
    heap += [(-rest, -1)] if rest > 0 or once else []
    heapq.heapify(heap)
    found = np.full(len(children), -1, dtype=np.int64)
    order = np.argsort(-children, kind="stable")
    busy = order[children[order] > 0]
    for row in busy:
        lacking, place = heap[0]
        found[row] = place
        if once and place >= 0:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (lacking + float(children[row]), place))
    idle = order[len(busy) :]
    if len(busy) and not once:
        found[idle] = np.resize(found[busy], len(idle))
    return found


def _settled(one: Made, lender: Lender, rng: np.random.Generator) -> NDArray[np.float64]:
    """How many children each row will have, as they are dealt when they are pointed; see `pointing`."""
    link = lender.link
    degrees = one.degrees.get(link.degree or "")
    if link.loads:
        degrees = loaded(link, degrees, one.rows, lender.children, rng)
    if degrees is None or not degrees.any():
        return np.full(one.rows, lender.children / max(one.rows, 1))
    if not link.in_order:
        degrees = matched(degrees, link.towards, one.codes)
    if link.degree:
        one.degrees[link.degree] = degrees
    return np.asarray(degrees * (lender.children / max(int(degrees.sum()), 1)), dtype=np.float64)


def _known(column: ColumnSketch) -> Shares:
    """The texts that a sketch knows of a column, with their shares."""
    found: list[tuple[str, float]] = []
    for one, share in zip(column.bins, column.shares, strict=False):
        if one.kind == "value" and share:
            found.append((str(one.value), share))
        elif one.kind == "pool" and share:
            found += [(text, share * part) for text, part in zip(one.values, one.shares, strict=True)]
    return tuple(found)


def _unknown(column: ColumnSketch, one: Made) -> Ints:
    """The rows with a text of which the sketch says nothing."""
    values, drawn = one.values.get(column.name), one.codes.get(column.name)
    if values is None or drawn is None:
        return np.zeros(0, dtype=np.int64)
    known = np.array([False, *(bin_.kind != "other" for bin_ in column.bins)])
    return np.flatnonzero(~known[drawn.astype(np.int64) + 1] & values.valid)
