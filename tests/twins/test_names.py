"""Nothing depends on what columns are called: whatever a sketch says of a table, it says of a renamed one."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.twins import codec
from handrail.twins.generate import generate
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import Plane, open_plane
from handrail.twins.privacy import judge
from handrail.twins.rule_scores import score_rules
from handrail.twins.scores import score_links
from handrail.twins.sketch import take

World = dict[str, dict[str, Any]]
ROWS, ACCOUNTS, ITEMS = 700, 110, 40
LINKS = {
    ("entries", "account"): ("accounts", "aid"),
    ("entries", "item"): ("items", "iid"),
    ("entries", "status"): ("statuses", "code"),
    ("entries", "boss"): ("entries", "eid"),
}
KEYS = {("statuses", "code"), ("accounts", "aid"), ("items", "iid"), ("entries", "eid")}
# What queries of the room call columns of their own, and what DuckDB calls the place of a row.
AWKWARD = (
    *("turn", "together", "level", "rowid", "x", "n", "p", "t", "v", "c", "d", "y", "r", "s", "b", "a", "g"),
    *("m", "held", "holder", "holders", "k", "h", "at", "was", "now", "place", "total", "key", "s0", "k0"),
    *('Turn"s', "select", "übrig", "Y day"),
)


def world() -> World:
    """Statuses that are told row by row, and entries in a series and in a tree, of two parents that go
    together: all that is looked for in tables of which rows follow each other or point at others."""
    rng = np.random.default_rng(3)
    owner = np.sort(rng.integers(0, ACCOUNTS, ROWS))
    first = np.append(True, owner[1:] != owner[:-1])
    turn = np.arange(ROWS) - np.maximum.accumulate(np.where(first, np.arange(ROWS), 0))
    amount, opening, state = rng.integers(1, 90, ROWS), np.zeros(ROWS, dtype=int), ["new"] * ROWS
    opening[first] = rng.integers(1, 50, first.sum()) * 10
    for before, row in pairwise(range(ROWS)):
        if not first[row]:
            opening[row] = opening[before] + amount[before]
            state[row] = {"new": "open", "open": str(rng.choice(["open", "done"]))}.get(state[before], "done")
    item = owner % 2 * 20 + rng.integers(0, 20, ROWS)
    status = rng.choice(list("OPSB"), ROWS, p=[0.5, 0.3, 0.15, 0.05])
    boss = [None if row < 10 else int(rng.integers(0, max(10, row // 3))) for row in range(ROWS)]
    counts = np.bincount(owner, minlength=ACCOUNTS)
    return {
        "statuses": {"code": list("OPSB"), "label": ["ordered", "paid", "sent", "back"]},
        "accounts": {"aid": range(ACCOUNTS), "tier": ["base", "gold"] * 55, "entries": counts},
        "items": {"iid": range(ITEMS), "shelf": ["a"] * 20 + ["b"] * 20, "price": np.arange(ITEMS) * 5 + 5},
        "entries": {
            "eid": range(ROWS),
            "account": owner,
            "item": item,
            "status": status,
            "boss": pa.array(boss, pa.int64()),
            "day": (np.datetime64("2020-01-01") + owner % 50 + turn * 7).astype("datetime64[D]"),
            "opening": opening,
            "amount": amount,
            "closing": opening + amount,
            "state": state,
            "price": item * 5 + 5,
            "zip": (zips := rng.integers(100, 120, ROWS)).astype(str),
            "city": (zips // 2).astype(str),
            "maybe": pa.array([None if one == "O" else row % 7 for row, one in enumerate(status)]),
        },
    }


def written(world: World, called: dict[tuple[str, str], str], folder: Path) -> list[Table]:
    found = []
    for table, columns in world.items():
        path = folder / f"{table}.parquet"
        names = {name: called.get((table, name), name) for name in columns}
        pq.write_table(pa.table({names[name]: pa.array(values) for name, values in columns.items()}), path)
        fields = []
        for name in columns:
            key, link = (table, name) in KEYS, LINKS.get((table, name))
            to = (link[0], called.get(link, link[1])) if link else None
            fields.append(Field(names[name], "", key, False, key, references=to))
        found.append(Table(table, tuple(fields), path))
    return found


def without_names(found: Any) -> Any:
    """All that a sketch says, but for its words."""
    if isinstance(found, Sketch):
        return without_names(json.loads(codec.to_json(found)))
    if isinstance(found, dict):
        return {key: without_names(value) for key, value in found.items() if key != "simplifications"}
    if isinstance(found, list):
        return [without_names(value) for value in found]
    return "" if isinstance(found, str) else found


def held_against(plane: Plane, sketch: Sketch) -> Any:
    """What the gate and the scores say of a twin, but for words."""
    made = {name: twin.table for name, twin in generate(sketch, 1, "plain").items()}
    tables = {table.name: table for table in sketch.tables}
    judged = [judge(plane, table, made[table.name], (), 1).passed for table in sketch.tables]
    rules = [[one.kept for one in score_rules(plane, table, made, tables)] for table in sketch.tables]
    return judged, rules, [len(score_links(plane, table, made)) for table in sketch.tables]


def test_the_world_that_is_renamed_has_what_there_is_to_find(tmp_path: Path) -> None:
    sketch = take(open_plane(written(world(), {}, tmp_path), 10)).sketch
    entries = sketch.table("entries")
    assert {"carried", "running", "turned", "spaced", "accepted"} <= {rule.kind for rule in entries.rules}
    links = {link.name: link for link in entries.links}
    assert links["boss"].levels and links["item"].beside and links["status"].in_order
    assert sketch.table("statuses").told == 4 and sketch.table("accounts").rules


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.release) for n in (1, 2, 3))])
def test_a_sketch_is_the_same_whatever_the_columns_are_called(seed: int, tmp_path: Path) -> None:
    real, chosen = world(), random.Random(seed)
    called = {}
    for table, columns in real.items():
        names = chosen.sample(AWKWARD, len(columns))
        called |= {(table, column): name for column, name in zip(columns, names, strict=True)}
    plain, renamed = tmp_path / "plain", tmp_path / "renamed"
    plain.mkdir()
    renamed.mkdir()
    planes = [open_plane(written(real, called, renamed), 10), open_plane(written(real, {}, plain), 10)]
    sketches = [take(plane).sketch for plane in planes]
    assert without_names(sketches[0]) == without_names(sketches[1])
    assert held_against(planes[0], sketches[0]) == held_against(planes[1], sketches[1])
