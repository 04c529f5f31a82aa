"""Databases with a known structure, made from a seed: each tests what the real ones at hand do not have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Rng = np.random.Generator
Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Key = tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """A foreign key."""

    child: str
    columns: Key
    parent: str
    parent_columns: Key


@dataclass(frozen=True)
class Database:
    """Tables, and what is true of them: keys, links, and rules as SQL that counts the rows that break one."""

    tables: dict[str, pa.Table]
    keys: dict[str, Key] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    rules: dict[str, str] = field(default_factory=dict)


def pick(rng: Rng, values: Sequence[object], count: int, weights: Sequence[float] | None = None) -> pa.Array:
    """So many of the values, each as likely as its weight."""
    share = None if weights is None else np.asarray(weights, dtype=float) / sum(weights)
    return pa.array(values).take(pa.array(rng.choice(len(values), count, p=share)))


def by(codes: Ints, values: Sequence[object]) -> pa.Array:
    """The value of each code."""
    return pa.array(values).take(pa.array(codes))


def blank(values: object, where: np.ndarray[Any, np.dtype[np.bool_]]) -> pa.Array:
    """The values, null where it is said."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return pc.if_else(pa.array(where), pa.scalar(None, array.type), array)


def days(first: str, offsets: Ints) -> pa.Array:
    """Dates so many days after the first."""
    return pa.array(np.datetime64(first, "D") + offsets.astype(np.int64))


def moments(first: str, seconds: Ints) -> pa.Array:
    """Timestamps so many seconds after the first."""
    return pa.array((np.datetime64(first, "s") + seconds.astype(np.int64)).astype("datetime64[us]"))


def zipf(rng: Rng, levels: int, count: int, power: float = 1.1) -> Ints:
    """Codes below `levels`, the first ones by far the most frequent."""
    weights = 1 / np.arange(1, levels + 1) ** power
    return rng.choice(levels, count, p=weights / weights.sum())


def wide(rng: Rng, scale: float) -> Database:
    """One table of 215 columns that hang on eight hidden causes; some hold nothing, some one value."""
    count = int(3000 * scale)
    causes = rng.normal(size=(count, 8))
    columns: dict[str, object] = {"id": np.arange(1, count + 1)}

    def caused(strength: float) -> Floats:
        own = rng.normal(size=count)
        mixed: Floats = strength * causes[:, rng.integers(8)] + np.sqrt(1 - strength**2) * own
        return mixed

    for place in range(100):
        value = caused(rng.choice([0.95, 0.8, 0.4]))
        shape = place % 5
        if shape == 1:
            value = np.round(np.exp(value), 2).astype(np.float64)
        elif shape == 2:
            value = np.where(value < -0.3, 0.0, np.round(value * 10) / 2)
        elif shape == 3:
            value = np.round(np.where(value > 0, value + 4, value - 4), 3).astype(np.float64)
        columns[f"measure_{place:03d}"] = blank(value, rng.random(count) < (0.3 if place % 7 == 0 else 0))
    for place in range(40):
        columns[f"count_{place:02d}"] = rng.poisson(np.exp(1 + caused(0.8) * 0.6))
    for place in range(45):
        levels = int(rng.integers(2, 25))
        code = np.clip((caused(0.9) + 2.5) / 5 * levels, 0, levels - 1).astype(np.int64)
        columns[f"class_{place:02d}"] = by(code, [f"c{place}-{level}" for level in range(levels)])
    for place in range(12):
        columns[f"day_{place:02d}"] = days("2020-01-01", ((caused(0.8) + 4) * 120).astype(np.int64))
    for place in range(10):
        columns[f"is_{place}"] = caused(0.8) > 0.5
    for place in range(5):
        columns[f"nothing_{place}"] = pa.nulls(count, pa.string() if place % 2 else pa.float64())
    columns["always_x"], columns["always_1"] = ["x"] * count, np.ones(count, dtype=np.int64)
    return Database({"readings": pa.table(columns)}, {"readings": ("id",)})


