"""Writes out what DuckDB abbreviates: `* EXCLUDE`, `GROUP BY ALL`, `ORDER BY ALL`, and names of items."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp


class Different(Exception):
    """This cannot be written in the server's dialect with the same meaning."""


def spread(tree: exp.Expr) -> None:
    """Write out the abbreviations in `tree`, in place; raises Different where the columns cannot be told."""
    _query(tree, {})


_Columns = list[str] | None  # the output columns of a query in order; None when they cannot be told


def _query(node: exp.Expr, common: Mapping[str, _Columns]) -> _Columns:
    known = dict(common)
    if with_ := node.args.get("with_"):
        for cte in with_.expressions:
            if with_.args.get("recursive"):
                known[cte.alias.lower()] = [c.name for c in cte.args["alias"].columns] or None
            outputs = _query(cte.this, known)
            known[cte.alias.lower()] = [c.name for c in cte.args["alias"].columns] or outputs
    if isinstance(node, exp.Select):
        return _select(node, known)
    if isinstance(node, exp.SetOperation):
        first = _query(node.this, known)
        _query(node.expression, known)
        return first
    if isinstance(node, exp.Subquery):
        return _query(node.this, known)
    return None


def _select(node: exp.Select, common: Mapping[str, _Columns]) -> _Columns:
    from_ = node.args.get("from_")
    joins = node.args.get("joins") or []
    sources = [*([from_.this] if from_ else []), *(join.this for join in joins)]
    columns = [(source.alias_or_name.lower(), _source(source, common)) for source in sources]
    for query in [q for q in node.find_all(exp.Query) if q.find_ancestor(exp.Select) is node]:
        if query not in sources and not isinstance(query.parent, exp.CTE):
            _query(query, common)
    merged = any(join.args.get("using") or join.args.get("method") for join in joins)
    items: list[exp.Expr] = []
    for item in node.expressions:
        items += _items(item, columns, merged)
    node.set("expressions", [_named(item, place) for place, item in enumerate(items)])
    _all(node)
    return [item.alias_or_name for item in items] if not any(item.is_star for item in items) else None


def _source(source: exp.Expr, common: Mapping[str, _Columns]) -> _Columns:
    named = [column.name for column in source.args["alias"].columns] if source.args.get("alias") else []
    if isinstance(source, exp.Subquery | exp.Lateral):
        found = _query(source.this, common)
        return named or found
    if isinstance(source, exp.Table) and not source.db:
        return named or common.get(source.name.lower())
    return named or None


def _items(item: exp.Expr, columns: list[tuple[str, _Columns]], merged: bool) -> list[exp.Expr]:
    """A select item, or the columns that a star with exceptions stands for."""
    star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
    if not isinstance(star, exp.Star) or not any(star.args.values()):
        return [item]
    if merged or star.args.get("replace") or star.args.get("rename"):
        raise Different
    left_out = {column.name.lower() for column in star.args["except_"]}
    found: list[exp.Expr] = []
    for alias, names in columns:
        if isinstance(item, exp.Column) and item.table.lower() != alias:
            continue
        if names is None:
            raise Different
        found += [
            exp.column(name, table=alias, quoted=True) for name in names if name.lower() not in left_out
        ]
    return found


def _named(item: exp.Expr, place: int) -> exp.Expr:
    """An item that has no name gets one of its own: each server would make up another."""
    if item.is_star or isinstance(item, exp.Column | exp.Alias):
        return item
    return exp.alias_(item.copy(), f"_item{place}", quoted=True)


def _all(node: exp.Select) -> None:
    """GROUP BY ALL is every item without an aggregate, ORDER BY ALL every item."""
    group, order = node.args.get("group"), node.args.get("order")
    plain = [i for i, item in enumerate(node.expressions, 1) if not _aggregates(item)]
    if group and group.args.get("all"):
        if any(item.is_star for item in node.expressions):
            raise Different
        node.set("group", exp.Group(expressions=[exp.Literal.number(i) for i in plain]) if plain else None)
    if order and len(order.expressions) == 1 and _is_all(order.expressions[0].this):
        if any(item.is_star for item in node.expressions):
            raise Different
        every = []
        for place in range(1, len(node.expressions) + 1):
            one = order.expressions[0].copy()
            one.set("this", exp.Literal.number(place))
            every.append(one)
        order.set("expressions", every)


def _is_all(node: exp.Expr) -> bool:
    return isinstance(node, exp.Var) and node.name.upper() == "ALL"


def _aggregates(item: exp.Expr) -> bool:
    return any(
        not isinstance(found.parent, exp.Window)
        and found.find_ancestor(exp.Query) is item.find_ancestor(exp.Query)
        for found in item.find_all(exp.AggFunc)
    )
