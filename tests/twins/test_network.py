"""Columns are drawn by those that may be told to say most about them, not by those that would say most."""

from __future__ import annotations

import duckdb

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
        con.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
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


def test_names_of_one_holder_each_say_nothing_however_many_rows_have_them() -> None:
    """Forty rows of one product, where products are counted, are one."""
    assert not any("name" in pair for pair in between(found(each=40, entity="who")))
    assert frozenset(("line", "price")) in between(found(each=40, entity="who"))
