"""Conditions of a query that can be asked of one of its tables alone, so that fewer rows are brought."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

_STEADY = frozenset({"", "INNER", "CROSS"})
_KEEP_OUT = (exp.Query, exp.AggFunc, exp.Window, exp.Rand, exp.Star)


def narrowed(leaf: exp.Query) -> exp.Select | None:
    """The rows of `leaf`, a subquery in a FROM clause, that meet what the query around it asks of them alone.

    None where it asks nothing that can be told apart. The query's own conditions stay: this leaves out rows
    that they would leave out, and no others, because no join puts a row of nothing in the place of these.
    """
    source, around = leaf.parent, leaf.find_ancestor(exp.Select)
    if not isinstance(source, exp.Subquery) or around is None or not source.alias:
        return None
    joins = around.args.get("joins") or ()
    if any(_fills_in(join, source) for join in joins) or around.args.get("laterals"):
        return None
    others: set[str] | None = set()
    sources = [around.args["from_"].this, *(join.this for join in joins)] if around.args.get("from_") else []
    if all(one is not source for one in sources):
        return None
    for one in sources:
        if one is not source:
            names = _columns(one)
            others = None if names is None or others is None else others | names
    own = _columns(source) or set()
    conditions = [part for part in _parts(around) if _is_about(part, source.alias, own, others)]
    if not conditions:
        return None
    select = exp.Select().select(exp.Star()).from_(leaf.copy().subquery(source.args["alias"].this.copy()))
    for condition in conditions:
        select = select.where(condition.copy())
    return select


def _fills_in(join: exp.Join, source: exp.Subquery) -> bool:
    """Whether a join may answer with a row in which nothing stands for `source`, or is of an unknown kind."""
    side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
    if join.args.get("method") or kind not in _STEADY:
        return True
    return bool(side) and (side != "LEFT" or join.this is source)


def _columns(source: exp.Expr) -> set[str] | None:
    """The names of its columns; None where they are not plain to see."""
    query = source.this if isinstance(source, exp.Subquery) else None
    if not isinstance(query, exp.Select) or any(isinstance(one, exp.Star) for one in query.expressions):
        return None
    return {one.alias_or_name.lower() for one in query.expressions}


def _parts(select: exp.Select) -> Iterator[exp.Expr]:
    where = select.args.get("where")
    todo = [where.this] if where else []
    while todo:
        part = todo.pop()
        if isinstance(part, exp.And):
            todo += [part.left, part.right]
        elif isinstance(part, exp.Paren):
            todo.append(part.this)
        else:
            yield part


def _is_about(part: exp.Expr, alias: str, own: set[str], others: set[str] | None) -> bool:
    """Whether a condition is about this source and no other; a bare name has to be its own for certain."""
    columns = list(part.find_all(exp.Column))
    if not columns or part.find(*_KEEP_OUT) is not None:
        return False
    for column in columns:
        name = column.name.lower()
        bare = not column.table and others is not None and name in own - others
        if not bare and not (column.table.lower() == alias.lower() and name in own):
            return False
    return True
