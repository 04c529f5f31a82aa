"""Makes the rows of one table from its sketch: links first, then bins, then values, keys last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from zlib import crc32

import numpy as np

from handrail.twins.across import mended
from handrail.twins.as_told import put, settle
from handrail.twins.assign import (
    Made,
    different,
    evenly,
    loaded,
    matched,
    point,
    point_back,
    reorder,
    rows_of,
)
from handrail.twins.calibrate import calibrate
from handrail.twins.crowd import invent
from handrail.twins.draw import Codes, binned, cells, decode, placed, whole
from handrail.twins.follow import along, keep_places
from handrail.twins.groups import once
from handrail.twins.keys import capacity, composite, distinct, redraw_repeats
from handrail.twins.link_keys import copy_keys, keys_of, point_later
from handrail.twins.models import ColumnSketch, LinkSketch, TableSketch
from handrail.twins.parents import paired, through
from handrail.twins.people import distinct_texts
from handrail.twins.point_together import Together, overruled, together
from handrail.twins.semantics import meaning_of
from handrail.twins.series import Turns, begun, put_in_order, still
from handrail.twins.trees import grown
from handrail.twins.values import Values, as_kind, full

MOST_ROWS = 5_000_000
KEY_SEED = 0  # keys are the same in every build, so that twins built apart fit each other
Outside = Mapping[tuple[str, str], Values]  # (table, column) -> keys of a twin that exists already


def seeded(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that one table's draws do not move another's."""
    return np.random.default_rng([seed, crc32(purpose.encode())])


def rows(table: TableSketch, made: Mapping[str, Made], outside: Outside, seed: int) -> Made:
    """All rows of a table whose parents are made. Links that close a circle stay open; see `close`."""
    rng = seeded(seed, table.name)
    one = Made(table, _wanted(table, made))
    pools = {link.name: _pool(table, link, outside) for link in table.links if link.kind == "outside"}
    invented = [
        link.name
        for link in table.links
        if link.name in pools and any((link.to, column) not in outside for column in link.to_columns)
    ]
    agreeing = _point(table, made, pools, overruled(table, invented), one, rng)
    _key_parts(table, made, pools, one, agreeing, rng)
    turns = begun(table, one, rng)
    for name in (name for name in table.order if name not in one.codes):
        _draw(table, made, one, table.column(name), turns, rng)
    if turns is not None:
        settled = turns.settle(rng)
        changed = set(settled)
        for column in (table.column(name) for name in table.order):
            if column.name not in settled and changed & {
                parent for link, parent in column.parents if not link
            }:
                changed.add(column.name)
                _draw(table, made, one, column, turns, rng)
    settle(table, one)
    nowhere = np.zeros(one.rows, dtype=np.float32)
    for column in table.columns:
        found = one.codes.get(column.name, np.full(one.rows, -1, dtype=np.int16))
        places = one.places.get(column.name, nowhere)
        if column.role == "model" and column.name not in one.values:
            one.values[column.name] = decode(column, found, rng, places)
        if column.role == "degree":
            one.degrees[column.name] = whole(column, found, rng, places)
    keep_places(table, one)
    _keep_order(table, made, one, seed)
    _meant(table, made, one, seed)
    for column in table.columns:
        if column.copies is not None and column.kind == "text":
            _copy(table, made, one, column)
    _keys(table, made, one, seed)
    _links(table, made, pools, one, seed)
    put(table, made, one)
    return one


def _draw(
    table: TableSketch,
    made: Mapping[str, Made],
    one: Made,
    column: ColumnSketch,
    turns: Turns | None,
    rng: np.random.Generator,
) -> None:
    """Draw the bins of a column, and where in them its values lie, given what is drawn already."""
    drawn = [_parent(table, made, one, link, parent) for link, parent in column.parents]
    cell = cells(column, drawn, one.rows)
    found = placed(column, cell, rng) if turns is None else turns.placed(column, cell, rng)
    one.codes[column.name], places = found
    one.places[column.name] = along(table, made, one, column, places, rng)
    if column.copies is not None and column.kind != "text":
        _copy(table, made, one, column)


