"""Compiles a question about a metric that aggregates rows: plain, running, or as of the last moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlglot import exp

from handrail.data.currencies import money
from handrail.data.modelled import Dimension, Modelled, refusal
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition
from handrail.data.parse import nearest
from handrail.data.periods import GRAINS, after, cut, earlier, interval, later, moment, step
from handrail.kernel import Invalid

VALUE = "_value"
MOST_VALUES = 1000  # that one condition may name
_PERIOD, _ENDS, _LAST = "_period", "_ends", "_last"


@dataclass
class Built:
    """A query without order: one column for each of `names`, the dimensions, and then the value."""

    select: exp.Select
    names: tuple[str, ...]
    chosen: tuple[str, ...]  # the same dimensions in full, dataset.field


class Leaf(Modelled):
    """One question about one metric; `shift` moves its time forward by these spans, for comparisons."""

    def __init__(
        self, one: Definition, request: MetricRequest, params: dict[str, Any], shift: tuple[str, ...] = ()
    ) -> None:
        super().__init__(one)
        self.request, self.params, self.shift = request, params, shift
        self.time = self.time_asked()
        self.fiscal = one.settings.fiscal_start
        self.chosen = [self.dimension(name) for name in request.by]
        if request.grain and self.time and self.time not in self.chosen:
            self.chosen.insert(0, self.time)
        self.money = money(self)

    def built(self) -> Built:
        """The query of the metric's kind."""
        if self.one.settings.kind == "cumulative":
            return self.running()
        select, used = self.cut_by(self.stepped)
        select = self.where(select, used, start=True)
        select = self.joined(select, used)
        if self.one.settings.over_time == "last":
            select = self.as_of_the_last(select)
        return self.grouped(select)

    def grouping(self) -> Built:
        """The plain grouping that the answer is a function of: each step's rows, not run up or converted.

        What is held at the last moment is grouped by every moment.
        """
        running, held = self.one.settings.kind == "cumulative", self.one.settings.over_time == "last"
        if held and self.time and self.time not in self.chosen:
            self.chosen.insert(0, self.time)
        select, used = self.cut_by(self.value if held else self.stepped)
        self.money = None
        select = self.where(select, used, start=not running)
        return self.grouped(self.joined(select, used))

    def joined(self, select: exp.Select, used: Iterable[str], plain: bool = False) -> exp.Select:
        """FROM what is counted, with all that is used, and the rates that amounts are converted at."""
        if self.money is None or plain:
            return super().joined(select, used, plain)
        return self.money.joined(super().joined(select, [*used, *self.money.uses]))

    def running(self) -> Built:
        """Each period with all rows up to its end: from the beginning, of a window, or of a longer period."""
        settings, grain = self.one.settings, self.request.grain
        if grain is None or self.time is None:
            raise Invalid(
                f"{self.one.metric.name} accumulates over time, so it needs steps of time.",
                next_step=f"Ask with a grain: {', '.join(GRAINS)}.",
            )
        at = exp.column("at", table=_PERIOD, quoted=True)
        day = exp.cast(at.copy(), "DATE", dialect="duckdb")
        value, end = moment(self.value(self.time)), after(at.copy(), grain)
        on: list[exp.Expr] = [exp.LT(this=value, expression=end)]
        if settings.window:
            on.append(exp.GTE(this=value.copy(), expression=earlier(end.copy(), settings.window)))
        if settings.to_date:
            begin = cut(at.copy(), settings.to_date, self.fiscal)
            on.append(exp.GTE(this=value.copy(), expression=begin))
        select, used = self.cut_by(lambda pair: day.copy() if pair == self.time else self.value(pair))
        used.append(self.time[0].name)
        select = self.where(select, used, start=False)  # what came before the start is accumulated
        select = self.joined(select, used).join(self.periods(grain), on=exp.and_(*on))
        return self.grouped(select)

    def periods(self, grain: str) -> exp.Subquery:
        """Every period from the first to the last row that the caller may see, within the span asked for.

        Also those without a row: what has run up is still there in them.
        """
        assert self.time is not None
        value = self.value(self.time)
        ends = exp.Select().select(
            exp.alias_(exp.Min(this=value), "first", quoted=True),
            exp.alias_(exp.Max(this=value.copy()), "last", quoted=True),
        )
        for condition in self.bounds(start=False):
            ends = ends.where(condition)
        ends = self.joined(ends, [self.time[0].name], plain=True)
        first, last = (
            cut(exp.column(name, table=_ENDS, quoted=True), grain, self.fiscal) for name in ("first", "last")
        )
        if self.request.start:
            begin = cut(self.bound(_day(self.request.start, "start")), grain, self.fiscal)
            first = exp.Greatest(this=first, expressions=[begin])
        steps = exp.Explode(this=exp.GenerateSeries(start=first, end=last, step=interval(step(grain))))
        select = exp.Select().select(exp.alias_(steps, "at", quoted=True))
        select = select.from_(ends.subquery(exp.to_identifier(_ENDS, quoted=True)))
        return select.subquery(exp.to_identifier(_PERIOD, quoted=True))

    def as_of_the_last(self, select: exp.Select) -> exp.Select:
        """Only the rows of the last moment there is in each period: what is held is not summed over time."""
        if self.time is None:
            raise refusal(self.one, "is of the last moment, and has no single dimension of time")
        value = self.value(self.time)
        last = exp.Select().select(exp.alias_(exp.Max(this=value), "at", quoted=True))
        on: list[exp.Expr] = [self.value(self.time).eq(exp.column("at", table=_LAST, quoted=True))]
        if self.time in self.chosen:
            last = last.select(exp.alias_(self.stepped(self.time), "step", quoted=True)).group_by(
                exp.Literal.number(2)
            )
            on.append(self.stepped(self.time).eq(exp.column("step", table=_LAST, quoted=True)))
        for condition in self.bounds():
            last = last.where(condition)
        last = self.joined(last, [self.time[0].name], plain=True)
        return select.join(last.subquery(exp.to_identifier(_LAST, quoted=True)), on=exp.and_(*on))

    def cut_by(self, shown: Callable[[Dimension], exp.Expr]) -> tuple[exp.Select, list[str]]:
        """The dimensions as they are shown, and the datasets that they are in."""
        select = exp.Select()
        for pair in self.chosen:
            name = self.name_of(pair[1].name, pair[0].name)
            select = select.select(exp.alias_(shown(pair), name, quoted=True))
        return select, [pair[0].name for pair in self.chosen]

    def grouped(self, select: exp.Select) -> Built:
        """The value added, and one row for each combination of dimensions."""
        value = self.money.value(self.expression) if self.money else self.expression.copy()
        select = select.select(exp.alias_(value, VALUE, quoted=True))
        names = tuple(self.name_of(d.name, dataset.name) for dataset, d in self.chosen)
        if names:
            select = select.group_by(*(exp.Literal.number(place + 1) for place in range(len(names))))
        return Built(select, names, tuple(f"{dataset.name}.{d.name}" for dataset, d in self.chosen))

    def name_of(self, name: str, dataset: str) -> str:
        """What a dimension's column is called: in full where the short name would be another's too."""
        same = [d.name for _, d in self.chosen].count(name) > 1 or name == self.request.name
        return f"{dataset}.{name}" if same else name

    def value(self, pair: Dimension) -> exp.Expr:
        """A dimension's value; of the metric's time, moved by the shift."""
        found = self.expanded(*pair)
        if pair == self.time:
            for span in self.shift:
                found = later(found, span)
        return found

    def stepped(self, pair: Dimension) -> exp.Expr:
        """A dimension's value, of time cut to the grain."""
        value = self.value(pair)
        grain = self.request.grain
        return cut(value, grain, self.fiscal) if grain and pair == self.time else value

    def where(self, select: exp.Select, used: list[str], start: bool) -> exp.Select:
        """With the conditions of the request and the metric's own filter."""
        for name, wanted in self.request.where.items():
            pair = self.dimension(name)
            select = select.where(self.condition(self.value(pair), wanted))
            used.append(pair[0].name)
        if self.filter is not None:
            select = select.where(self.filter.copy())
            used.extend(column.table for column in self.filter.find_all(exp.Column))
        for condition in self.bounds(start):
            select = select.where(condition)
        if self.time and (self.request.start or self.request.end):
            used.append(self.time[0].name)
        return select

    def condition(self, value: exp.Expr, wanted: object) -> exp.Expr:
        """That a value is, or is one of, what is wanted."""
        if wanted is None:
            return value.is_(exp.null())
        if isinstance(wanted, list | tuple | set | frozenset):
            values = {(str(one), type(one).__name__): one for one in wanted if one is not None}
            if len(values) > MOST_VALUES:
                raise Invalid(
                    f"A condition names {len(values):,} values; at most {MOST_VALUES:,} are taken.",
                    next_step="Cut the metric by that dimension, and pick what is wanted from the answer.",
                )
            choices = [self.bound(values[key]) for key in sorted(values)]
            among = value.isin(*choices) if choices else exp.false()
            return exp.paren(exp.or_(value.copy().is_(exp.null()), among)) if None in wanted else among
        return value.eq(self.bound(wanted))

    def bounds(self, start: bool = True) -> Iterable[exp.Expr]:
        """The span of time asked for, with or without its start."""
        if self.time is None:
            return
        if self.request.start and start:
            first = self.bound(_day(self.request.start, "start"))
            yield exp.GTE(this=moment(self.value(self.time)), expression=first)
        if self.request.end:
            end = self.bound(_day(self.request.end, "end"))
            yield exp.LT(this=moment(self.value(self.time)), expression=end)

    def bound(self, value: object) -> exp.Expr:
        """A parameter that holds this value."""
        name = f"m{len(self.params)}"
        self.params[name] = value
        return exp.Placeholder(this=name)

    def time_asked(self) -> Dimension | None:
        request, settings = self.request, self.one.settings
        if request.grain is not None and request.grain not in GRAINS:
            raise Invalid(f"There is no grain {request.grain}.", next_step=nearest(request.grain, GRAINS))
        if not (request.grain or request.start or request.end or self.shift or settings.over_time == "last"):
            return None
        asked = [pair for pair in map(self.dimension, request.by) if pair[1].is_time]
        found = asked[0] if len(asked) == 1 else self.time_or_none()
        if found is None:
            raise Invalid(
                f"{request.name} has no single dimension of time.",
                next_step='Name one in "by", or have the model name it: "time" in the metric\'s extension.',
            )
        return found


def _day(value: date | str, name: str) -> date:
    try:
        return value if isinstance(value, date) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Invalid(f"{name} must be a date.", next_step="Write it like 2026-01-31.") from None
