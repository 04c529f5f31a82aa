"""What one SELECT can see: the sources in its FROM clause, its own names, and the scope around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from handrail.data.models import Contract


def is_query_in_parentheses(item: exp.Expr) -> bool:
    """Whether an item of a FROM clause is a query, in any parentheses, and not a table or join in them.

    As in `((SELECT …) AS q JOIN t ON …)`: what is named or joined within parentheses is an item of its own.
    """
    inner = item.this if isinstance(item, exp.Subquery | exp.Lateral) else item
    while isinstance(inner, exp.Subquery) and not inner.alias and not inner.args.get("joins"):
        inner = inner.this
    return isinstance(inner, exp.Query) and not isinstance(inner, exp.Subquery)


@dataclass
class Source:
    """One thing in a FROM clause: a dataset, or columns by lower-case name (None: not known)."""

    name: str
    contract: Contract | None = None
    columns: frozenset[str] | None = None
    _stated: dict[str, list[str]] = field(init=False, repr=False)  # the contract's columns, by lower case

    def __post_init__(self) -> None:
        self._stated = {}
        for column in self.contract.columns if self.contract else ():
            self._stated.setdefault(column.name.lower(), []).append(column.name)

    def has(self, column: str) -> bool | None:
        """Whether it has this column, in lower case; None when that cannot be told."""
        if self.contract:
            return column in self._stated
        return None if self.columns is None else column in self.columns

    def spelled(self, column: str) -> list[str]:
        """The dataset's columns of that name, in lower case, as its contract writes them."""
        return self._stated.get(column, [])

    def names(self) -> list[str]:
        """Its column names as far as they are known."""
        if self.contract:
            return [column.name for column in self.contract.columns]
        return sorted(self.columns or ())


@dataclass
class Scope:
    """What one SELECT can see: its sources, its own output names, and the scope around it."""

    outer: Scope | None
    sources: list[Source] = field(default_factory=list)
    outputs: frozenset[str] = frozenset()

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, from the inside out."""
        scope: Scope | None = self
        while scope:
            yield scope
            scope = scope.outer

    def named(self, name: str) -> list[Source]:
        """The sources of that name in the nearest scope that has any."""
        for scope in self.chain():
            if hits := [source for source in scope.sources if source.name == name.lower()]:
                return hits
        return []