def _copy(table: TableSketch, made: Mapping[str, Made], one: Made, column: ColumnSketch) -> None:
    """A column that repeats what stands in the row that a link points at: a price, a region."""
    link, name = column.copies or ("", "")
    there = made[next(known.to for known in table.links if known.name == link)]
    points = one.points[link]
    if name not in there.values or (points < 0).any():
        return
    values = as_kind(there.values[name], there.sketch.column(name), column).take(points)
    if column.required and not values.valid.all():
        return
    one.values[column.name] = values
    one.codes[column.name] = binned(column, values, one.codes[column.name])


def _meant(table: TableSketch, made: Mapping[str, Made], one: Made, seed: int) -> None:
    """Texts too rare to be kept, invented from what the column is called: a city is a city."""
    personal = any(column.role == "fake" for column in table.columns)
    for column in table.columns:
        meaning = meaning_of(column.semantic, column.name)
        if column.role != "model" or column.kind != "text" or meaning in (None, "prose", "age"):
            continue
        if meaning == "full_name" and not (personal or column.semantic):
            continue  # the name of a thing
        drawn, values = one.codes.get(column.name), one.values[column.name]
        if drawn is None:
            continue
        known = np.array([False, *(bin_.kind != "other" for bin_ in column.bins)])
        rare = np.flatnonzero(~known[drawn.astype(np.int64) + 1] & values.valid)
        if len(rare):
            values.array[rare] = invent(made, one, column, seed)[rare]


def close(table: TableSketch, made: Mapping[str, Made], seed: int) -> None:
    """Point the links that had to wait for tables made later."""
    done: set[str] = set()
    for link in table.links:
        if link.kind == "late" and not set(link.columns) <= done:
            rng = seeded(seed, f"{table.name}:{link.name}")
            if len(link.columns) > 1:
                point_later(link, made[link.to], made[table.name], rng)
                done |= set(link.columns)
                continue
            points = evenly(link, made[link.to].rows, made[table.name].rows, rng)
            copy_keys(link, made[link.to], points, made[table.name])


def _wanted(table: TableSketch, made: Mapping[str, Made]) -> int:
    wanted = rows_of(table, dict(made), min(table.rows, MOST_ROWS))
    for column in table.columns:
        most = capacity(column) if column.unique and column.required and column.role == "key" else None
        wanted = min(wanted, most) if most is not None else wanted
    return wanted


def _point(
    table: TableSketch,
    made: Mapping[str, Made],
    pools: Mapping[str, tuple[Values, ...]],
    last: Collection[LinkSketch],
    one: Made,
    rng: np.random.Generator,
) -> Together | None:
    first = True
    several = together(table, last)
    keys = {
        link.name: pools[link.name] if link.kind == "outside" else keys_of(link, made[link.to], one)
        for link in several
    }
    agreeing = Together(table, several, keys, one.rows) if several else None
    children = {
        link.name: made[link.to].degrees[link.degree]
        for link in several
        if link.kind == "inside" and link.degree in made[link.to].degrees
    }
    for link in (link for link in table.links if link not in last):
        required = all(table.column(column).required for column in link.columns)
        if link.kind == "inside":
            parent = made[link.to]
            degrees = parent.degrees.get(link.degree) if link.degree else None
            if link.loads:
                total = one.rows - round(one.rows * link.null_share)
                degrees = loaded(link, degrees, parent.rows, total, rng)
            if link.spread and not link.loads and (degrees is None or not degrees.any()):
                drawn = rng.gamma(1 / link.spread**2, link.spread**2, parent.rows)
                degrees = np.round(drawn * 1_000_000).astype(np.int64)
            if degrees is not None and not link.unique and not link.in_order:
                shares, whose = agreeing.towards(link, children) if agreeing and link in several else ((), {})
                degrees = matched(degrees, (*link.towards, *shares), {**parent.codes, **whose})
            if agreeing and link in several:
                agreeing.point(link, None if link.unique else degrees, first, rng)
            elif link.unique:
                usable = different(link, parent)
                points = point(link, len(usable), None, one.rows, first, rng)
                one.points[link.name] = np.where(points < 0, -1, usable[points]) if len(usable) else points
            else:
                one.points[link.name] = point(link, parent.rows, degrees, one.rows, first, rng)
            first = False
            _go_together(link, made, one, rng)
        elif link.kind == "self" and len(link.columns) == 1:
            back = grown if link.levels and not link.unique else point_back
            one.points[link.name] = back(link, one.rows, required, rng)
        elif agreeing and link in several:
            agreeing.point(link, None, False, rng)
        elif link.kind == "outside":
            shared = replace(link, null_share=0.0 if required else link.null_share)
            one.points[link.name] = evenly(shared, len(pools[link.name][0].array), one.rows, rng)
    return agreeing


