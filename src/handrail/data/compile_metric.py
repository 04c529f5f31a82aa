"""Compiles a question about a metric to plain SQL over datasets, which then passes the governed query.

Joins go from many to one only, by the model's relationships, so that no row of the metric's own dataset is
ever counted twice; a question that would need the other direction is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlglot import exp
from sqlglot.errors import ParseError

from handrail.data import parse
from handrail.data.models import MetricRequest
from handrail.data.ossie import DatasetModel, Definition, FieldModel, Relationship
from handrail.data.parse import nearest
from handrail.data.paths import many_to_one
from handrail.kernel import Invalid, NotFound

GRAINS = ("day", "week", "month", "quarter", "year")
# Aggregates whose value does not change when a row is repeated.
_UNMOVED = (exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr)


@dataclass
class Question:
    """SQL and its parameters."""

    sql: str
    params: dict[str, Any] = field(default_factory=dict)


def compile_metric(one: Definition, request: MetricRequest) -> Question:
    """The SQL for `request`. One row for each combination of dimensions, ordered by them; values are bound.

    Refuses unknown dimensions and grains, an ambiguous name or path, and what would count rows twice.
    """
    return _Compiler(one).question(request)


def reachable(one: Definition) -> tuple[str, tuple[str, ...], str | None]:
    """The dataset that the metric counts rows of, its dimensions, and the one of time that a grain cuts."""
    compiler = _Compiler(one)
    time = compiler.time_or_none()
    source = compiler.model_of(compiler.base).source
    return source, tuple(sorted(compiler.dimensions())), f"{time[0].name}.{time[1].name}" if time else None


def reads(one: Definition) -> Mapping[str, tuple[str, ...]]:
    """Every dataset and column that the metric, cut by any of its dimensions, can touch."""
    compiler = _Compiler(one)
    found: dict[str, set[str]] = {}

    def add(dataset: str, columns: Iterable[str]) -> None:
        found.setdefault(compiler.model_of(dataset).source, set()).update(columns)

    for tree in (compiler.expression, *(compiler.expanded(d, f) for d, f in compiler.dimensions().values())):
        for column in tree.find_all(exp.Column):
            add(column.table, [column.name])
    for path in compiler.paths.values():
        for step in path:
            add(step.from_, step.from_columns)
            add(step.to, step.to_columns)
    return {dataset: tuple(sorted(columns)) for dataset, columns in sorted(found.items())}


class _Compiler:
    def __init__(self, one: Definition) -> None:
        self.one = one
        self.model = one.model
        self.expression = self.over_datasets(self.parsed(one.metric.expression.sql or ""))
        self.base = self.counted()
        found = many_to_one(self.model, self.base)
        self.paths, self.ambiguous = found.steps, found.ambiguous
        self.refuse_fan_out()

    def question(self, request: MetricRequest) -> Question:
        question = Question("")
        time = self.time_asked(request)
        select, names = exp.Select(), list[str]()
        chosen = [self.dimension(name) for name in request.by]
        if request.grain and time and time not in chosen:
            chosen.insert(0, time)
        used: list[str] = []
        for dataset, dimension in chosen:
            value = self.expanded(dataset, dimension)
            if request.grain and (dataset, dimension) == time:
                value = _cut(value, request.grain)
            same = [d.name for _, d in chosen].count(dimension.name) > 1 or dimension.name == request.name
            names.append(f"{dataset.name}.{dimension.name}" if same else dimension.name)
            select = select.select(exp.alias_(value, names[-1], quoted=True))
            used.append(dataset.name)
        select = select.select(exp.alias_(self.expression.copy(), request.name, quoted=True))
        for condition, dataset_name in self.conditions(request, time, question):
            select = select.where(condition)
            used.append(dataset_name)
        select = self.joined(select, used)
        places = [exp.Literal.number(place) for place in range(1, len(names) + 1)]
        if places:
            select = select.group_by(*places).order_by(*(place.copy() for place in places))
        question.sql = select.sql(dialect="duckdb")
        return question

    def conditions(
        self, request: MetricRequest, time: tuple[DatasetModel, FieldModel] | None, question: Question
    ) -> Iterable[tuple[exp.Expr, str]]:
        def bound(value: object) -> exp.Expr:
            name = f"m{len(question.params)}"
            question.params[name] = value
            return exp.Placeholder(this=name)

        for name, wanted in request.where.items():
            dataset, dimension = self.dimension(name)
            value = self.expanded(dataset, dimension)
            if wanted is None:
                yield value.is_(exp.null()), dataset.name
            elif isinstance(wanted, list | tuple | set | frozenset):
                choices = [bound(one) for one in sorted(wanted, key=str)]
                yield value.isin(*choices) if choices else exp.false(), dataset.name
            else:
                yield value.eq(bound(wanted)), dataset.name
        if time and (request.start or request.end):
            moment = exp.cast(self.expanded(*time), "TIMESTAMP", dialect="duckdb")
            if request.start:
                yield exp.GTE(this=moment, expression=bound(_day(request.start, "start"))), time[0].name
            if request.end:
                end = exp.LT(this=moment.copy(), expression=bound(_day(request.end, "end")))
                yield end, time[0].name

    def joined(self, select: exp.Select, used: Iterable[str]) -> exp.Select:
        named = {column.table for column in self.expression.find_all(exp.Column)}
        steps: dict[str, Relationship] = {}
        for dataset in sorted({*used, *named}):
            steps.update({step.to: step for step in self.paths[dataset]})
        select = select.from_(self.table(self.base))
        for dataset, step in sorted(steps.items(), key=lambda item: len(self.paths[item[0]])):
            on = [
                exp.column(one, step.from_, quoted=True).eq(exp.column(other, dataset, quoted=True))
                for one, other in zip(step.from_columns, step.to_columns, strict=True)
            ]
            select = select.join(self.table(dataset), on=exp.and_(*on), join_type="left")
        return select

    def table(self, name: str) -> exp.Table:
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        source = exp.to_identifier(self.model_of(name).source, quoted=True)
        return exp.Table(this=source, alias=alias)

    def dimensions(self) -> dict[str, tuple[DatasetModel, FieldModel]]:
        return {
            f"{dataset.name}.{dimension.name}": (dataset, dimension)
            for dataset in self.model.datasets
            if dataset.name in self.paths
            for dimension in dataset.fields_
        }

    def dimension(self, name: str) -> tuple[DatasetModel, FieldModel]:
        known = self.dimensions()
        if name in known:
            return known[name]
        hits = [pair for full, pair in known.items() if full.split(".", 1)[1] == name]
        if len(hits) == 1:
            return hits[0]
        if hits:
            choices = ", ".join(f"{dataset.name}.{name}" for dataset, _ in hits)
            raise Invalid(f"More than one dataset has {name}.", next_step=f"Say which: {choices}.")
        dataset, _, short = name.rpartition(".")
        for other in self.model.datasets:
            if other.name not in self.paths and other.field(short) and dataset in ("", other.name):
                raise self.unreachable(other.name)
        raise NotFound(
            f"The metric {self.one.metric.name} has no dimension {name}.", next_step=nearest(name, known)
        )

    def expanded(self, dataset: DatasetModel, dimension: FieldModel) -> exp.Expr:
        """A field's expression with its columns qualified by their dataset."""
        tree = self.parsed(dimension.expression.sql or "")
        for column in list(tree.find_all(exp.Column)):
            column.replace(exp.column(column.name, table=dataset.name, quoted=True))
        plain: exp.Expr = tree.this
        return plain if isinstance(plain, exp.Column) else tree

    def over_datasets(self, tree: exp.Expr) -> exp.Expr:
        """A metric's expression with fields put in by what they stand for, and every column qualified."""
        for column in list(tree.find_all(exp.Column)):
            dataset = self.dataset_of(column)
            known = dataset.field(column.name)
            value = exp.column(column.name, table=dataset.name, quoted=True)
            column.replace(self.expanded(dataset, known) if known else value)
        if not any(True for _ in tree.find_all(exp.AggFunc)):
            raise self.refusal("aggregates nothing")
        aggregated: exp.Expr = tree.this
        return aggregated

    def dataset_of(self, column: exp.Column) -> DatasetModel:
        if column.table:
            return self.model_of(column.table)
        having = [d for d in self.model.datasets if d.field(column.name)] or self.model.datasets
        if len(having) != 1:
            raise self.refusal(f"does not say which dataset {column.name} belongs to")
        return having[0]

    def model_of(self, name: str) -> DatasetModel:
        found = self.model.dataset(name)
        if found is None:
            raise self.refusal(f"names {name}, which is not a dataset of the model")
        return found

    def counted(self) -> str:
        """The dataset whose rows are counted: the one from which all others in the expression are reached."""
        named = sorted({column.table for column in self.expression.find_all(exp.Column)})
        if not named:
            if len(self.model.datasets) > 1:
                raise self.refusal("does not say which dataset's rows it counts")
            return self.model.datasets[0].name
        for name in named:
            if set(named) <= set(many_to_one(self.model, name).steps):
                return name
        raise self.refusal(f"counts rows of {' and '.join(named)}, and neither leads to one row of the other")

    def refuse_fan_out(self) -> None:
        for aggregate in self.expression.find_all(exp.AggFunc):
            named = {column.table for column in aggregate.find_all(exp.Column)}
            repeatable = isinstance(aggregate, _UNMOVED) or aggregate.find(exp.Distinct)
            if named and self.base not in named and not repeatable:
                raise self.fan_out(min(named))

    def unreachable(self, dataset: str) -> Invalid:
        if dataset in self.ambiguous:
            ways = " and ".join(self.ambiguous[dataset])
            return self.refusal(f"reaches {dataset} in more than one way ({ways}), which may mean two things")
        return self.fan_out(dataset)

    def fan_out(self, dataset: str) -> Invalid:
        return Invalid(
            f"Joining {self.base} with {dataset} for {self.one.metric.name} would count rows more than once.",
            next_step=f"Cut it by dimensions that each row of {self.base} has one of: "
            f"{', '.join(sorted(self.dimensions())[:12]) or 'none yet'}.",
        )

    def time_asked(self, request: MetricRequest) -> tuple[DatasetModel, FieldModel] | None:
        if request.grain is not None and request.grain not in GRAINS:
            raise Invalid(f"There is no grain {request.grain}.", next_step=nearest(request.grain, GRAINS))
        if not (request.grain or request.start or request.end):
            return None
        asked = [pair for pair in map(self.dimension, request.by) if pair[1].is_time]
        found = asked[0] if len(asked) == 1 else self.time_or_none()
        if found is None:
            raise Invalid(
                f"{request.name} has no single dimension of time.",
                next_step='Name one in "by", or have the model name it: "time" in the metric\'s extension.',
            )
        return found

    def time_or_none(self) -> tuple[DatasetModel, FieldModel] | None:
        if self.one.settings.time:
            return self.dimension(self.one.settings.time)
        times = [pair for pair in self.dimensions().values() if pair[1].is_time]
        own = [pair for pair in times if pair[0].name == self.base]
        return next((only[0] for only in (own, times) if len(only) == 1), None)

    def parsed(self, sql: str) -> exp.Expr:
        try:
            statements = parse.DUCKDB.parser().parse(parse.tokens_of(sql), sql)
        except ParseError:
            raise self.refusal(f"has an expression that cannot be read: {sql[:80]}") from None
        if len(statements) != 1 or statements[0] is None or statements[0].find(exp.Query, exp.Placeholder):
            raise self.refusal(f"has an expression that is more than one value: {sql[:80]}")
        tree = exp.Paren(this=statements[0])
        parse.check(tree, sql)
        return tree

    def refusal(self, problem: str) -> Invalid:
        one = self.one
        return Invalid(
            f"{one.file}, line {one.line}: the metric {one.metric.name} {problem}.",
            next_step=f"Correct the metric, its fields or its relationships in {one.file}.",
            file=one.file,
            line=one.line,
        )


def _cut(value: exp.Expr, grain: str) -> exp.Expr:
    moment = exp.cast(value, "TIMESTAMP", dialect="duckdb")
    return exp.cast(exp.TimestampTrunc(this=moment, unit=exp.var(grain.upper())), "DATE", dialect="duckdb")


def _day(value: date | str, name: str) -> date:
    try:
        return value if isinstance(value, date) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Invalid(f"{name} must be a date.", next_step="Write it like 2026-01-31.") from None
