"""What the columns of an answer are made of, from the text of its question. Costs some milliseconds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, to_node
from sqlglot.optimizer import build_scope
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from handrail.data.lineage_models import Output, Question
from handrail.data.models import Contract
from handrail.data.resolve import Resolved


def traced(sql: str, resolved: Resolved, contracts: Mapping[str, Contract]) -> Question:
    """Each output of a resolved question with the columns whose values go into it.

    What only filters, joins or orders rows is in `reads`. Where a text cannot be followed there are no
    outputs, rather than wrong ones.
    """
    try:
        nodes = _nodes(resolved.tree, contracts)
    except (SqlglotError, ValueError, KeyError, IndexError, RecursionError):
        nodes = []
    outputs = []
    for name, node in nodes:
        made = _leaves(node, resolved.reads)
        if made is None:
            return Question(sql, (), resolved.reads)
        outputs.append(Output(name, made))
    return Question(sql, tuple(outputs), resolved.reads)


def _nodes(tree: exp.Query, contracts: Mapping[str, Contract]) -> list[tuple[str, Node]]:
    """The outputs in their order, each as sqlglot follows it; names as they were written, where they were."""
    types = {c.name.lower(): {x.name.lower(): x.type for x in c.columns} for c in contracts.values()}
    schema = MappingSchema({**types}, dialect="duckdb")
    written = [_written(one) for one in tree.selects]
    plain = qualify(
        tree.copy(), dialect="duckdb", schema=schema, validate_qualify_columns=False, identify=False
    )
    scope = build_scope(plain)
    if scope is None or not isinstance(plain, exp.Query) or plain.find(exp.TableColumn):
        return []  # a whole row as a value hides which of its columns are used
    names = [one.alias_or_name for one in plain.selects]
    if len(written) == len(names) and not tree.is_star:
        names = written
    return [
        (name, to_node(place, scope, "duckdb", schema=schema, trim_selects=False))
        for place, name in enumerate(names)
    ]


def _written(one: exp.Expr) -> str:
    named = isinstance(one, exp.Alias | exp.Column)
    return one.alias_or_name if named else one.sql(dialect="duckdb", comments=False)


def _leaves(node: Node, reads: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]] | None:
    """The columns of datasets below a node; None when one is not among those that the question reads."""
    known = {name.lower(): name for name in reads}
    found: dict[str, set[str]] = {}
    for one in node.walk():
        if one.downstream:
            continue
        if not isinstance(one.expression, exp.Table):
            if isinstance(one.expression, exp.Placeholder) or one.expression.find(exp.Column):
                return None  # it comes from somewhere that was not found
            continue
        dataset, column = known.get(one.expression.name.lower(), ""), one.name.rpartition(".")[2].strip('"')
        hits = [each for each in reads.get(dataset, ()) if each.lower() == column.lower()]
        if not hits:
            return None
        found.setdefault(dataset, set()).update(hits)
    return {name: tuple(c for c in reads[name] if c in columns) for name, columns in sorted(found.items())}
