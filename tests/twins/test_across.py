"""What rows say fits the rows that they point at: nothing is shipped before it was ordered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins.across import mended
from handrail.twins.assign import Made
from handrail.twins.make import make
from handrail.twins.models import Bin, ColumnSketch, Field, LinkSketch, Table, TableSketch
from handrail.twins.plane import open_plane
from handrail.twins.rules import Rule, says
from handrail.twins.sketch import take
from handrail.twins.values import Values

DAY = 86_400_000_000


def dates(days: Any) -> pa.Array:
    return pa.array(np.asarray(days, dtype=np.int32)).cast(pa.date32())


def ordered_and_shipped(make_table: Any, exceptions: int = 0, moment: bool = False) -> list[Table]:
    rng = np.random.default_rng(1)
    ordered, order = rng.integers(18_000, 20_000, 1500), np.sort(rng.integers(0, 1500, 6000))
    shipped = ordered[order] + rng.integers(0, 120, 6000)
    shipped[:exceptions] = ordered[order][:exceptions] - 5
    arrived = shipped + rng.integers(1, 30, 6000)
    at = (
        pa.array(shipped * DAY + rng.integers(0, DAY, 6000), pa.timestamp("us")) if moment else dates(shipped)
    )
    return [
        make_table(
            "orders",
            {
                "id": pa.array(range(1500)),
                "ordered": dates(ordered),
                "asked": dates(rng.permutation(ordered)),
            },
            Field("id", "", required=True, primary_key=True),
        ),
        make_table(
            "lines",
            {
                "id": pa.array(range(6000)),
                "order": pa.array(order),
                "shipped": at,
                "arrived": dates(arrived),
                "noise": dates(rng.permutation(shipped)),
            },
            Field("id", "", required=True, primary_key=True),
            Field("order", "", required=True, references=("orders", "id")),
            Field("shipped", "", required=True),
        ),
    ]


@pytest.mark.parametrize("moment", [False, True])
def test_nothing_ships_before_it_was_ordered(make_table: Any, moment: bool) -> None:
    made = make(ordered_and_shipped(make_table, moment=moment), 10, 1, "plain")
    found = {says(rule) for rule in made.sketch.table("lines").rules if rule.kind == "across"}
    assert found == {"shipped is at least ordered of its order"} | (
        {"arrived is at least ordered of its order"} if moment else set()
    ), "what follows from an order within the table, and what only chance holds, is no rule"
    scores = {one.says: one for one in made.reports[1].rules}
    score = scores["shipped is at least ordered of its order"]
    assert (score.kept, score.twin_kept, score.broken) == (1.0, 1.0, 0)
    orders, lines = (made.twins[name].table.to_pydict() for name in ("orders", "lines"))
    began = dict(zip(orders["id"], orders["ordered"], strict=True))
    gone = [one.date() if moment else one for one in lines["shipped"]]
    assert all(began[order] <= day for order, day in zip(lines["order"], gone, strict=True))
    if not moment:
        assert all(a <= b for a, b in zip(lines["shipped"], lines["arrived"], strict=True))
        late = np.array([(b - began[a]).days for a, b in zip(lines["order"], gone, strict=True)])
        assert np.median(late) < 400, "60 in reality"


def test_few_exceptions_are_not_told_and_many_end_the_rule(make_table: Any) -> None:
    few = take(open_plane(ordered_and_shipped(make_table, 4), 10)).sketch.table("lines").rules
    assert [rule.kept for rule in few if says(rule).startswith("shipped is at least ordered")] == [1.0]
    many = take(open_plane(ordered_and_shipped(make_table, 300), 10)).sketch.table("lines").rules
    assert not [rule for rule in many if rule.kind == "across" and rule.columns == ("shipped",)]


@settings(max_examples=cases(60), deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 200),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from([0.0, 0.4]),
)
def test_whatever_rows_point_at_their_dates_fit_and_those_stay(
    seed: int, rows: int, parents: int, most: bool, nulls: float
) -> None:
    rng = np.random.default_rng(seed)
    bins = (Bin("null"), Bin("range", low=18_000, high=20_000))
    date = ColumnSketch("day", "DATE", "date", "model", bins=bins, shares=(nulls, 1 - nulls))
    link = LinkSketch("up", ("up",), "parents", ("id",), "inside", 0.0, False, None, 0)
    rules = (Rule("across", ("day",), strict=most, above=("up", "day")), Rule("order", ("day", "end")))
    end = ColumnSketch("end", "DATE", "date", "model", bins=bins, shares=(nulls, 1 - nulls))
    table = TableSketch("rows", rows, (date, end), (), (link,), rules)

    def drawn(count: int) -> Values:
        return Values(rng.integers(18_000, 20_000, count), rng.random(count) >= nulls)

    above = Made(TableSketch("parents", parents, (date,), ()), parents, values={"day": drawn(parents)})
    one = Made(table, rows, values={"day": drawn(rows), "end": drawn(rows)})
    one.points["up"] = rng.integers(-1, parents, rows)
    before = above.values["day"].array.copy()
    done = mended(table, {"parents": above, "rows": one}, one, rng, frozenset())
    assert set(done) == {"day", "end"}
    assert (above.values["day"].array == before).all()
    theirs = above.values["day"].take(one.points["up"])
    both = done["day"].valid & theirs.valid
    fits = done["day"].array <= theirs.array if most else done["day"].array >= theirs.array
    assert fits[both].all()
    assert (done["day"].array <= done["end"].array)[done["day"].valid & done["end"].valid].all()
