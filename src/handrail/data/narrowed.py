"""Which tables a question filters by itself, so that an engine can tell these filters from the viewer's.

DuckDB takes all filters of a table together for one that leaves a fifth of its rows. Where only the viewer's
is there, that is mostly too few; where the question has its own, it is as good a guess as without a viewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from handrail.data.models import Contract
from handrail.data.resolve import DATASET

MARK = "narrowed"  # the key, in the metadata of a table in the tree, under which it is so marked


def mark_narrowed(tree: exp.Query, contracts: Mapping[str, Contract]) -> None:
    """Mark the tables of a resolved question that it filters by itself, where all its datasets are files.

    A hint to plan by: a condition counts where its columns may all be this table's, whose else they may be.
    """
    if any(contract.engine for contract in contracts.values()):
        return
    for table in tree.find_all(exp.Table):
        contract, select = contracts.get(table.meta.get(DATASET, "")), table.parent_select
        if contract is None or not isinstance(select, exp.Select):
            continue
        alias, names = table.alias_or_name.lower(), {column.name.lower() for column in contract.columns}
        if any(_is_about(condition, alias, names) for condition in _conditions(select)):
            table.meta[MARK] = True


def _is_about(condition: exp.Expr, alias: str, names: set[str]) -> bool:
    columns = list(condition.find_all(exp.Column))
    return bool(columns) and all(
        column.table.lower() == alias if column.table else column.name.lower() in names for column in columns
    )


def _conditions(select: exp.Select) -> Iterator[exp.Expr]:
    """What must hold for each row, apart; without what asks another query."""
    where = select.args.get("where")
    joined = (join.args.get("on") for join in select.args.get("joins") or () if not join.side)
    todo = [one for one in (where.this if where else None, *joined) if one is not None]
    while todo:
        one = todo.pop()
        if isinstance(one, exp.And):
            todo += [one.this, one.expression]
        elif isinstance(one, exp.Paren):
            todo.append(one.this)
        elif not one.find(exp.Query):
            yield one
