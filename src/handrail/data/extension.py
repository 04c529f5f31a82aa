"""What Handrail adds to a semantic model, under its own vendor name in `custom_extensions`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from handrail.data.periods import SPAN
from handrail.kernel.schedule import is_timezone

VENDOR = "HANDRAIL"
Grain = Literal["day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"]


class TiesTo(BaseModel):
    """Where a metric's control totals are: a certified dataset with a row for each period that was closed.

    `period` is the column with a period's first day, `value` the total's, `by` the columns of further
    dimensions. `tolerance` is the largest relative difference (0.001 is 0.1 %), or the column that holds it;
    when it is `absolute`, in the unit of the totals. `source` is the column that says which paper a total is
    from, `due` how long after the end of a period its total has to be there, and `currency` what amounts are
    converted into before they are compared.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    dataset: str
    period: str
    value: str
    grain: Grain = "month"
    by: dict[str, str] = {}
    tolerance: float | str = 0.0
    absolute: bool = False
    source: str | None = None
    due: str | None = Field(default=None, pattern=SPAN)
    currency: str | None = None


class Rates(BaseModel):
    """Where exchange rates are: a dataset of the model with a row for each period and pair of currencies.

    One unit of `currency` was `rate` of `into` in the period that begins on the day `period`; all are
    columns, and the first three are a key of the dataset.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    dataset: str
    period: str
    currency: str
    into: str
    rate: str
    grain: Grain = "day"


class Earlier(BaseModel):
    """Another metric in an expression, as it was some time before: "1 year", "28 day"."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    metric: str
    earlier: str | None = Field(default=None, pattern=SPAN)


class Settings(BaseModel):
    """Of a metric: whose it is, the dimension that a grain cuts, what it has to tie to, and its kind.

    A simple metric aggregates rows. A ratio divides one metric by another, and a derived one is any
    expression of metrics; `inputs` says which, where the expression has a name of its own for one. A
    cumulative metric aggregates all rows up to the end of each period, or those of the last `window`, or
    those since the start of the period `to_date`. `filter` is a condition on rows; `over_time: last` keeps
    only the rows of the last moment of each period, for what is held rather than moved.
    `unit` is what a number of it is, as an axis is labelled: EUR, orders, %.
    `fiscal_start` is the month in which the fiscal year begins, of the whole model; `time_zone` says where
    a day begins for fields that are moments (DateTimeTz). `currency` is the dimension that says in which
    currency an amount is, and `rates` where it can be converted.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    owner: str | None = None
    time: str | None = None
    ties_to: TiesTo | None = None
    kind: Literal["simple", "ratio", "derived", "cumulative"] = "simple"
    filter: str | None = None
    inputs: dict[str, Earlier] = {}
    window: str | None = Field(default=None, pattern=SPAN)
    to_date: Grain | None = None
    over_time: Literal["sum", "last"] = "sum"
    unit: str | None = Field(default=None, min_length=1, max_length=30)
    fiscal_start: int = Field(default=1, ge=1, le=12)
    time_zone: str = "UTC"
    currency: str | None = None
    rates: Rates | None = None

    @property
    def composed(self) -> bool:
        """Whether it is made of other metrics."""
        return self.kind in ("ratio", "derived")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        given = self.model_fields_set
        if self.kind != "cumulative" and given & {"window", "to_date"}:
            raise ValueError("window and to_date are for cumulative metrics")
        if self.window and self.to_date:
            raise ValueError("window and to_date exclude each other")
        if self.kind == "cumulative" and self.over_time == "last":
            raise ValueError("what is held at a moment cannot be accumulated")
        if self.composed and given & {"filter", "over_time"}:
            raise ValueError("filter and over_time belong to the metrics it is made of")
        if self.composed and "currency" in given:
            raise ValueError("currency belongs to the metrics it is made of")
        if not is_timezone(self.time_zone):
            raise ValueError(f"there is no time zone {self.time_zone}")
        if not self.composed and self.inputs:
            raise ValueError("inputs are for ratios and derived metrics")
        return self


class Wrong(ValueError):
    """What is wrong with an extension, in words."""


def read(texts: list[str], general: Mapping[str, Any]) -> dict[str, Any]:
    """The values in these texts over the general ones; raises Wrong unless each is a JSON object."""
    found = dict(general)
    for text in texts:
        try:
            values = json.loads(text)
        except ValueError:
            raise Wrong("data is not JSON") from None
        if not isinstance(values, dict):
            raise Wrong("data must be a JSON object")
        found |= values
    return found


def settings(values: Mapping[str, Any]) -> Settings:
    """The checked settings; raises Wrong with the first that is unknown or of the wrong kind."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise Wrong(f"unknown setting “{name}” of {VENDOR}") from None
        where = f"the setting “{name}”" if name else "the extension"
        raise Wrong(f"{where} of {VENDOR} is wrong: {first['msg'].removeprefix('Value error, ')}") from None
