"""Makes the rows of one table from its sketch: links first, then bins, then values, keys last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from handrail.twins.abreast import abreast, in_turn
from handrail.twins.across import mended
from handrail.twins.alike import dealt_by_parent, say_alike
from handrail.twins.as_told import put, settle
from handrail.twins.assign import Made, reorder, rows_of
from handrail.twins.by_lists import drawn_by_lists
from handrail.twins.calibrate import calibrate, repeats
from handrail.twins.crowd import invent
from handrail.twins.draw import Codes, binned, cells, decode, placed, text_codes, whole
from handrail.twins.follow import along, in_step, keep_places
from handrail.twins.keys import capacity, distinct
from handrail.twins.lent import Lender, lend
from handrail.twins.memory import give_back
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.people import distinct_texts
from handrail.twins.pointing import pointed, write_keys
from handrail.twins.raking import leaned
from handrail.twins.seeds import KEY_SEED, seeded
from handrail.twins.semantics import meaning_of
from handrail.twins.series import begun, keep_in_turn, put_in_order, still
from handrail.twins.turns import Turns
from handrail.twins.values import Ints, Outside, Values, as_kind, full

MOST_ROWS = 5_000_000
FEW_ROWS = 20_000  # below this, handing columns to threads takes longer than it saves


def rows(
    table: TableSketch,
    made: Mapping[str, Made],
    outside: Outside,
    seed: int,
    k: int,
    lenders: Sequence[Lender] = (),
) -> Made:
    """All rows of a table whose parents are made. Links that close a circle stay open, see `pointing`.

    `k` rows share each of its texts that is told, unless people are counted; `lenders` know texts of it that
    its own sketch does not.
    """
    rng = seeded(seed, table.name)
    one = Made(table, _wanted(table, made), k=0 if table.entity else k)
    pools = pointed(table, made, outside, one, rng)
    turns = begun(table, one, rng)

    place = {column.name: number for number, column in enumerate(table.columns)}

    def drawn(name: str) -> None:
        own = seeded(seed, f"{table.name}.{place[name]}:bins")  # so that whose turn it is changes nothing
        _draw(table, made, one, table.column(name), turns, own)

    waiting = drawn_after(table, [name for name in table.order if name not in one.codes])
    if one.rows < FEW_ROWS:
        for name in waiting:
            drawn(name)
    else:
        in_turn(drawn, waiting)
    if turns is not None:
        settled = keep_in_turn(turns, rng)
        changed = set(settled)
        for column in (table.column(name) for name in table.order):
            followed = (*column.parents, column.along or ("", ""))
            if column.name not in settled and changed & {parent for link, parent in followed if not link}:
                changed.add(column.name)
                _draw(table, made, one, column, turns, rng)
    settle(table, one)
    give_back(one.rows)
    _decode(table, one, seed)
    lend(one, lenders, seeded(seed, f"{table.name}:lent"))
    keep_places(table, one)
    give_back(one.rows)
    texts = [column for column in table.columns if column.copies is not None and column.kind == "text"]
    for column in texts:
        _copy(table, made, one, column)
    say_alike(table, one, seeded(seed, f"{table.name}:alike"))
    _keep_order(table, made, one, seed)
    _meant(table, made, one, seed)
    for column in texts:  # what was mended in between
        _copy(table, made, one, column)
    say_alike(table, one, seeded(seed, f"{table.name}:alike"))
    _keys(table, made, one, seed)
    write_keys(table, made, pools, one, seed)
    put(table, made, one)
    return one


def drawn_after(table: TableSketch, names: Sequence[str]) -> dict[str, set[str]]:
    """The columns, in the order of `names`, each with those before it that its bins are drawn by."""
    after: dict[str, set[str]] = {}
    for name in names:
        column = table.column(name)
        asked = {other for link, other in (*column.parents, column.along or ("", "")) if not link}
        lists = (rule.columns for rule in table.rules if rule.kind == "accepted")
        asked.update(*(both for both in lists if name in both))
        after[name] = asked & after.keys()
    return after


def _draw(
    table: TableSketch,
    made: Mapping[str, Made],
    one: Made,
    column: ColumnSketch,
    turns: Turns | None,
    rng: np.random.Generator,
) -> None:
    """Draw the bins of a column, and where in them its values lie, given what is drawn already."""
    cell = _cells(table, made, one, column)
    even = leaned(column, cell)
    found = placed(even, cell, rng) if turns is None else turns.placed(even, cell, rng)
    told = np.isin(cell, [group for group, _ in column.given])
    drawn = drawn_by_lists(table, one, column, ~told, found, rng)
    one.codes[column.name], places = in_step(table, made, one, column, cell, drawn, rng)
    one.places[column.name] = along(table, made, one, column, places, rng)
    if column.alike:
        found = one.codes[column.name], one.places[column.name]
        one.codes[column.name], one.places[column.name] = dealt_by_parent(
            table, one, column, cell, found, rng
        )
    if column.copies is not None:
        _copy(table, made, one, column)


def _cells(table: TableSketch, made: Mapping[str, Made], one: Made, column: ColumnSketch) -> Ints:
    """The cell of each row by the drawn bins of the columns that a column depends on."""
    drawn = [_parent(table, made, one, link, parent) for link, parent in column.parents]
    return cells(column, drawn, one.rows)


def _decode(table: TableSketch, one: Made, seed: int) -> None:
    """Turn the drawn bins into values and numbers of children."""
    nowhere = np.zeros(one.rows, dtype=np.float32)

    place = {column.name: number for number, column in enumerate(table.columns)}

    def decoded(column: ColumnSketch) -> Values | Ints:
        rng = seeded(seed, f"{table.name}.{place[column.name]}:values")
        found = one.codes.get(column.name, np.full(one.rows, -1, dtype=np.int16))
        places = one.places.get(column.name, nowhere)
        return (whole if column.role == "degree" else decode)(column, found, rng, places)

    drawn = [column for column in table.columns if column.role == "model" and column.name not in one.values]
    counts = [column for column in table.columns if column.role == "degree"]
    with abreast(decoded, [*drawn, *counts]) as made:
        for column, found in zip([*drawn, *counts], made, strict=True):
            if isinstance(found, Values):
                one.values[column.name] = found
            else:
                one.degrees[column.name] = found


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
    if column.kind == "text":
        one.codes[column.name] = text_codes(column, values)
    else:
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
        invented = ~known[drawn.astype(np.int64) + 1] & values.valid
        rare = np.flatnonzero(invented & ~one.lent.get(column.name, np.zeros(one.rows, dtype=bool)))
        if len(rare):
            values.array[rare] = invent(made, one, column, seed)[rare]


def _wanted(table: TableSketch, made: Mapping[str, Made]) -> int:
    wanted = rows_of(table, dict(made), min(table.rows, MOST_ROWS))
    for column in table.columns:
        most = capacity(column) if column.unique and column.required and column.role == "key" else None
        wanted = min(wanted, most) if most is not None else wanted
    return wanted


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
    rng, fixed = seeded(seed, f"{table.name}:repair"), still(table) | repeats(table)
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