def _go_together(link: LinkSketch, made: Mapping[str, Made], one: Made, rng: np.random.Generator) -> None:
    """Deal the rows that a link points at out again, to those whose other parents they go together with.

    Links that share columns with others agree with these, and with nothing else.
    """
    if link.name in one.points and link.through is not None and link.through[0] in one.points:
        one.points[link.name] = through(link, made, one)
    elif link.name in one.points and link.beside:
        one.points[link.name] = paired(link, made, one, rng)


def _key_parts(
    table: TableSketch,
    made: Mapping[str, Made],
    pools: Mapping[str, tuple[Values, ...]],
    one: Made,
    agreeing: Together | None,
    rng: np.random.Generator,
) -> None:
    """Make keys of several columns differ; drops the rows for which there is no key left."""
    key = [column for column in table.columns if column.primary_key]
    differs = len(key) > 1 and not any(column.role == "fake" for column in key) and bool(one.rows)
    parts = [column for column in key if column.role == "key"]
    pointing = {column.name for column in key if column.role == "link"}
    names = [link.name for link in table.links if link.name in one.points and pointing & set(link.columns)]
    if agreeing:
        if differs and not parts:
            agreeing.differ([column.name for column in key], rng)
        one.points |= agreeing.points
        one.keys = agreeing.values(rng)
    if not differs:
        return
    held = agreeing.held([column.name for column in key]) if agreeing else []
    if not parts and not held:
        rows_there = [_parents_of(link, made, pools) for link in table.links if link.name in names]
        shuffled = redraw_repeats([one.points[name] for name in names], rows_there, rng)
        one.points |= dict(zip(names, shuffled, strict=True))
    key_of = composite(parts, [*(one.points[name] for name in names), *held], one.rows, rng)
    reorder(one, key_of.keep)
    one.values |= key_of.values
    one.codes |= key_of.codes


def _parents_of(link: LinkSketch, made: Mapping[str, Made], pools: Mapping[str, tuple[Values, ...]]) -> int:
    """How many rows a link can point at."""
    return len(pools[link.name][0].array) if link.kind == "outside" else made[link.to].rows


def _parent(
    table: TableSketch, made: Mapping[str, Made], one: Made, link: str, column: str
) -> tuple[Codes, int]:
    """The drawn bins of a column of this table, or of the rows that a link points at."""
    if not link:
        width = len(table.column(column).bins)
        return one.codes.get(column, np.full(one.rows, -1, dtype=np.int16)), width
    to = next(known.to for known in table.links if known.name == link)
    points = one.points[link]
    there = made[to].codes[column]
    found = there[np.maximum(points, 0)] if len(there) else np.zeros(len(points), dtype=np.int16)
    return np.where(points < 0, -1, found).astype(np.int16), len(made[to].sketch.column(column).bins)


