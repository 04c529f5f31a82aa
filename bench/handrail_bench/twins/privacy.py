"""What a twin gives away: it is made from a half of the rows and held against that half and the other.

Nearness is Gower's: the mean over columns of the difference of ranks, or of being another text or null.
Columns that tell rows apart by themselves (keys) are left out, since a twin invents them.
"""

import json
import tempfile
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handrail_bench.twins.run import build, rival

NAME = "Zyxoria Quillfeather-Brandt"
EXTREME = 97  # times the largest real number
MOST = 4000  # rows of a half
LEAST = 400
_Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Halves:
    """The rows that the twin is made from, with one planted, and as many that it never sees."""

    train: pa.Table
    control: pa.Table
    planted: dict[str, object]  # by column


def given_away(real: pa.Table, seed: int, attacks: bool = True) -> dict[str, Any]:
    """The measures for one table; `failed` where no twin was made."""
    halves = split(real, seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "real").mkdir()
        pq.write_table(halves.train, place / "real" / "part.parquet")
        done = build(place / "real", place / "twin")
        if done.code:
            return {"failed": (done.err or done.out).strip()[-300:]}
        twin = pq.read_table(place / "twin" / "part.parquet")
        found = measured(halves, twin)
        if attacks:
            pq.write_table(halves.control, place / "control.parquet")
            paths = (
                place / "real" / "part.parquet",
                place / "twin" / "part.parquet",
                place / "control.parquet",
            )
            told = rival("attacks.py", *paths, limit=900)
            if told is not None:
                found["anonymeter"] = json.loads(told.out) if told.code == 0 else told.err[-200:]
    return found


def _plain(table: pa.Table) -> pa.Table:
    """The table with its texts as plain ones: Arrow picks no rows of the views that DuckDB hands over."""
    fields = [
        one.with_type(pa.string()) if pa.types.is_string_view(one.type) else one for one in table.schema
    ]
    return table.cast(pa.schema(fields))


def split(real: pa.Table, seed: int) -> Halves:
    """Two halves of some rows, drawn at random, and one more row in the first that nobody could miss."""
    rng, real = np.random.default_rng(seed), _plain(real)
    order = rng.permutation(real.num_rows)[: 2 * MOST]
    half = len(order) // 2
    train, control = real.take(np.sort(order[:half])), real.take(np.sort(order[half : 2 * half]))
    row: dict[str, Any] = train.slice(0, 1).to_pylist()[0]
    planted: dict[str, object] = {}
    for one in train.schema:
        if (pa.types.is_string(one.type) or pa.types.is_large_string(one.type)) and row[one.name] is not None:
            planted[one.name] = NAME
        elif (pa.types.is_floating(one.type) or pa.types.is_decimal(one.type)) and row[one.name] is not None:
            extreme = float(pc.max(pc.cast(train[one.name], pa.float64())).as_py()) * EXTREME
            if not pa.types.is_decimal(one.type) or extreme < 10 ** (one.type.precision - one.type.scale):
                planted[one.name] = round(extreme, 2)
    texts = [name for name, value in planted.items() if value == NAME]
    most_varied = max(texts, key=lambda name: pc.count_distinct(train[name]).as_py(), default=None)
    planted = {name: value for name, value in planted.items() if value != NAME or name == most_varied}
    extra = pa.Table.from_pylist(
        [row | {name: _typed(train, name, planted[name]) for name in planted}], train.schema
    )
    return Halves(pa.concat_tables([train, extra]), control, planted)


def measured(halves: Halves, twin: pa.Table) -> dict[str, Any]:
    """The measures of a twin that was made from `halves.train`."""
    names = [one for one in halves.train.column_names if one in twin.column_names and _shared(halves, one)]
    frames = [table.select(names).to_pandas() for table in (halves.train, halves.control, twin)]
    train, control, made = frames[0].iloc[:-1], frames[1], frames[2].iloc[:MOST]
    seen, unseen, drawn = _encoded(train, control, made)
    to_seen, to_unseen = _nearest(drawn, seen), _nearest(drawn, unseen)
    closer = float(np.mean(to_seen < to_unseen) + np.mean(to_seen == to_unseen) / 2)
    rows = [Counter(map(tuple, frame.astype(str).to_numpy())) for frame in (train, control, frames[2])]
    return {
        "rows": len(train),
        "columns": len(names),
        "closer_to_train": round(closer, 4),
        "membership_auc": round(_auc(_nearest(seen, drawn), _nearest(unseen, drawn)), 4),
        "copies": sum(count for row, count in rows[2].items() if row in rows[0]),
        "copies_of_unseen": sum(count for row, count in rows[2].items() if row in rows[1]),
        "unseen_like_seen": sum(count for row, count in rows[1].items() if row in rows[0]),
        "canaries": sum(_there(twin, name, value) for name, value in halves.planted.items()),
        "planted": len(halves.planted),
    }


