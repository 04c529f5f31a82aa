"""REST for lineage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query

from handrail import kit
from handrail.data.lineage import lineage
from handrail.data.lineage_models import Lineage

router = kit.rest("/api/v1", "data")


@router.get("/lineage/{name}", responses=kit.answers(Lineage))
def lineage_of(ctx: kit.Ctx, name: str, column: Annotated[str | None, Query(max_length=500)] = None) -> Any:
    """The same by a name alone, which may say what it names, as in metric:revenue."""
    return kit.jsonable(lineage(ctx, name, column))


@router.get("/lineage/{kind}/{name}", responses=kit.answers(Lineage))
def one_lineage(
    ctx: kit.Ctx,
    kind: Literal["dataset", "metric", "app"],
    name: str,
    column: Annotated[str | None, Query(max_length=500)] = None,
) -> Any:
    """What a dataset, metric or app comes from and leads to: nodes and edges, each with its columns.

    With `column`, only what that column of a dataset goes through. Apps that you may not see are not named.
    """
    return kit.jsonable(lineage(ctx, f"{kind}:{name}", column))