def _keep_order(table: TableSketch, made: Mapping[str, Made], one: Made, seed: int) -> None:
    """Rows are made to keep their rules, and sorted as their key will be."""
    calibrate(table, one)
    rng, fixed = seeded(seed, f"{table.name}:repair"), still(table)
    free = {table.series.by} if table.series and not table.series.steps else set()
    one.values = mended(table, made, one, rng, fixed - free)
    if put_in_order(table, one):
        one.values = mended(table, made, one, rng, fixed)
    if table.sorted_by is not None:
        dates = one.values[table.sorted_by]
        last = np.iinfo(np.int64).max
        ordered = np.argsort(np.where(dates.valid, dates.array, last), kind="stable")
        degrees = {name: found[ordered] for name, found in one.degrees.items()}
        own = {link.name for link in table.links if link.kind == "self"}
        points = {name: found for name, found in one.points.items() if name in own}
        reorder(one, ordered)
        one.degrees = degrees
        one.points |= points  # still earlier rows: which ones is arbitrary


def _keys(table: TableSketch, made: Mapping[str, Made], one: Made, seed: int) -> None:
    """Keys of one column, invented people, and columns about which only the type is known."""
    lone = sum(1 for column in table.columns if column.primary_key) == 1
    for column in table.columns:
        rng = seeded(seed, f"{table.name}.{column.name}")
        if column.role == "key" and column.unique:
            keys = distinct(column, one.rows, seeded(KEY_SEED, f"{table.name}.{column.name}"))
            one.values[column.name] = _with_nulls(column, keys, rng)
        elif column.role == "fake":
            found = invent(made, one, column, seed)
            if column.kind == "text" and (column.unique or (column.primary_key and not lone)):
                found = distinct_texts(found)
            elif column.unique:
                found = distinct(column, one.rows, rng).array
            one.values[column.name] = _with_nulls(column, full(found), rng)
        elif column.role == "fill":
            drawn = np.full(one.rows, -1, dtype=np.int16)
            one.values[column.name] = _with_nulls(column, decode(column, drawn, rng), rng)


def _with_nulls(column: ColumnSketch, values: Values, rng: np.random.Generator) -> Values:
    share = column.shares[0] if column.shares and column.bins[0].kind == "null" else 0.0
    if column.required or not share:
        return values
    return Values(values.array, values.valid & (rng.random(len(values.array)) >= share))


def _pool(table: TableSketch, link: LinkSketch, outside: Outside) -> tuple[Values, ...]:
    """The keys a link to a table outside may use: of its twin, or invented (the same in every table)."""
    found = [outside.get((link.to, column)) for column in link.to_columns]
    known = [values for values in found if values is not None and len(values.array)]
    if len(known) == len(found):
        return once(known)
    count = max(1, link.distinct if not link.unique else table.rows)
    return tuple(
        distinct(table.column(column), count, seeded(KEY_SEED, f"{link.to}.{target}"))
        for column, target in zip(link.columns, link.to_columns, strict=True)
    )


def _links(
    table: TableSketch,
    made: Mapping[str, Made],
    pools: Mapping[str, tuple[Values, ...]],
    one: Made,
    seed: int,
) -> None:
    """Copy the keys that each link points at."""
    one.values |= one.keys
    done = set(one.keys)
    for link in sorted(table.links, key=lambda link: (link.kind == "self", link.name in one.points)):
        if set(link.columns) <= done:
            continue
        if link.kind == "self" and len(link.columns) > 1:
            point_later(link, one, one, seeded(seed, f"{table.name}:{link.name}"))
            done |= set(link.columns)
        elif link.kind == "outside":
            if link.name not in one.points:  # it is overruled by those that come after it
                rng = seeded(seed, f"{table.name}:{link.name}")
                one.points[link.name] = evenly(link, len(pools[link.name][0].array), one.rows, rng)
            for column, pool in zip(link.columns, pools[link.name], strict=True):
                if column not in done:
                    one.values[column] = pool.take(one.points[link.name])
        elif link.kind != "late":
            there = one if link.kind == "self" else made[link.to]
            copy_keys(link, there, one.points[link.name], one)