def _typed(table: pa.Table, name: str, value: object) -> object:
    kind = table.schema.field(name).type
    return (
        Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale)) if pa.types.is_decimal(kind) else value
    )


def _shared(halves: Halves, name: str) -> bool:
    """Whether values of a column come back at all, so that rows can be compared by it."""
    column = halves.train[name]
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return False
    whole = pa.types.is_integer(column.type) or pa.types.is_string(column.type)
    return not whole or pc.count_distinct(column).as_py() < 0.98 * halves.train.num_rows


def _encoded(*frames: pd.DataFrame) -> list[_Matrix]:
    """Ranks from 0 to 1 for numbers and times, codes from 10 upwards for texts, -10 for null."""
    real = pd.concat(frames[:2], ignore_index=True)
    out: list[list[Any]] = [[] for _ in frames]
    for name in real.columns:
        if _ordered(real[name]):
            known = np.sort(_numbers(real[name].dropna()))
            for place, frame in enumerate(frames):
                ranks = np.searchsorted(known, _numbers(frame[name])) / max(len(known), 1)
                out[place].append(np.where(frame[name].isna(), -10, ranks))
        else:
            codes = {
                value: 10.0 * (code + 1)
                for code, value in enumerate(real[name].dropna().astype(str).unique())
            }
            for place, frame in enumerate(frames):
                coded = frame[name].astype(str).map(codes).fillna(-20.0 - place)
                out[place].append(np.where(frame[name].isna(), -10, coded))
    return [np.column_stack(columns).astype(np.float32) for columns in out]


def _ordered(values: pd.Series) -> bool:
    kind = pa.Array.from_pandas(values.dropna().head(1)).type if values.notna().any() else pa.null()
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    )


def _numbers(values: pd.Series) -> Any:
    if values.dtype == object:  # dates and decimals
        array = pa.Array.from_pandas(values)
        kind = pa.float64() if pa.types.is_decimal(array.type) else pa.timestamp("us")
        array = pc.cast(array, kind)
        return pc.cast(pc.cast(array, pa.int64()) if kind != pa.float64() else array, pa.float64()).to_numpy(
            False
        )
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.astype("int64").to_numpy(dtype=float)
    return values.to_numpy(dtype=float, na_value=np.nan)


def _nearest(rows: _Matrix, to: _Matrix) -> Any:
    """For each row how near the nearest of the others is: differences count up to 1 in each column."""
    found = np.empty(len(rows), dtype=np.float32)
    for first in range(0, len(rows), 64):
        far = np.zeros((len(rows[first : first + 64]), len(to)), dtype=np.float32)
        for column in range(rows.shape[1]):
            apart = np.abs(rows[first : first + 64, column, None] - to[None, :, column])
            far += np.minimum(apart, 1)
        found[first : first + 64] = far.min(axis=1)
    return np.round(found, 5)


def _auc(members: Any, others: Any) -> float:
    """How often a member is nearer than another, ties counted half."""
    ordered = np.sort(others)
    below = len(ordered) - np.searchsorted(ordered, members, side="right")
    equal = np.searchsorted(ordered, members, side="right") - np.searchsorted(ordered, members, side="left")
    return float((below + equal / 2).mean() / len(ordered))


def _there(twin: pa.Table, name: str, value: object) -> int:
    """Whether what was planted in a column is anywhere in the twin's column."""
    if name not in twin.column_names:
        return 0
    values = twin[name].drop_null()
    if isinstance(value, str):
        return int(any(value in str(one) for one in values.to_pylist()))
    assert isinstance(value, float)
    return int(any(abs(float(one) - value) <= abs(value) / 1000 for one in values.to_pylist()))
