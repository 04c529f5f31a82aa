"""Parents of one row go together: what a store sells is of its range, what an order's line says is its order's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins import codec
from handrail.twins.assign import Made
from handrail.twins.generate import generate
from handrail.twins.models import Beside, Bin, ColumnSketch, Field, LinkSketch, TableSketch
from handrail.twins.parents import paired
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take


def key(name: str = "id") -> Field:
    return Field(name, "", required=True, primary_key=True)


def pointing(name: str, to: str) -> Field:
    return Field(name, "", required=True, references=(to, "id"))


def joined(twins: Any, child: str, columns: dict[str, tuple[str, str]]) -> list[Any]:
    """For each row of a child a column of each parent: link -> (table, column)."""
    found = []
    for link, (to, column) in columns.items():
        at = dict(zip(twins[to].table["id"].to_pylist(), twins[to].table[column].to_pylist(), strict=True))
        found.append(np.array([at[one] for one in twins[child].table[link].to_pylist()], dtype=object))
    return found


def test_a_store_sells_only_what_is_of_its_range_and_everybody_keeps_their_children(make_table: Any) -> None:
    rng = np.random.default_rng(1)
    formats = np.array(["corner", "super", "garden"])
    kind = rng.choice(3, 400, p=[0.5, 0.3, 0.2])
    groups = np.array(["food", "drink", "tools", "plants"])
    group = rng.choice(4, 600, p=[0.4, 0.3, 0.2, 0.1])
    sold_in = [{0, 1}, {0, 1, 2}, {2, 3}]
    store = rng.choice(400, 20_000, p=np.sort(rng.dirichlet(np.ones(400))))
    of_group = [np.flatnonzero(group == g) for g in range(4)]
    product = np.array([rng.choice(of_group[rng.choice(sorted(sold_in[kind[s]]))]) for s in store])
    seller = rng.integers(0, 500, 20_000)
    tables = [
        make_table("stores", {"id": pa.array(range(400)), "format": formats[kind]}, key()),
        make_table("products", {"id": pa.array(range(600)), "group": groups[group]}, key()),
        make_table("sellers", {"id": pa.array(range(500)), "team": rng.choice(["a", "b"], 500)}, key()),
        make_table(
            "sales",
            {"id": pa.array(range(20_000)), "store": store, "product": product, "seller": seller},
            key(),
            pointing("store", "stores"),
            pointing("product", "products"),
            pointing("seller", "sellers"),
        ),
    ]
    sketch = take(open_plane(tables, 10)).sketch
    assert codec.from_json(codec.to_json(sketch)) == sketch
    links = {link.name: link for link in sketch.table("sales").links}
    assert [(one.link, one.theirs, one.own) for one in links["product"].beside][:1] == [
        ("store", "format", "group")
    ]
    assert not links["seller"].beside, "sellers have nothing to do with either"
    twins = generate(sketch, 1, "plain")
    columns = {"store": ("stores", "format"), "product": ("products", "group")}
    of_store, of_product = joined(twins, "sales", columns)
    may = {(formats[a], groups[b]) for a in range(3) for b in sold_in[a]}
    wrong = np.mean([pair not in may for pair in zip(of_store, of_product, strict=True)])
    assert wrong < 0.02, "0 in reality, 0.35 where each is drawn by itself"
    real = np.sort(np.bincount(product, minlength=600))
    made = np.sort(np.bincount(twins["sales"].table["product"].to_numpy() - 1, minlength=600))
    assert np.abs(real - made).mean() < 0.15 * real.mean()


def test_who_is_known_through_another_parent_is_the_same(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    owner = rng.integers(0, 300, 1000)
    order = np.sort(rng.integers(0, 1000, 4000))
    tables = [
        make_table("customers", {"id": pa.array(range(300)), "tier": rng.choice(["a", "b"], 300)}, key()),
        make_table(
            "orders",
            {"id": pa.array(range(1000)), "customer": owner},
            key(),
            pointing("customer", "customers"),
        ),
        make_table(
            "invoices",
            {"id": pa.array(range(4000)), "order": order, "customer": owner[order]},
            key(),
            pointing("order", "orders"),
            pointing("customer", "customers"),
        ),
    ]
    twins = generate(take(open_plane(tables, 10)).sketch, 1, "plain")
    (through,) = joined(twins, "invoices", {"order": ("orders", "customer")})
    assert (through == np.array(twins["invoices"].table["customer"].to_pylist(), dtype=object)).all()


@settings(max_examples=cases(80), deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 400),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 5),
    st.booleans(),
)
def test_however_parents_are_dealt_out_each_keeps_its_children(
    seed: int, rows: int, first: int, second: int, bins: int, everybody: bool
) -> None:
    rng = np.random.default_rng(seed)

    def parent(name: str, count: int) -> Made:
        values = tuple(Bin("value", value=float(n)) for n in range(bins))
        kind = ColumnSketch("kind", "BIGINT", "integer", "model", bins=values)
        there = Made(TableSketch(name, count, (kind,), ()), count)
        there.codes["kind"] = rng.integers(0 if everybody else -1, bins, count).astype(np.int16)
        return there

    cells = tuple((a * bins + b, 1.0) for a in range(bins) for b in range(bins) if a == b)
    table = Beside("a", "kind", "kind", (bins, bins), cells)
    links = (
        LinkSketch("a", ("a",), "as", ("id",), "inside", 0.0, False, None, 0),
        LinkSketch("b", ("b",), "bs", ("id",), "inside", 0.0, False, None, 0, beside=(table,)),
    )
    one = Made(TableSketch("rows", rows, (), (), links), rows)
    made = {"as": parent("as", first), "bs": parent("bs", second), "rows": one}
    for name, count in (("a", first), ("b", second)):
        found = rng.integers(0, count, rows)
        one.points[name] = np.where(rng.random(rows) < (0.0 if everybody else 0.2), -1, found).astype(
            np.int64
        )
    dealt = paired(links[1], made, one, np.random.default_rng(seed))
    assert (np.sort(dealt) == np.sort(one.points["b"])).all()
    again = paired(links[1], made, one, np.random.default_rng(seed))
    assert (dealt == again).all()
    theirs, before, after = (
        np.where(points < 0, -1, made[to].codes["kind"][np.maximum(points, 0)])
        for to, points in (("as", one.points["a"]), ("bs", one.points["b"]), ("bs", dealt))
    )
    if everybody:
        most = np.minimum(np.bincount(theirs, minlength=bins), np.bincount(before, minlength=bins)).sum()
        assert (theirs == after).sum() == most, "as many as can go together do"


def test_a_key_of_a_table_that_closes_a_circle_is_not_copied_before_it_is_there(make_table: Any) -> None:
    rng = np.random.default_rng(5)
    boss, team = rng.integers(0, 300, 60), rng.integers(0, 60, 300)
    task = rng.integers(0, 60, 2000)
    tables = [
        make_table("teams", {"id": pa.array(range(60)), "lead": boss}, key(), Field("lead", "", references=("staff", "id"))),
        make_table("staff", {"id": pa.array(range(300)), "team": team}, key(), pointing("team", "teams")),
        make_table(
            "tasks",
            {"id": pa.array(range(2000)), "team": task, "lead": boss[task]},
            key(),
            pointing("team", "teams"),
            pointing("lead", "staff"),
        ),
    ]  # fmt: skip
    twin = generate(take(open_plane(tables, 10)).sketch, 1, "plain")
    assert set(twin["tasks"].table["lead"].to_pylist()) <= set(twin["staff"].table["id"].to_pylist())


def test_what_must_point_somewhere_does_although_the_other_key_points_nowhere(make_table: Any) -> None:
    rng = np.random.default_rng(6)
    of = rng.integers(0, 200, 400)
    order = [None if row % 1500 == 7 else int(one) for row, one in enumerate(rng.integers(0, 400, 30_000))]
    buyer = [int(of[one]) if one is not None else 3 for one in order]
    tables = [
        make_table("buyers", {"id": pa.array(range(200))}, key()),
        make_table("orders", {"id": pa.array(range(400)), "buyer": of}, key(), pointing("buyer", "buyers")),
        make_table(
            "invoices",
            {"id": pa.array(range(30_000)), "order": pa.array(order), "buyer": pa.array(buyer)},
            key(),
            Field("order", "", references=("orders", "id")),
            pointing("buyer", "buyers"),
        ),
    ]
    sketch = take(open_plane(tables, 10)).sketch
    (link,) = (one for one in sketch.table("invoices").links if one.name == "buyer")
    assert link.through == ("order", "buyer")
    twin = generate(sketch, 1, "plain")["invoices"].table
    assert twin["order"].null_count and not twin["buyer"].null_count
