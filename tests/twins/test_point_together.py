"""Rows whose keys of several columns agree: each points at one row that is there, or nowhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.data import CombinedLink
from handrail.twins import codec
from handrail.twins.generate import Twin, generate
from handrail.twins.groups import dealt
from handrail.twins.models import ColumnSketch, Field, LinkSketch, Sketch, Table, TableSketch
from handrail.twins.plane import open_plane
from handrail.twins.point_together import Together
from handrail.twins.sketch import take
from handrail.twins.values import Outside, from_arrow, full

VARIANTS = ("plain", "hostile")


def sketched(*tables: Table, k: int = 3) -> Sketch:
    plane = open_plane(tables, k)
    with plane.con:
        sketch = take(plane).sketch
    assert codec.from_json(codec.to_json(sketch)) == sketch
    return sketch


def made(sketch: Sketch, variant: Any = "plain", outside: Outside | None = None) -> dict[str, pa.Table]:
    twins: dict[str, Twin] = generate(sketch, 1, variant, outside)
    return {name: twin.table for name, twin in twins.items()}


def keys(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    """What stands in these columns together, without the rows that point nowhere."""
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    return [row for row in rows if None not in row]


def needed(name: str, to: str = "", column: str = "id", key: bool = False) -> Field:
    return Field(name, "", True, False, key, references=(to, column) if to else None)


def linked(table: Table, *links: CombinedLink) -> Table:
    return replace(table, combined=links)


@pytest.fixture
def trade(make_table: Any) -> tuple[Table, ...]:
    """Parts, suppliers, who supplies which, and lines of orders, most of them of a few such pairs."""
    rng = np.random.default_rng(3)
    pairs = [(part, (part * 7 + n * 5) % 20) for part in range(60) for n in range(3)]
    weights = rng.gamma(0.5, size=len(pairs))
    sold = [pairs[n] for n in rng.choice(len(pairs), 2000, p=weights / weights.sum())]
    stock = make_table(
        "stock",
        {"part": pa.array([a for a, _ in pairs]), "supplier": pa.array([b for _, b in pairs])},
        needed("part", "parts", key=True),
        needed("supplier", "suppliers", key=True),
    )
    lines = make_table(
        "lines",
        {
            "id": pa.array(range(2000)),
            "supplier": pa.array([b for _, b in sold]),
            "part": pa.array([a for a, _ in sold]),
            "n": pa.array(rng.integers(1, 5, 2000)),
        },
        needed("id", key=True),
        needed("part", "parts"),
        needed("supplier", "suppliers"),
    )
    return (
        make_table("parts", {"id": pa.array(range(60))}, needed("id", key=True)),
        make_table("suppliers", {"id": pa.array(range(20))}, needed("id", key=True)),
        stock,
        linked(lines, CombinedLink(("part", "supplier"), "stock", ("part", "supplier"))),
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_line_names_a_pair_that_is_in_stock_and_both_of_its_ends(
    trade: tuple[Table, ...], variant: str
) -> None:
    sketch = sketched(*trade)
    assert [link.name for link in sketch.table("lines").links] == ["supplier+part", "supplier", "part"] or (
        sketch.table("lines").links[0].columns == ("part", "supplier")
    )
    twin = made(sketch, variant)
    stock = keys(twin["stock"], "part", "supplier")
    assert len(stock) == len(set(stock)) == 180
    lines = keys(twin["lines"], "part", "supplier")
    assert len(lines) == 2000 and set(lines) <= set(stock)
    assert {part for part, _ in lines} <= {id_ for (id_,) in keys(twin["parts"], "id")}
    assert {supplier for _, supplier in lines} <= {id_ for (id_,) in keys(twin["suppliers"], "id")}


def test_pairs_have_as_many_lines_as_they_really_have(trade: tuple[Table, ...]) -> None:
    twin = made(sketched(*trade))
    counted = [Counter(keys(table, "part", "supplier")) for table in (twin["lines"], _real(trade[3]))]
    twin_, real = (np.sort([*found.values(), *[0] * (180 - len(found))]) for found in counted)
    assert np.abs(twin_ - real).sum() < 0.15 * 2000


def _real(table: Table) -> pa.Table:
    return pq.read_table(table.path)


@pytest.fixture
def tenants(make_table: Any) -> tuple[Table, ...]:
    """Tenants with orders and products of their own; lines of an order, some of no product; managers."""
    rng = np.random.default_rng(4)
    owner = np.sort(rng.choice(["t1", "t2", "t3", "t4"], 200, p=[0.6, 0.2, 0.15, 0.05]))
    of_product = np.repeat(["t1", "t2", "t3", "t4"], 15)
    order = np.sort(rng.integers(0, 200, 900))
    number = [int((order[:i] == order[i]).sum()) + 1 for i in range(900)]
    product = [
        None if rng.random() < 0.2 else int(rng.choice(np.flatnonzero(of_product == owner[o]))) for o in order
    ]
    boss = [next((int(b) for b in range(n) if owner[b] == owner[n]), None) for n in range(200)]
    tenant = needed("tenant", "tenants", "name", key=True)
    return (
        make_table("tenants", {"name": ["t1", "t2", "t3", "t4"]}, needed("name", key=True)),
        linked(
            make_table(
                "orders",
                {"tenant": owner, "id": pa.array(range(200)), "follows": pa.array(boss, pa.int64())},
                tenant,
                needed("id", key=True),
            ),
            CombinedLink(("tenant", "follows"), "orders", ("tenant", "id")),
        ),
        make_table(
            "products", {"tenant": of_product, "id": pa.array(range(60))}, tenant, needed("id", key=True)
        ),
        linked(
            make_table(
                "lines",
                {
                    "tenant": owner[order],
                    "order": pa.array(order),
                    "line": pa.array(number),
                    "product": pa.array(product, pa.int64()),
                },
                tenant,
                needed("order", key=True),
                needed("line", key=True),
            ),
            CombinedLink(("tenant", "order"), "orders", ("tenant", "id")),
            CombinedLink(("tenant", "product"), "products", ("tenant", "id")),
        ),
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_line_points_at_an_order_and_a_product_of_one_tenant(
    tenants: tuple[Table, ...], variant: str
) -> None:
    twin = made(sketched(*tenants), variant)
    lines = twin["lines"]
    assert set(keys(lines, "tenant", "order")) <= set(keys(twin["orders"], "tenant", "id"))
    assert set(keys(lines, "tenant", "product")) <= set(keys(twin["products"], "tenant", "id"))
    assert set(keys(lines, "tenant")) <= set(keys(twin["tenants"], "name"))
    assert lines["tenant"].null_count == lines["order"].null_count == 0
    assert 0.1 < lines["product"].null_count / lines.num_rows < 0.3
    for name, key in (("orders", ("tenant", "id")), ("lines", ("tenant", "order", "line"))):
        found = keys(twin[name], *key)
        assert len(found) == len(set(found)) == twin[name].num_rows
    assert lines.num_rows > 800


def test_a_row_that_points_into_its_own_table_stays_with_its_tenant_and_makes_no_circle(
    tenants: tuple[Table, ...],
) -> None:
    orders = made(sketched(*tenants))["orders"]
    rows = {key: n for n, key in enumerate(keys(orders, "tenant", "id"))}
    follows = [
        (n, rows[tenant, other])
        for n, (tenant, other) in enumerate(
            zip(orders["tenant"].to_pylist(), orders["follows"].to_pylist(), strict=True)
        )
        if other is not None
    ]
    assert len(follows) > 150 and all(there < here for here, there in follows)


@pytest.mark.parametrize("variant", VARIANTS)
def test_tables_that_point_at_each_other_by_several_columns_are_made_all_the_same(
    make_table: Any, variant: str
) -> None:
    order = np.repeat(range(50), 4)
    orders = make_table(
        "orders",
        {"id": pa.array(range(50)), "last": pa.array([4 if n % 5 else None for n in range(50)])},
        needed("id", key=True),
    )
    lines = make_table(
        "lines",
        {"order": pa.array(order), "line": pa.array([1, 2, 3, 4] * 50)},
        needed("order", "orders", key=True),
        needed("line", key=True),
    )
    link = CombinedLink(("id", "last"), "lines", ("order", "line"))
    twin = made(sketched(linked(orders, link), lines), variant)
    lasts = keys(twin["orders"], "id", "last")
    assert set(lasts) <= set(keys(twin["lines"], "order", "line"))
    assert set(keys(twin["lines"], "order")) <= set(keys(twin["orders"], "id"))
    assert 30 < len(lasts) < 50 and twin["orders"]["id"].null_count == 0


def test_a_key_made_of_links_that_share_a_column_differs_in_every_row(
    make_table: Any, tenants: tuple[Table, ...]
) -> None:
    rng = np.random.default_rng(6)
    all_, orders, products, _ = tenants
    owner, of_product = (_real(one)["tenant"].to_pylist() for one in (orders, products))
    pairs = {
        (int(o), int(rng.choice([n for n, of in enumerate(of_product) if of == owner[o]])))
        for o in rng.integers(0, 200, 1500)
    }
    offers = make_table(
        "offers",
        {
            "tenant": [owner[order] for order, _ in sorted(pairs)],
            "order": pa.array([order for order, _ in sorted(pairs)]),
            "product": pa.array([product for _, product in sorted(pairs)]),
        },
        needed("tenant", "tenants", "name", key=True),
        needed("order", key=True),
        needed("product", key=True),
    )
    links = (
        CombinedLink(("tenant", "order"), "orders", ("tenant", "id")),
        CombinedLink(("tenant", "product"), "products", ("tenant", "id")),
    )
    twin = made(sketched(all_, orders, products, linked(offers, *links)))
    rows = keys(twin["offers"], "tenant", "order", "product")
    assert len(rows) == len(set(rows)) > 0.97 * len(pairs)
    assert set(keys(twin["offers"], "tenant", "order")) <= set(keys(twin["orders"], "tenant", "id"))
    assert set(keys(twin["offers"], "tenant", "product")) <= set(keys(twin["products"], "tenant", "id"))


def test_no_parent_is_chosen_after_whom_another_link_has_nowhere_to_point() -> None:
    links = tuple(
        LinkSketch(
            "+".join(("tenant", to)), ("tenant", to), to, ("tenant", "id"), "inside", 0.0, False, None, 0
        )
        for to in ("order", "product")
    )
    columns = tuple(
        ColumnSketch(name, "BIGINT", "integer", "link", required=True)
        for name in ("tenant", "order", "product")
    )
    of_tenants = {"order": np.repeat([1, 2], 40), "product": np.repeat([1], 30)}  # the other one has none
    pointing = Together(
        TableSketch("lines", 400, columns, (), links),
        links,
        {link.name: [full(of_tenants[link.to]), full(np.arange(len(of_tenants[link.to])))] for link in links},
        400,
    )
    rng = np.random.default_rng(1)
    for link in links:
        pointing.point(link, None, link is links[0], rng)
    assert all((points >= 0).all() for points in pointing.points.values())
    assert set(pointing.values(rng)["tenant"].array.tolist()) == {1}


def test_keys_that_another_build_lends_stay_in_their_rows(trade: tuple[Table, ...]) -> None:
    parts, suppliers, _, lines = trade
    lent = {
        ("stock", name): values
        for name, column in (("part", [0, 0, 1, 1]), ("supplier", [3, 4, 4, 3]))
        if (values := from_arrow(pa.chunked_array([column]))) is not None
    }
    alone = sketched(lines)
    twin = made(alone, outside=lent)["lines"]
    assert set(keys(twin, "part", "supplier")) == {(0, 3), (0, 4), (1, 4), (1, 3)}
    with_parts = made(sketched(parts, suppliers, lines))  # nobody lends any: what is there has its way
    assert set(keys(with_parts["lines"], "part")) <= set(keys(with_parts["parts"], "id"))
    assert set(keys(with_parts["lines"], "supplier")) <= set(keys(with_parts["suppliers"], "id"))


def test_a_pair_that_nothing_in_a_row_could_be_points_nowhere(make_table: Any) -> None:
    shops = make_table("shops", {"id": pa.array(range(30))}, needed("id", key=True))
    shelves = make_table(
        "shelves",
        {"shop": pa.array([0] * 30), "id": pa.array(range(30))},
        needed("shop", "shops", key=True),
        needed("id", key=True),
    )
    sales = make_table(
        "sales",
        {
            "id": pa.array(range(300)),
            "shop": pa.array([n % 30 for n in range(300)]),
            "shelf": pa.array([n % 30 if n % 30 == 0 else None for n in range(300)]),
        },
        needed("id", key=True),
        needed("shop", "shops"),
    )
    twin = made(
        sketched(shops, shelves, linked(sales, CombinedLink(("shop", "shelf"), "shelves", ("shop", "id"))))
    )
    assert twin["sales"]["shop"].null_count == 0
    assert set(keys(twin["sales"], "shop", "shelf")) <= set(keys(twin["shelves"], "shop", "id"))
    assert len(keys(twin["sales"], "shop", "shelf")) < 30


@settings(max_examples=cases(100), deadline=None)
@given(
    rows=st.lists(st.integers(0, 5), max_size=40),
    parents=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=12),
    unique=st.booleans(),
    seed=st.integers(0, 9),
)
def test_parents_are_of_the_rows_own_group_and_get_their_share(
    rows: list[int], parents: list[tuple[int, int]], unique: bool, seed: int
) -> None:
    groups, weights = (np.array([one[n] for one in parents], dtype=np.int64) for n in (0, 1))
    found = dealt(
        np.array(rows, dtype=np.int64), groups, weights.astype(float), unique, np.random.default_rng(seed)
    )
    there = Counter(groups.tolist())
    given_ = Counter(found[found >= 0].tolist())
    assert len(found) == len(rows)
    assert all(place < 0 or groups[place] == row for row, place in zip(rows, found, strict=True))
    if unique:
        assert not given_ or max(given_.values()) == 1
        expected = sum(min(count, there[group]) for group, count in Counter(rows).items())
        assert sum(given_.values()) == expected
        return
    assert all((place < 0) == (row not in there) for row, place in zip(rows, found, strict=True))
    for place, (group, weight) in enumerate(parents):
        total = sum(w for g, w in parents if g == group)
        share = rows.count(group) * (weight / total if total else 1 / there[group])
        assert abs(given_[place] - share) <= 1 + 1e-9


def test_a_key_of_plain_links_may_stand_beside_links_that_share_columns(make_table: Any) -> None:
    rng = np.random.default_rng(8)
    rows, tenants = 400, np.arange(20) % 4
    shelf, picker = rng.integers(0, 20, rows), rng.integers(0, 20, rows)
    picker = picker - picker % 4 + tenants[shelf]  # of the same tenant
    pairs = rng.choice(40 * 30, rows, replace=False)
    whole = {"tenant": pa.array(tenants), "id": pa.array(range(20))}
    both = needed("tenant", key=True), needed("id", key=True)
    columns = {
        "order": pa.array(pairs // 30),
        "item": pa.array(pairs % 30),
        "tenant": pa.array(tenants[shelf]),
        "shelf": pa.array(shelf),
        "picker": pa.array(picker),
    }
    picks = make_table(
        "picks",
        columns,
        needed("order", "orders", key=True),
        needed("item", "items", key=True),
        needed("tenant"),
    )
    twins = made(
        sketched(
            make_table("orders", {"id": pa.array(range(40))}, needed("id", key=True)),
            make_table("items", {"id": pa.array(range(30))}, needed("id", key=True)),
            make_table("shelves", whole, *both),
            make_table("pickers", whole, *both),
            linked(
                picks,
                CombinedLink(("tenant", "shelf"), "shelves", ("tenant", "id")),
                CombinedLink(("tenant", "picker"), "pickers", ("tenant", "id")),
            ),
        )
    )
    found = keys(twins["picks"], "order", "item")
    assert len(set(found)) == len(found) == rows
    assert set(keys(twins["picks"], "tenant", "shelf")) <= set(keys(twins["shelves"], "tenant", "id"))