def sensors(rng: Rng, scale: float) -> Database:
    """One table of odd shapes: two humps, spikes, long tails, steps, and nulls that hang on a column."""
    count = int(20_000 * scale)
    mode = zipf(rng, 4, count)
    load = rng.beta(0.6, 2, count)
    fault = rng.random(count) < 0.02 + 0.3 * (mode == 3)
    table = pa.table(
        {
            "reading_id": np.arange(1, count + 1) * 7 + 100_000,
            "read_at": moments("2025-03-01", np.sort(rng.integers(0, 90 * 86_400, count))),
            "mode": by(mode, ["idle", "run", "boost", "test"]),
            "load_pct": np.round(load * 100, 1),
            "temperature": np.round(20 + 45 * load + 15 * (mode == 2) + rng.normal(0, 1.5, count), 2),
            "vibration": np.round(rng.pareto(2.5, count) * (1 + mode), 4),
            "voltage": np.round(np.where(rng.random(count) < 0.5, 230, 400) + rng.normal(0, 2, count), 1),
            "retries": np.where(rng.random(count) < 0.9, 0, rng.geometric(0.3, count)),
            "fault": fault,
            "fault_code": blank(by(zipf(rng, 9, count), [f"E{n:02d}" for n in range(9)]), ~fault),
            "firmware": by(
                np.minimum(zipf(rng, 40, count), 39), [f"{n // 10}.{n % 10}.0" for n in range(40)]
            ),
            "calibrated_on": days("2023-01-01", rng.integers(0, 60, count) * 7),
            "spare": pa.nulls(count, pa.float64()),
        }
    )
    rules = {"a fault has a code": "SELECT count(*) FROM sensors WHERE fault AND fault_code IS NULL"}
    return Database({"sensors": table}, {"sensors": ("reading_id",)}, (), rules)


def lookups(rng: Rng, scale: float) -> Database:
    """Small tables of a few dozen rows that everything else points at, and a monthly series of one."""
    codes = [a + b for a in "ABCDEF" for b in "KLMNO"]
    currencies = ["EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY"]
    level = np.asarray([1, 1.08, 0.86, 0.96, 160, 11.3, 11.6, 7.46, 4.3, 25, 390, 35])
    months = 48
    steps = rng.normal(0, 0.02, (12, months)).cumsum(axis=1)
    country = zipf(rng, 30, 240, 0.8)
    tables = {
        "countries": pa.table(
            {
                "country_code": codes,
                "continent": pick(rng, ["Europe", "Asia", "Africa", "America"], 30),
                "currency_code": pick(rng, currencies, 30, range(12, 0, -1)),
                "population_m": np.round(rng.lognormal(2.5, 1.2, 30), 1),
            }
        ),
        "currencies": pa.table(
            {"currency_code": currencies, "decimals": [2, 2, 2, 2, 0, 2, 2, 2, 2, 2, 0, 2]}
        ),
        "rates": pa.table(
            {
                "currency_code": by(np.repeat(np.arange(12), months), currencies),
                "month_end": days("2022-01-31", np.tile(np.arange(months) * 30, 12)),
                "per_eur": np.round((level[:, None] * np.exp(steps)).ravel(), 4),
            }
        ),
        "offices": pa.table(
            {
                "office_id": np.arange(1, 241),
                "country_code": by(country, codes),
                "opened_on": days("2001-01-01", rng.integers(0, 8000, 240)),
                "desks": rng.poisson(20 + country, 240),
                "kind": pick(rng, ["sales", "works", "head"], 240, (70, 28, 2)),
            }
        ),
    }
    links = (
        Link("countries", ("currency_code",), "currencies", ("currency_code",)),
        Link("rates", ("currency_code",), "currencies", ("currency_code",)),
        Link("offices", ("country_code",), "countries", ("country_code",)),
    )
    keys: dict[str, Key] = {"countries": ("country_code",), "currencies": ("currency_code",)}
    keys |= {"rates": ("currency_code", "month_end"), "offices": ("office_id",)}
    return Database(tables, keys, links)
