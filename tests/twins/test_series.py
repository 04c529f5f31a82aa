"""Rows of one parent follow each other: balances add up, meters rise, months come one by one, statuses turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins import codec
from handrail.twins.assign import Made
from handrail.twins.bounded import ends
from handrail.twins.generate import generate
from handrail.twins.make import make
from handrail.twins.models import (
    Bin,
    ColumnSketch,
    Field,
    First,
    LinkSketch,
    Series,
    Sketch,
    Table,
    TableSketch,
)
from handrail.twins.plane import open_plane
from handrail.twins.rare_rules import rare_in_rules
from handrail.twins.rules import Rule, says
from handrail.twins.series import begun, keep_in_turn
from handrail.twins.sketch import take
from handrail.twins.values import full

COUNT = 300


def accounts(make_table: Any, rng: np.random.Generator, **columns: Any) -> list[Table]:
    """Accounts, and statements of them with the given columns besides their number and their account."""
    owner = columns.pop("owner")
    parents = make_table(
        "accounts",
        {"id": pa.array(range(COUNT)), "tier": rng.choice(["base", "gold"], COUNT)},
        Field("id", "", required=True, primary_key=True),
    )
    rows = make_table(
        "statements",
        {"id": pa.array(range(len(owner))), "account": pa.array(owner), **columns},
        Field("id", "", required=True, primary_key=True),
        Field("account", "", required=True, references=("accounts", "id")),
    )
    return [parents, rows]


def lengths(rng: np.random.Generator, least: int = 4, most: int = 20) -> tuple[Any, Any]:
    """How many rows each account has, and the place of each row among them."""
    lasts = rng.integers(least, most, COUNT)
    return np.repeat(np.arange(COUNT), lasts), np.concatenate([np.arange(n) for n in lasts])


def months(first: Any, turn: Any) -> pa.Array:
    return pa.array((np.datetime64("2020-01", "M") + first + turn).astype("datetime64[D]"))


def plain(tables: list[Table], seed: int = 1) -> tuple[Sketch, pa.Table]:
    sketch = take(open_plane(tables, 10)).sketch
    return sketch, generate(sketch, seed, "plain")["statements"].table


def in_order(twin: pa.Table, by: str) -> tuple[Any, dict[str, Any]]:
    """Which rows have one before them, and the columns sorted by account and date."""
    frame = {name: twin[name].to_numpy(zero_copy_only=False) for name in twin.column_names}
    order = np.lexsort((frame[by], frame["account"]))
    frame = {name: values[order] for name, values in frame.items()}
    return np.flatnonzero(frame["account"][1:] == frame["account"][:-1]) + 1, frame


def test_a_balance_is_carried_from_month_to_month(make_table: Any) -> None:
    rng = np.random.default_rng(1)
    owner, turn = lengths(rng)
    moved = rng.integers(-500, 700, len(owner))
    total = np.cumsum(moved)
    begins = np.flatnonzero(turn == 0)
    size = np.diff(np.append(begins, len(owner)))
    start = rng.integers(1000, 90_000, COUNT)
    closing = total - np.repeat(total[begins] - moved[begins], size) + start[owner]
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        month=months(np.repeat(rng.integers(0, 24, COUNT), size), turn),
        opening=closing - moved,
        moved=moved,
        closing=closing,
    )
    sketch, twin = plain(tables)
    found = {says(rule) for rule in sketch.table("statements").rules}
    assert {
        "opening is closing of the row before",
        "month is 1 month after the row before",
        "closing = opening + moved",
    } <= found
    later, frame = in_order(twin, "month")
    assert len(later) > 1000
    assert (frame["opening"][later] == frame["closing"][later - 1]).all()
    assert (frame["closing"] == frame["opening"] + frame["moved"]).all()
    month = frame["month"].astype("datetime64[M]").astype(int)
    assert (month[later] == month[later - 1] + 1).all(), "one row a month"
    assert month.max() <= 600 + 23 + 20, "none far in the future"
    firsts = np.setdiff1d(np.arange(len(twin)), later)
    assert abs(np.median(frame["opening"][firsts]) - np.median(start)) < 12_000
    assert codec.from_json(codec.to_json(sketch)) == sketch
    assert generate(sketch, 1, "plain")["statements"].table.equals(twin)


def test_a_balance_that_is_carried_on_strays_no_further_than_real_ones(make_table: Any) -> None:
    """Real ones are pulled back: what is drawn for a row does not know how far its account has come."""
    rng = np.random.default_rng(4)
    owner, turn = lengths(rng, 30, 31)
    closing = rng.normal(500, 115, len(owner)).round().astype(int)
    for row in np.flatnonzero(turn):
        closing[row] = 500 + round(0.9 * (closing[row - 1] - 500) + rng.normal(0, 50))
    opening = np.where(turn == 0, 500, np.roll(closing, 1))
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        month=months(0, turn),
        opening=opening,
        moved=closing - opening,
        closing=closing,
    )
    for seed in (1, 2, 3):
        sketch, twin = plain(tables, seed)
        later, frame = in_order(twin, "month")
        assert (frame["opening"][later] == frame["closing"][later - 1]).all()
        assert (frame["closing"] == frame["opening"] + frame["moved"]).all()
        low, high = ends([sketch.table("statements").column("closing")])["closing"]
        assert closing.min() - 30 < low and high < closing.max() + 30
        assert frame["closing"].min() >= low and frame["closing"].max() <= high


def test_a_running_total_adds_up_and_a_meter_never_falls(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    owner, turn = lengths(rng)
    begins = np.repeat(np.flatnonzero(turn == 0), np.bincount(owner))
    amount = rng.integers(-90, 100, len(owner))
    total = np.cumsum(amount)
    used = np.cumsum(rng.integers(0, 50, len(owner)))
    day = rng.integers(18_000, 18_900, COUNT)[owner] + turn * 7 + rng.integers(0, 7, len(owner))
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        day=pa.array(day.astype(np.int32)).cast(pa.date32()),
        amount=amount,
        balance=total - total[begins] + rng.integers(0, 5000, COUNT)[owner],
        meter=used - used[begins] + rng.integers(0, 20_000, COUNT)[owner],
    )
    _, twin = plain(tables)
    later, frame = in_order(twin, "day")
    later = later[frame["day"][later] > frame["day"][later - 1]]
    assert (frame["balance"][later] == frame["balance"][later - 1] + frame["amount"][later]).all()
    assert (frame["meter"][later] >= frame["meter"][later - 1]).all()
    real = np.abs(np.diff(tables_meter := used - used[begins])[turn[1:] > 0]).mean() if len(used) else 0
    assert np.abs(frame["meter"][later] - frame["meter"][later - 1]).mean() < 40 * max(real, 1), tables_meter[
        :1
    ]
    report = make(tables, 10, 1, "plain").reports[1]
    kept = {one.says: one.broken for one in report.rules}
    assert kept["balance = balance of the row before + amount"] == 0
    assert kept["meter never falls from row to row"] == 0


def test_statuses_turn_only_into_those_that_come_next_and_begin_as_they_do(make_table: Any) -> None:
    rng = np.random.default_rng(3)
    owner, turn = lengths(rng, 3, 6)
    steps = np.array(["new", "paid", "packed", "sent", "back"])
    gone = np.minimum(turn + (rng.random(len(owner)) < 0.2) * (turn > 2), 4)
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        day=pa.array((rng.integers(18_000, 18_900, COUNT)[owner] + turn).astype(np.int32)).cast(pa.date32()),
        status=steps[gone],
    )
    _, twin = plain(tables)
    real = {(a, b) for a, b, first in zip(steps[gone][:-1], steps[gone][1:], turn[1:], strict=True) if first}
    later, frame = in_order(twin, "day")
    made = set(zip(frame["status"][later - 1], frame["status"][later], strict=True))
    assert made <= real
    firsts = np.setdiff1d(np.arange(len(twin)), later)
    assert set(frame["status"][firsts]) == {"new"}


def test_what_clings_to_the_row_before_and_dates_that_lie_together_stay_so(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    owner, turn = lengths(rng, 6, 12)
    level = rng.normal(size=COUNT)[owner] * 3 + rng.normal(size=len(owner))
    day = rng.integers(17_000, 19_900, COUNT)[owner] + turn * 9 + rng.integers(0, 7, len(owner))
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        day=pa.array(day.astype(np.int32)).cast(pa.date32()),
        level=np.round(level, 3),
        noise=np.round(rng.normal(size=len(owner)), 3),
    )
    _, twin = plain(tables)
    later, frame = in_order(twin, "day")
    alike = np.corrcoef(frame["level"][later], frame["level"][later - 1])[0, 1]
    assert 0.75 < alike < 1, "0.9 in reality, 0 where rows are drawn one by one"
    assert abs(np.corrcoef(frame["noise"][later], frame["noise"][later - 1])[0, 1]) < 0.1
    apart = frame["day"].astype("datetime64[D]").astype(int)
    assert np.abs(apart[later] - apart[later - 1]).mean() < 200, "9 in reality, 900 where drawn one by one"


def test_turns_that_fewer_than_k_take_are_not_told(make_table: Any) -> None:
    rng = np.random.default_rng(5)
    owner, turn = lengths(rng, 4, 5)
    status = np.array(["new", "paid", "sent", "done"])[turn]
    for place in np.flatnonzero(turn == 3)[:4]:
        status[place] = "new"  # four began anew after they were sent
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        day=pa.array((18_000 + turn).astype(np.int32)).cast(pa.date32()),
        status=status,
    )
    plane = open_plane(tables, 10)
    table = take(plane).sketch.table("statements")
    (rule,) = [rule for rule in table.rules if rule.kind == "turned"]
    assert {pair[:2] for pair in rule.pairs} == {("new", "paid"), ("paid", "sent"), ("sent", "done")}
    assert rare_in_rules(plane, table) is None
    told = Rule("turned", ("status",), pairs=(*rule.pairs, ("sent", "new", 0.01)), series=rule.series)
    others = tuple(one for one in table.rules if one.kind != "turned")
    assert rare_in_rules(plane, type(table)(**{**vars(table), "rules": (*others, told)})) == "status"


def test_rows_that_have_nothing_to_do_with_each_other_are_no_series(make_table: Any) -> None:
    rng = np.random.default_rng(6)
    owner, _ = lengths(rng)
    tables = accounts(
        make_table,
        rng,
        owner=owner,
        at=pa.array(rng.permutation(len(owner)) * 10**9, pa.timestamp("us")),
        amount=rng.integers(0, 900, len(owner)),
        colour=rng.choice(["red", "green", "blue"], len(owner), p=[0.5, 0.3, 0.2]),
    )
    table = plain(tables)[0].table("statements")
    assert not [rule for rule in table.rules if rule.series]
    assert not (table.series and (table.series.clings and "amount" in dict(table.series.clings)))


@settings(max_examples=cases(60), deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=40),
    st.booleans(),
    st.sampled_from(["+", "-"]),
)
def test_whatever_the_rows_point_at_they_follow_each_other(
    seed: int, sizes: list[int], month: bool, sign: str
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.permutation(np.repeat(np.arange(-1, len(sizes) - 1), sizes))
    rows = len(points)
    known = Bin("range", low=18_000, high=20_000)
    columns = (
        ColumnSketch("owner", "BIGINT", "integer", "link"),
        ColumnSketch("day", "DATE", "date", "model", bins=(Bin("null"), known), shares=(0.0, 1.0)),
        *(
            ColumnSketch(name, "BIGINT", "integer", "model", bins=(Bin("null"), known), shares=(0.1, 0.9))
            for name in ("opening", "moved", "closing", "meter")
        ),
    )
    where = ("owner", "day")
    rules = (
        Rule("formula", ("closing", "opening", "moved"), how=f"b {sign} c"),
        Rule("carried", ("opening", "closing"), series=where),
        Rule("rising", ("meter",), series=where),
    )
    first = (First("day", (known,), (1.0,)), First("opening", (known,), (1.0,)))
    series = Series(*where, month=month, steps=((1.0, 0.6), (3.0, 0.4)), first=first)
    link = LinkSketch("owner", ("owner",), "owners", ("id",), "inside", 0.0, False, None, 1)
    table = TableSketch("made", rows, columns, (), (link,), rules, series=series)
    one = Made(table, rows, points={"owner": points.astype(np.int64)})
    turns = begun(table, one, rng)
    if turns is None:
        assert not rows
        return
    for name in ("opening", "moved", "closing", "meter"):
        one.codes[name] = np.ones(rows, dtype=np.int16)
        one.values[name] = full(rng.integers(0, 100, rows))
    keep_in_turn(turns, rng)
    made = {name: values.array for name, values in one.values.items()}
    for owner in range(len(sizes) - 1):
        mine = np.flatnonzero(points == owner)
        day = made["day"][mine]
        step = np.diff(day.astype("datetime64[D]").astype("datetime64[M]").astype(int) if month else day)
        assert set(step) <= {1, 3}
        assert (made["opening"][mine][1:] == made["closing"][mine][:-1]).all()
        assert (np.diff(made["meter"][mine]) >= 0).all()
    moved = made["moved"] * (1 if sign == "+" else -1)
    assert (made["closing"] == made["opening"] + moved).all(), "of rows that point nowhere too"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("carried", ("a", "b")), "a is b of the row before"),
        (Rule("running", ("a", "b"), how="-"), "a = a of the row before - b"),
        (Rule("rising", ("a",), strict=True), "a never rises from row to row"),
        (Rule("spaced", ("a",), by=7.0), "a is 7 after the row before"),
        (Rule("spaced", ("a",), how="month", by=3.0), "a is 3 months after the row before"),
        (Rule("turned", ("a",), pairs=(("x", "y", 1.0),)), "a turns from row to row in 1 ways"),
    ],
)
def test_what_holds_from_row_to_row_is_said_in_words(rule: Rule, words: str) -> None:
    assert says(rule) == words


@pytest.mark.parametrize("year", [1930, 2020])
def test_who_lasts_long_has_begun_early_also_before_1970(make_table: Any, year: int) -> None:
    rng = np.random.default_rng(11)
    owner, turn = lengths(rng)
    last = np.bincount(owner)[owner]
    day = (np.datetime64(f"{year}-01", "M") + 30 - last + turn).astype(
        "datetime64[D]"
    )  # all end in one month
    sketch, twin = plain(accounts(make_table, rng, owner=owner, day=pa.array(day)))
    assert sketch.table("statements").series.steps  # type: ignore[union-attr]
    made = twin["day"].to_numpy()
    assert made.max() <= day.max() + np.timedelta64(31, "D")
    assert (made > day.max()).mean() < 0.05


@pytest.mark.parametrize("last", [2**31 - 2, -(2**31) + 2000])
def test_dates_beyond_the_last_moment_go_on_in_steps(make_table: Any, last: int) -> None:
    rng = np.random.default_rng(12)
    owner, turn = lengths(rng)
    day = pa.array((last - 7 * (turn.max() - turn)).astype(np.int32)).cast(pa.date32())
    sketch, _ = plain(accounts(make_table, rng, owner=owner, day=day))
    assert sketch.table("statements").series.steps == ((7.0, 1.0),)  # type: ignore[union-attr]


def test_what_goes_together_with_a_date_follows_the_steps_of_the_date(make_table: Any) -> None:
    rng = np.random.default_rng(13)
    owner, turn = lengths(rng, 12, 14)
    week = turn + (turn > 5) * (owner % 20 == 0)  # some pause once, so the distance is no rule
    day = pa.array((np.datetime64("2020-01-01") + 7 * week).astype("datetime64[D]"))
    shift = np.array([f"t{one % 5}" for one in week])
    sketch, twin = plain(accounts(make_table, rng, owner=owner, day=day, shift=shift))
    rules = {rule.kind: rule for rule in sketch.table("statements").rules}
    assert {"turned", "accepted"} <= rules.keys() and "spaced" not in rules
    weeks = (twin["day"].cast(pa.int32()).to_numpy() - 18_262) // 7
    for one, said in zip(weeks.tolist(), twin["shift"].to_pylist(), strict=True):
        assert said == f"t{one % 5}" or not 0 <= one < 14, "of weeks that are there"
