"""Points the rows of a table at those of others, lets keys of several columns differ, and writes keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from handrail.twins.assign import (
    Made,
    different,
    evenly,
    loaded,
    matched,
    point,
    point_back,
    reorder,
    spread_of,
    unequal,
)
from handrail.twins.groups import once
from handrail.twins.keys import composite, distinct, redraw_repeats
from handrail.twins.link_keys import copy_keys, keys_of, point_later
from handrail.twins.models import LinkSketch, TableSketch
from handrail.twins.parents import paired, through
from handrail.twins.point_together import Together, overruled, together
from handrail.twins.seeds import KEY_SEED, seeded
from handrail.twins.trees import grown
from handrail.twins.values import Outside, Values

Pools = Mapping[str, tuple[Values, ...]]  # by link to a table outside: the keys that it may use


def pointed(
    table: TableSketch, made: Mapping[str, Made], outside: Outside, one: Made, rng: np.random.Generator
) -> Pools:
    """Choose what each row points at, in `one`, and the keys of several columns; see `write_keys`.

    Links that close a circle stay open; see `close`. Rows for which there is no key left are dropped.
    """
    pools = {link.name: _pool(table, link, outside) for link in table.links if link.kind == "outside"}
    invented = [
        link.name
        for link in table.links
        if link.name in pools and any((link.to, column) not in outside for column in link.to_columns)
    ]
    agreeing = _point(table, made, pools, overruled(table, invented), one, rng)
    _key_parts(table, made, pools, one, agreeing, rng)
    return pools


def write_keys(table: TableSketch, made: Mapping[str, Made], pools: Pools, one: Made, seed: int) -> None:
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


def _point(
    table: TableSketch,
    made: Mapping[str, Made],
    pools: Pools,
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
            spread = spread_of(link, parent.rows, one.rows)
            if spread and not link.loads and (degrees is None or not degrees.any()):
                degrees = unequal(spread, parent.rows, rng)
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
    pools: Pools,
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


def _parents_of(link: LinkSketch, made: Mapping[str, Made], pools: Pools) -> int:
    """How many rows a link can point at."""
    return len(pools[link.name][0].array) if link.kind == "outside" else made[link.to].rows
