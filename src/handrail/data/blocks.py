"""Questions about one SELECT, and small rewritings of it, for finding out whom it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp

# What makes two runs of the same SQL differ; a subquery that is counted beside the query may not have it.
_UNSTEADY = (exp.Rand, exp.CurrentTimestamp, exp.CurrentDate, exp.Limit, exp.Offset)
_UNSTEADY_NAMES = frozenset({"now", "get_current_timestamp", "age"})


def unwrapped(node: exp.Expr) -> exp.Expr:
    """What is in the parentheses, where they carry nothing of their own."""
    while isinstance(node, exp.Subquery) and not any(
        value for key, value in node.args.items() if key not in ("this", "alias")
    ):
        node = node.this
    return node


def own(node: exp.Select) -> Iterator[tuple[str, exp.Expr]]:
    """Everything in the clauses of this SELECT but FROM; of a subquery its top only."""
    todo: list[tuple[str, exp.Expr]] = []
    for key, value in node.args.items():
        if key in ("from_", "laterals", "with_"):
            continue
        for part in value if isinstance(value, list) else [value]:
            on = part.args.get("on") if isinstance(part, exp.Join) else part
            todo += [(key, on)] if isinstance(on, exp.Expr) else []
    while todo:
        key, part = todo.pop()
        yield key, part
        if not isinstance(part, exp.Query):
            todo += [(key, below) for below in part.iter_expressions()]


def is_named_inside(column: exp.Column, name: str, node: exp.Select) -> bool:
    """Whether a column below `node` means a source of that name nearer to it; or is an item like `o.*`."""
    if column.parent is node:
        return isinstance(column.this, exp.Star)
    select = column.find_ancestor(exp.Select)
    while select is not None and select is not node:
        from_ = select.args.get("from_")
        items = [*([from_.this] if from_ else []), *(join.this for join in select.args.get("joins") or ())]
        if name.lower() in [item.alias_or_name.lower() for item in items]:
            return True
        select = select.find_ancestor(exp.Select)
    return False


def is_item_or_count(star: exp.Star, node: exp.Select) -> bool:
    """Whether a star stands in the SELECT list or is that of count(*)."""
    owner = star.parent if isinstance(star.parent, exp.Column) else star
    if owner.parent is node:
        return True
    return owner is star and isinstance(star.parent, exp.Count)


def group_instead(node: exp.Select) -> bool:
    """Write DISTINCT as a grouping by all columns, which is the same and can carry; False where it is not."""
    if (
        node.args["distinct"].args.get("on")
        or not any(item.find(exp.Column, exp.Star) for item in node.expressions)
        or any(item.find(exp.Explode) for item in node.expressions)
    ):
        return False
    node.set("distinct", None)
    node.set("group", exp.Group(all=True))
    return True


def has_no_row_of_its_own(node: exp.Select) -> bool:
    """Whether no input means no row; a total over nobody would be a row that carries nobody."""
    group = node.args.get("group")
    if not group or group.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        return False
    keys = node.expressions if group.args.get("all") else group.expressions
    return any(isinstance(key.unalias(), exp.Column | exp.Star) for key in keys) or (
        not group.args.get("all") and any(key.find(exp.Column) for key in keys)
    )


def is_unsteady(tree: exp.Expr) -> bool:
    """Whether this may give other rows when it is asked again."""
    return any(
        isinstance(node, _UNSTEADY)
        or (isinstance(node, exp.Anonymous) and node.name.lower() in _UNSTEADY_NAMES)
        for node in tree.walk()
    )


def exclude(node: exp.Select, carriers: Mapping[str, Iterable[str]]) -> None:
    """Keep these columns, by the alias of their source, out of `*`."""
    for item in node.expressions:
        star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
        if not isinstance(star, exp.Star):
            continue
        of = [alias for alias in carriers if star is item or alias.lower() == item.table.lower()]
        if names := dict.fromkeys(name for alias in of for name in carriers[alias]):
            kept = [exp.column(name, quoted=True) for name in names]
            star.set("except_", [*(star.args.get("except_") or ()), *kept])
