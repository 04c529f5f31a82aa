"""For the meters."""

import math

import numpy as np
import pandas as pd
import polars as pl

from handrail_bench.fidelity.bank import Query, program


@program("meters")
def total_by_site(query: Query) -> None:
    """Energy by site; the sites make the total."""
    df = query("SELECT m.site, r.kwh FROM readings r JOIN meters m USING (meter_id)")
    result = df.groupby("site")["kwh"].sum()
    assert math.isclose(result.sum(), df["kwh"].sum(), rel_tol=1e-9)


@program("meters", held_out=True)
def peak(query: Query) -> None:
    """The highest reading and when it was; no more than ten times the 99th percentile."""
    df = query("SELECT read_at, kwh FROM readings")
    top = df.loc[df["kwh"].idxmax()]
    assert top["kwh"] <= 10 * df["kwh"].quantile(0.99), "that is no energy, that is an error"


@program("meters")
def python_sum(query: Query) -> None:
    """Total energy with plain Python."""
    assert sum(query("SELECT kwh FROM readings")["kwh"]) > 0


@program("meters", held_out=True)
def numpy_mean(query: Query) -> None:
    """Mean and spread with numpy."""
    values = query("SELECT kwh FROM readings")["kwh"].to_numpy()
    assert np.isfinite(np.mean(values)) and np.isfinite(np.std(values))


@program("meters", held_out=True)
def log_scale(query: Query) -> None:
    """Readings on a logarithmic scale."""
    values = [math.log10(v) for v in query("SELECT kwh FROM readings WHERE kwh IS NOT NULL")["kwh"]]
    assert max(values) < 6


@program("meters", held_out=True)
def in_order(query: Query) -> None:
    """Readings stand in order of time per meter, so that differences can be taken."""
    df = query("SELECT meter_id, read_at FROM readings ORDER BY reading_id")
    steps = df.groupby("meter_id")["read_at"].diff().dropna()
    assert (steps > pd.Timedelta(0)).all(), "time runs backwards"


@program("meters")
def hourly_grid(query: Query) -> None:
    """A table of hours by meter without holes."""
    df = query("SELECT meter_id, read_at, kwh FROM readings")
    grid = df.pivot(index="read_at", columns="meter_id", values="kwh")
    assert grid.notna().all(axis=None), "an hour is missing"


@program("meters", held_out=True)
def reindexed(query: Query) -> None:
    """The use of one meter for every hour, with missing hours as zero, robustly."""
    df = query("SELECT read_at, kwh FROM readings WHERE meter_id = (SELECT min(meter_id) FROM readings)")
    hours = df.groupby(df["read_at"].dt.floor("h"))["kwh"].sum()
    grid = hours.reindex(pd.date_range("2024-03-26", "2024-04-03", freq="h"), fill_value=0)
    assert grid.notna().all()


@program("meters")
def quality_rate(query: Query) -> None:
    """Per cent of good readings; good and estimated make all."""
    df = query("SELECT quality FROM readings")
    share = df["quality"].value_counts(normalize=True)
    assert math.isclose(share.get("ok", 0) + share.get("estimated", 0), 1)
    assert df["quality"].isin(["ok", "estimated"]).all(), "another quality"


@program("meters")
def per_phase(query: Query) -> None:
    """Capacity per phase, as whole numbers."""
    df = query("SELECT capacity_kw, phases FROM meters")
    assert ((df["capacity_kw"] / df["phases"]).astype(int) >= 0).all()


@program("meters")
def age(query: Query) -> None:
    """Age of the meters in years at the end of 2024."""
    df = query("SELECT installed FROM meters")
    years = (pd.Timestamp("2024-12-31") - df["installed"]).dt.days / 365
    assert years.between(0, 30).all()


@program("meters")
def every_meter_reads(query: Query) -> None:
    """Average of every meter, all of them."""
    df = query(
        "SELECT m.meter_id, avg(r.kwh) AS mean FROM meters m LEFT JOIN readings r USING (meter_id) GROUP BY 1"
    )
    assert df["mean"].notna().all(), "a meter says nothing"


@program("meters")
def polars_days(query: Query) -> None:
    """Energy by day with polars."""
    df = pl.DataFrame(
        query("SELECT read_at::DATE::VARCHAR AS day, kwh FROM readings WHERE kwh > 0").to_dict("list")
    )
    days = df.group_by("day").agg(pl.col("kwh").sum()).sort("day")
    assert days["kwh"].min() > 0 and len(days) < 60  # type: ignore[operator]


@program("meters")
def number_of_meter(query: Query) -> None:
    """The number of the meter, without its letter."""
    ids = query("SELECT DISTINCT meter_id FROM readings")["meter_id"]
    assert sorted(int(one[1:]) for one in ids)


@program("meters")
def night_and_day(query: Query) -> None:
    """Use at night (22 to 6) and by day."""
    df = query("SELECT hour(read_at) AS h, coalesce(kwh, 0) AS kwh FROM readings")
    night = df[(df["h"] >= 22) | (df["h"] < 6)]["kwh"].sum()
    assert 0 < night < df["kwh"].sum()
