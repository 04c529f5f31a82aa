"""What a metric is made of, column by column: what it measures, filters by and can be cut by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlglot import exp

from handrail.data.compile_metric import reads
from handrail.data.compose_metric import inputs
from handrail.data.lineage_models import EdgeKind
from handrail.data.modelled import Modelled
from handrail.data.ossie import Definition


@dataclass(frozen=True)
class MadeOf:
    """Columns by dataset and use, the metrics in its expression, and the dataset of its control totals."""

    columns: tuple[tuple[str, EdgeKind, tuple[str, ...]], ...] = ()
    metrics: tuple[str, ...] = ()
    ties_to: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class _Defined:
    """A definition as a key: its file's content and its name say all."""

    digest: str
    name: str
    one: Definition = field(compare=False)


def made_of(one: Definition) -> MadeOf:
    """What a metric reads, each column at its most direct use; refuses one that cannot be right."""
    return _made_of(_Defined(one.digest, one.metric.name, one))


@lru_cache(maxsize=4096)
def _made_of(key: _Defined) -> MadeOf:
    one, to = key.one, key.one.settings.ties_to
    ties = None
    if to:
        named = (to.period, to.value, *to.by.values())
        optional = (to.tolerance if isinstance(to.tolerance, str) else None, to.source)
        ties = to.dataset, tuple(dict.fromkeys((*named, *filter(None, optional))))
    if one.settings.composed:
        return MadeOf((), tuple(dict.fromkeys(each.metric.metric.name for each in inputs(one))), ties)
    return MadeOf(tuple(_columns(one)), (), ties)


def _columns(one: Definition) -> Iterable[tuple[str, EdgeKind, tuple[str, ...]]]:
    leaf = Modelled(one)
    measured = _named(leaf, leaf.expression)
    filtered = _named(leaf, leaf.filter) if leaf.filter else {}
    for dataset, columns in reads(one).items():
        left = set(columns)
        uses: tuple[tuple[EdgeKind, set[str]], ...] = (
            ("measured", measured.get(dataset, set())),
            ("filtered", filtered.get(dataset, set())),
            ("cut", left),
        )
        for kind, used in uses:
            if here := tuple(sorted(left & used)):
                yield dataset, kind, here
            left -= used
    base = leaf.model_of(leaf.base).source
    if base not in measured:  # count(*): the rows themselves
        yield base, "measured", ("",)


def _named(leaf: Modelled, tree: exp.Expr) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for column in tree.find_all(exp.Column):
        found.setdefault(leaf.model_of(column.table).source, set()).add(column.name)
    return found
