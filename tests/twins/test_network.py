"""Columns are drawn by those that may be told to say most about them, not by those that would say most."""

from __future__ import annotations

from dataclasses import replace

import duckdb
from tests.rows import fill

from handrail.twins.binned import Binned
from handrail.twins.columns import Source
from handrail.twins.network import Shape, shape
from handrail.twins.nodes import Node

K = 10
NAME, LINE, PRICE = Node("", "name", "n", 60), Node("", "line", "l", 6), Node("", "price", "p", 6)


def found(each: int, entity: str | None = None) -> Shape:
    """What depends on what among products: 60 names, each of one line, which says much about its price.

    `each` is how many products, or rows of one product, have the same name.
    """
    rows = [
        (name, name % 6, (name % 6 + (again * 7 + name // 6) % 2) % 6, name if entity else None)
        for name in range(60)
        for again in range(each)
    ]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (n UTINYINT, l UTINYINT, p UTINYINT, who INTEGER)")
        fill(con, "t", rows)
        source = Source(con, "t", len(rows), K, entity)
        return shape(Binned(source, {one.code: one.bins for one in (NAME, LINE, PRICE)}), (NAME, LINE, PRICE))


def parents(one: Shape, node: Node) -> list[str]:
    return [parent.column for parent in one.parents[node.code]]


def between(one: Shape) -> set[frozenset[str]]:
    """Which columns one is drawn by the other, either way round."""
    return {frozenset((node.column, name)) for node in one.order for name in parents(one, node)}


def test_names_that_hardly_come_back_do_not_stand_before_what_may_be_told() -> None:
    assert frozenset(("line", "price")) in between(found(each=4))
    assert not any("name" in pair for pair in between(found(each=4)))


def test_names_that_k_rows_share_say_what_they_say() -> None:
    assert any("name" in pair for pair in between(found(each=40)))


def test_what_is_drawn_alone_comes_first_and_others_depend_on_it() -> None:
    """A region is drawn by its shares alone; its continent can be drawn by it, and not the other way round."""
    rows = [(n % 12, n % 12 // 4, n % 7) for n in range(420)]
    region = Node("", "region", "n", 12, alone=True)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (n UTINYINT, l UTINYINT, p UTINYINT)")
        fill(con, "t", rows)
        nodes = (PRICE, LINE, region)
        one = shape(Binned(Source(con, "t", len(rows), K, None), {n.code: n.bins for n in nodes}), nodes)
    assert one.order[0] == region
    assert parents(one, LINE) == ["region"] and parents(one, region) == []


def test_what_repeats_another_row_comes_before_what_goes_with_it() -> None:
    """A country that is its customer's is given, so the town goes by it; a town drawn first would not fit it."""
    rows = [(n % 24, n % 24 // 4, n % 7) for n in range(840)]
    town, country = Node("", "town", "n", 24), Node("", "country", "l", 6, repeats=True)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (n UTINYINT, l UTINYINT, p UTINYINT)")
        fill(con, "t", rows)
        nodes = (PRICE, town, country)
        binned = Binned(Source(con, "t", len(rows), K, None), {n.code: n.bins for n in nodes})
        one, otherwise = (
            shape(binned, (*nodes[:2], last)) for last in (country, replace(country, repeats=False))
        )
    assert one.order[0] == country and parents(one, town) == ["country"]
    assert otherwise.order[0] == town, "which says more of the country than the country of it"


def test_names_of_many_more_than_can_be_told_apart_do_not_stand_before_what_says_nearly_as_much() -> None:
    """Each of 120 products is sold at one of six prices, in no order of theirs, nine of ten at their own; but
    two neighbours are told as one."""
    name, price, paid = Node("", "name", "n", 120), Node("", "price", "l", 6), Node("", "paid", "p", 6)
    sold = [n * 7 % 11 % 6 for n in range(120)]
    rows = [(n % 120, (sold[n % 120] + (n % 120 % 10 == 3)) % 6, sold[n % 120]) for n in range(12_000)]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (n UTINYINT, l UTINYINT, p UTINYINT)")
        fill(con, "t", rows)
        nodes = tuple(replace(one, fixed=one is not paid) for one in (name, price, paid))
        one = shape(Binned(Source(con, "t", len(rows), K, None), {n.code: n.bins for n in nodes}), nodes)
    assert parents(one, paid)[0] == "price"


def test_names_of_one_holder_each_say_nothing_however_many_rows_have_them() -> None:
    """Forty rows of one product, where products are counted, are one."""
    assert not any("name" in pair for pair in between(found(each=40, entity="who")))
    assert frozenset(("line", "price")) in between(found(each=40, entity="who"))
