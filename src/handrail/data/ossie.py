"""Semantic model files, as Apache Ossie (formerly Open Semantic Interchange) 0.2.0.dev0 lays them out.

Its own fields and no others; what it leaves to vendors stands in `custom_extensions` under the vendor
HANDRAIL, as JSON (`extension.Settings`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import yaml
from pydantic import BaseModel, Field

from handrail.data import extension
from handrail.data.extension import Rates, Settings
from handrail.kernel import definitions
from handrail.kernel.strict_yaml import find, invalid, line_of, validate

VERSION = "0.2.0.dev0"
_TEMPORAL = frozenset({"Date", "Time", "DateTime", "DateTimeTz"})

Dialect = Literal[
    "ANSI_SQL",
    "SNOWFLAKE",
    "MDX",
    "TABLEAU",
    "DATABRICKS",
    "MAQL",
    "BIGQUERY",
    "SIGMA",
    "THOUGHTSPOT",
    "DAX",
]
DataType = Literal[
    "String", "Integer", "Decimal", "Float", "Boolean", "Date", "Time", "DateTime", "DateTimeTz", "Opaque"
]
AiContext = str | dict[str, Any]


class Extension(BaseModel):
    """What a vendor adds: JSON in a text."""

    vendor_name: str
    data: str


class DialectExpression(BaseModel):
    """An expression in one dialect."""

    dialect: Dialect
    expression: str


class Expression(BaseModel):
    """An expression in one or several dialects."""

    dialects: list[DialectExpression] = Field(min_length=1)

    @property
    def sql(self) -> str | None:
        """The expression in standard SQL, or None."""
        return next((d.expression for d in self.dialects if d.dialect == "ANSI_SQL"), None)


class Dimension(BaseModel):
    """That a field is a dimension, and whether of time."""

    is_time: bool | None = None


class FieldModel(BaseModel):
    """An attribute of a row, to group and filter by."""

    name: str
    expression: Expression
    dimension: Dimension | None = None
    label: str | None = None
    description: str | None = None
    datatype: DataType | None = None
    ai_context: AiContext | None = None
    custom_extensions: list[Extension] = []

    @property
    def is_time(self) -> bool:
        """Whether it is a dimension of time: as stated, else by its type."""
        stated = self.dimension.is_time if self.dimension else None
        return self.datatype in _TEMPORAL if stated is None else stated


class DatasetModel(BaseModel):
    """A dataset under its name in the model; `source` is its name in Handrail."""

    name: str
    source: str
    primary_key: list[str] = []
    unique_keys: list[list[str]] = []
    description: str | None = None
    ai_context: AiContext | None = None
    fields_: list[FieldModel] = Field(default=[], alias="fields")
    custom_extensions: list[Extension] = []

    def field(self, name: str) -> FieldModel | None:
        """The field of that name, or None."""
        return next((field for field in self.fields_ if field.name == name), None)


class Relationship(BaseModel):
    """Many rows of `from` point at one row of `to`."""

    name: str
    from_: str = Field(alias="from")
    to: str
    from_columns: list[str] = Field(min_length=1)
    to_columns: list[str] = Field(min_length=1)
    ai_context: AiContext | None = None
    custom_extensions: list[Extension] = []


class MetricModel(BaseModel):
    """A number as an aggregate expression over fields and columns, written dataset.name."""

    name: str
    expression: Expression
    description: str | None = None
    datatype: DataType | None = None
    ai_context: AiContext | None = None
    custom_extensions: list[Extension] = []


class SemanticModel(BaseModel):
    """Datasets, how they relate, and the metrics over them."""

    name: str
    description: str | None = None
    ai_context: AiContext | None = None
    datasets: list[DatasetModel] = Field(min_length=1)
    relationships: list[Relationship] = []
    metrics: list[MetricModel] = []
    custom_extensions: list[Extension] = []

    def dataset(self, name: str) -> DatasetModel | None:
        """The dataset of that name in the model, or None."""
        return next((dataset for dataset in self.datasets if dataset.name == name), None)


class ModelFile(BaseModel):
    """One file."""

    version: str
    semantic_model: list[SemanticModel]
    dialects: list[Dialect] = []
    vendors: list[str] = []


@dataclass(frozen=True)
class Definition:
    """A metric with the model around it, where it is written, and what Handrail adds to it.

    `digest` names the content of the file: it is the metric's version; `siblings` the metrics of its model.
    """

    file: str
    line: int
    digest: str
    model: SemanticModel
    metric: MetricModel
    settings: Settings
    siblings: Mapping[str, Definition] = dataclasses.field(default_factory=dict, repr=False, compare=False)


def load(content: bytes, file: str) -> tuple[Definition, ...]:
    """The metrics of a model file.

    Refuses, with file, line and key: unknown keys, another version, names given twice, relationships to
    datasets that are not in the model or not to a key of theirs, and metrics without standard SQL.
    """
    node, parsed = validate(content, file, ModelFile)
    if parsed.version != VERSION:
        line = line_of(find(node, "version"))
        raise invalid(file, line, f"version is {parsed.version}, and {VERSION} is read here")
    digest = definitions.digest(content)
    return tuple(
        definition
        for place, model in enumerate(parsed.semantic_model)
        for definition in _Checked(file, digest, find(node, "semantic_model", place), model).metrics()
    )


@dataclass(frozen=True)
class _Checked:
    file: str
    digest: str
    node: yaml.Node
    model: SemanticModel

    def metrics(self) -> Iterator[Definition]:
        self.once("datasets", [dataset.name for dataset in self.model.datasets])
        self.once("metrics", [metric.name for metric in self.model.metrics])
        for place, dataset in enumerate(self.model.datasets):
            self.fields(place, dataset)
        for place, relationship in enumerate(self.model.relationships):
            self.relationship(place, relationship)
        general = self.extended(self.model.custom_extensions, {})
        siblings: dict[str, Definition] = {}
        for place, metric in enumerate(self.model.metrics):
            if metric.expression.sql is None:
                self.refuse("the expression has no ANSI_SQL dialect", "metrics", place, "expression")
            line = line_of(find(self.node, "metrics", place))
            values = self.extended(metric.custom_extensions, general, "metrics", place)
            settings = extension.settings(values)
            if settings.rates:
                self.rates(settings.rates, place)
            siblings[metric.name] = Definition(
                self.file, line, self.digest, self.model, metric, settings, siblings
            )
        yield from siblings.values()

    def fields(self, place: int, dataset: DatasetModel) -> None:
        self.once("fields", [field.name for field in dataset.fields_], "datasets", place)
        for at, field in enumerate(dataset.fields_):
            if field.expression.sql is None:
                self.refuse("the expression has no ANSI_SQL dialect", "datasets", place, "fields", at)

    def relationship(self, place: int, relationship: Relationship) -> None:
        ends = {"from": relationship.from_, "to": relationship.to}
        for key, name in ends.items():
            if self.model.dataset(name) is None:
                self.refuse(f"“{name}” is not a dataset of this model", "relationships", place, key)
        if relationship.from_ == relationship.to:
            again = "give its other role a dataset of its own with the same source"
            self.refuse(f"“{relationship.to}” relates to itself; {again}", "relationships", place, "to")
        if len(relationship.from_columns) != len(relationship.to_columns):
            self.refuse("from_columns and to_columns differ in number", "relationships", place)
        one = self.model.dataset(relationship.to)
        keys = [set(one.primary_key), *map(set, one.unique_keys)] if one else []
        if set(relationship.to_columns) not in keys:
            self.refuse(
                f"to_columns are no primary_key or unique_keys of “{relationship.to}”, so that one row could "
                "become many",
                "relationships",
                place,
                "to_columns",
            )

    def rates(self, rates: Rates, place: int) -> None:
        """That a row can find one rate at most: what it is found by is a key of the rates."""
        path = ("metrics", place, "custom_extensions")
        one = self.model.dataset(rates.dataset)
        if one is None:
            self.refuse(f"“{rates.dataset}” in “rates” is not a dataset of this model", *path)
        keys = [set(key) for key in (one.primary_key, *one.unique_keys)]
        if {rates.period, rates.currency, rates.into} not in keys:
            named = f"“{rates.period}”, “{rates.currency}” and “{rates.into}”"
            self.refuse(f"{named} are no key of “{one.name}”, so that a row could find two rates", *path)

    def extended(
        self, extensions: list[Extension], general: dict[str, Any], *path: str | int
    ) -> dict[str, Any]:
        ours = [one.data for one in extensions if one.vendor_name == extension.VENDOR]
        try:
            found = extension.read(ours, general)
            extension.settings(found)
        except extension.Wrong as wrong:
            self.refuse(str(wrong), *path, "custom_extensions")
        return found

    def once(self, what: str, names: list[str], *path: str | int) -> None:
        for place, name in enumerate(names):
            if name in names[:place]:
                self.refuse(f"the name “{name}” is given twice in {what}", *path, what, place)

    def refuse(self, problem: str, *path: str | int) -> NoReturn:
        raise invalid(self.file, line_of(find(self.node, *path)), problem)
