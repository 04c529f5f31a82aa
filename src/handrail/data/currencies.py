"""Amounts of money in several currencies: asked for one by one or converted, never added up as they are.

A row is converted at the rate of its own period: the rates are a dataset of the model with a row for each
period and pair of currencies, joined by that key, so that no row can find two rates. A value for which a
rate is missing is left empty rather than summed without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from handrail.data.extension import Rates
from handrail.data.modelled import Dimension, refusal
from handrail.data.periods import cut
from handrail.kernel import Invalid

if TYPE_CHECKING:
    from handrail.data.compile_leaf import Leaf

_CONVERTED = (exp.Sum, exp.Avg, exp.Min, exp.Max)
_RATES = "_rates"


class Money:
    """The conversion of one question about a metric into one currency."""

    def __init__(self, leaf: Leaf, currency: Dimension, into: str, rates: Rates) -> None:
        self.leaf, self.rates = leaf, rates
        time = leaf.time or leaf.time_or_none()
        if time is None:
            raise refusal(leaf.one, "needs rates of its time, and has no single dimension of time")
        self.uses = (currency[0].name, time[0].name)
        self.currency, self.time = leaf.expanded(*currency), leaf.expanded(*time)
        self.into = leaf.bound(into)

    def value(self, expression: exp.Expr) -> exp.Expr:
        """The metric's expression over converted amounts; refuses one that is not of amounts alone."""
        tree = exp.Paren(this=expression.copy())
        for one in list(tree.find_all(exp.AggFunc)):
            if not isinstance(one, _CONVERTED) or one.find(exp.Distinct):
                raise refusal(self.leaf.one, f"cannot be converted: {one.sql(dialect='duckdb')} is no amount")
            plain = one.this
            amount = exp.Mul(this=exp.Paren(this=plain.copy()), expression=self.rate())
            complete = exp.Count(this=plain.copy()).eq(exp.Count(this=amount.copy()))
            whole = type(one)(this=amount)
            one.replace(exp.Case(ifs=[exp.If(this=complete, true=whole)]))
        converted: exp.Expr = tree.this
        return converted

    def rate(self) -> exp.Expr:
        """What one unit of a row's currency is in the wanted one."""
        same = self.currency.eq(self.into.copy())
        found = exp.column(self.rates.rate, table=_RATES, quoted=True)
        return exp.Case(ifs=[exp.If(this=same, true=exp.Literal.number(1))], default=found)

    def joined(self, select: exp.Select) -> exp.Select:
        """With the one rate for each row."""
        on = [
            exp.column(self.rates.currency, table=_RATES, quoted=True).eq(self.currency.copy()),
            exp.column(self.rates.into, table=_RATES, quoted=True).eq(self.into.copy()),
            exp.cast(exp.column(self.rates.period, table=_RATES, quoted=True), "DATE", dialect="duckdb").eq(
                cut(self.time.copy(), self.rates.grain, self.leaf.fiscal)
            ),
        ]
        source = self.leaf.model_of(self.rates.dataset).source
        alias = exp.TableAlias(this=exp.to_identifier(_RATES, quoted=True))
        table = exp.Table(this=exp.to_identifier(source, quoted=True), alias=alias)
        return select.join(table, on=exp.and_(*on), join_type="left")


def money(leaf: Leaf) -> Money | None:
    """How the question is converted, or None; refuses one that would add amounts of several currencies."""
    settings, into = leaf.one.settings, leaf.request.currency
    if settings.currency is None:
        return None
    currency = leaf.dimension(settings.currency)
    if into is None:
        if currency not in leaf.chosen and not _one(leaf, currency):
            raise _several(leaf, currency)
        return None
    if settings.rates is None:
        raise Invalid(
            f"{leaf.one.metric.name} cannot be converted: its model names no rates.",
            next_step=f"Ask by {currency[1].name}, or name a dataset of rates in {leaf.one.file}.",
        )
    return Money(leaf, currency, into, settings.rates)


def _one(leaf: Leaf, currency: Dimension) -> bool:
    """Whether the question is about rows of a single currency."""
    wanted = [value for name, value in leaf.request.where.items() if leaf.dimension(name) == currency]
    return any(not isinstance(one, list | tuple | set | frozenset) or len(one) == 1 for one in wanted)


def _several(leaf: Leaf, currency: Dimension) -> Invalid:
    name = f"{currency[0].name}.{currency[1].name}"
    rates = leaf.one.settings.rates
    convert = f", or have it converted, currency EUR, at the rates in {rates.dataset}" if rates else ""
    return Invalid(
        f"{leaf.one.metric.name} is in several currencies, and those do not add up to anything.",
        next_step=f"Cut it by {name}, ask for one of them (where {name} is EUR){convert}.",
    )
