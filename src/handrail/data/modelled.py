"""One metric within its model: which dataset's rows it counts, and which dimensions each of these has.

Joins go from many to one only, by the model's relationships, so that no row of the metric's own dataset is
ever counted twice; a question that would need the other direction is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp
from sqlglot.errors import ParseError

from handrail.data import parse
from handrail.data.ossie import DatasetModel, Definition, FieldModel, Relationship
from handrail.data.parse import nearest
from handrail.data.paths import many_to_one
from handrail.kernel import Invalid, NotFound

Dimension = tuple[DatasetModel, FieldModel]
# Aggregates whose value does not change when a row is repeated.
_UNMOVED = (exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr)


class Modelled:
    """A metric that is an aggregate over rows; refuses one that cannot be right, with file and line."""

    def __init__(self, one: Definition) -> None:
        self.one = one
        self.model = one.model
        self.expression = self.over_datasets(parsed(one, one.metric.expression.sql or ""))
        self.base = self.counted()
        found = many_to_one(self.model, self.base)
        self.paths, self.ambiguous = found.steps, found.ambiguous
        self.refuse_fan_out()
        self.filter = self.over_rows(one.settings.filter) if one.settings.filter else None

    def joined(self, select: exp.Select, used: Iterable[str], plain: bool = False) -> exp.Select:
        """FROM what is counted, joined with what is used and, unless `plain`, with what the value needs."""
        counted = () if plain else self.expression.find_all(exp.Column)
        named = {column.table for column in counted}
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

    def dimensions(self) -> dict[str, Dimension]:
        return {
            f"{dataset.name}.{dimension.name}": (dataset, dimension)
            for dataset in self.model.datasets
            if dataset.name in self.paths
            for dimension in dataset.fields_
        }

    def dimension(self, name: str) -> Dimension:
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
        tree = parsed(self.one, dimension.expression.sql or "")
        for column in list(tree.find_all(exp.Column)):
            column.replace(exp.column(column.name, table=dataset.name, quoted=True))
        plain: exp.Expr = tree.this
        found = plain if isinstance(plain, exp.Column) else tree
        if dimension.datatype == "DateTimeTz":  # a moment: which day it is depends on where
            found = exp.AtTimeZone(this=found, zone=exp.Literal.string(self.one.settings.time_zone))
        return found

    def over_datasets(self, tree: exp.Expr) -> exp.Expr:
        """A metric's expression with fields put in by what they stand for, and every column qualified."""
        for column in list(tree.find_all(exp.Column)):
            dataset = self.dataset_of(column)
            known = dataset.field(column.name)
            value = exp.column(column.name, table=dataset.name, quoted=True)
            column.replace(self.expanded(dataset, known) if known else value)
        if not any(True for _ in tree.find_all(exp.AggFunc)):
            raise refusal(self.one, "aggregates nothing")
        aggregated: exp.Expr = tree.this
        return aggregated

    def over_rows(self, sql: str) -> exp.Expr:
        """A condition on one row, with fields put in by what they stand for; refuses one on other rows."""
        tree = parsed(self.one, sql)
        if tree.find(exp.AggFunc, exp.Window):
            raise refusal(self.one, "has a filter that is no condition on one row")
        for column in list(tree.find_all(exp.Column)):
            dataset = self.dataset_of(column)
            if dataset.name not in self.paths:
                raise self.unreachable(dataset.name)
            known = dataset.field(column.name)
            value = exp.column(column.name, table=dataset.name, quoted=True)
            column.replace(self.expanded(dataset, known) if known else value)
        return tree

    def dataset_of(self, column: exp.Column) -> DatasetModel:
        if column.table:
            return self.model_of(column.table)
        having = [d for d in self.model.datasets if d.field(column.name)] or self.model.datasets
        if len(having) != 1:
            raise refusal(self.one, f"does not say which dataset {column.name} belongs to")
        return having[0]

    def model_of(self, name: str) -> DatasetModel:
        found = self.model.dataset(name)
        if found is None:
            raise refusal(self.one, f"names {name}, which is not a dataset of the model")
        return found

    def counted(self) -> str:
        """The dataset whose rows are counted: the one from which all others in the expression are reached."""
        named = sorted({column.table for column in self.expression.find_all(exp.Column)})
        if not named:
            if len(self.model.datasets) > 1:
                raise refusal(self.one, "does not say which dataset's rows it counts")
            return self.model.datasets[0].name
        for name in named:
            if set(named) <= set(many_to_one(self.model, name).steps):
                return name
        raise refusal(
            self.one, f"counts rows of {' and '.join(named)}, and neither leads to one row of the other"
        )

    def refuse_fan_out(self) -> None:
        for aggregate in self.expression.find_all(exp.AggFunc):
            named = {column.table for column in aggregate.find_all(exp.Column)}
            repeatable = isinstance(aggregate, _UNMOVED) or aggregate.find(exp.Distinct)
            if named and self.base not in named and not repeatable:
                raise self.fan_out(min(named))

    def unreachable(self, dataset: str) -> Invalid:
        if dataset in self.ambiguous:
            *ways, last = self.ambiguous[dataset]
            said = f"reaches {dataset} in more than one way ({', '.join(ways)} and {last})"
            one = refusal(self.one, f"{said}, which may mean two things")
            again = f"In {self.one.file}, give each meaning a dataset of its own with the same source."
            return Invalid(one.message, next_step=again, **one.facts)
        return self.fan_out(dataset)

    def fan_out(self, dataset: str) -> Invalid:
        return Invalid(
            f"Joining {self.base} with {dataset} for {self.one.metric.name} would count rows more than once.",
            next_step=f"Cut it by dimensions that each row of {self.base} has one of: "
            f"{', '.join(sorted(self.dimensions())[:12]) or 'none yet'}.",
        )

    def time_or_none(self) -> Dimension | None:
        if self.one.settings.time:
            return self.dimension(self.one.settings.time)
        times = [pair for pair in self.dimensions().values() if pair[1].is_time]
        own = [pair for pair in times if pair[0].name == self.base]
        return next((only[0] for only in (own, times) if len(only) == 1), None)


def parsed(one: Definition, sql: str) -> exp.Expr:
    """An expression of the model, wrapped so that it has a parent; refuses all but one allowed value."""
    try:
        statements = parse.DUCKDB.parser().parse(parse.tokens_of(sql), sql)
    except ParseError:
        raise refusal(one, f"has an expression that cannot be read: {sql[:80]}") from None
    if len(statements) != 1 or statements[0] is None or statements[0].find(exp.Query, exp.Placeholder):
        raise refusal(one, f"has an expression that is more than one value: {sql[:80]}")
    tree = exp.Paren(this=statements[0])
    parse.check(tree, sql)
    return tree


def refusal(one: Definition, problem: str) -> Invalid:
    """A metric that cannot be right, with its place."""
    return Invalid(
        f"{one.file}, line {one.line}: the metric {one.metric.name} {problem}.",
        next_step=f"Correct the metric, its fields or its relationships in {one.file}.",
        file=one.file,
        line=one.line,
    )
