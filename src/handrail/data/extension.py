"""What Handrail adds to a semantic model, under its own vendor name in `custom_extensions`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

VENDOR = "HANDRAIL"
Grain = Literal["day", "week", "month", "quarter", "year"]


class TiesTo(BaseModel):
    """Where a metric's control totals are: a certified dataset with a row for each period that was closed.

    `period` is the column with a period's first day, `value` the total's, `by` the columns of further
    dimensions. `tolerance` is the largest relative difference (0.001 is 0.1 %), or the column that holds it;
    `source` the column that says which paper a total is from.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    dataset: str
    period: str
    value: str
    grain: Grain = "month"
    by: dict[str, str] = {}
    tolerance: float | str = 0.0
    source: str | None = None


class Settings(BaseModel):
    """Of a metric: whose it is, the dimension that a grain cuts, and what it has to tie to."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    owner: str | None = None
    time: str | None = None
    ties_to: TiesTo | None = Field(default=None)


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
        raise Wrong(f"the setting “{name}” of {VENDOR} is wrong: {first['msg'].lower()}") from None
