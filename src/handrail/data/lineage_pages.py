"""The pages of lineage: a drawing for each dataset, metric and app, and a page that follows one column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.data.drawn import address, drawing, told
from handrail.data.lineage import lineage
from handrail.data.lineage_models import Lineage
from handrail.kernel import Context

router = kit.pages()
kit.templates_from("handrail.data")
_Filled = tuple[str, Mapping[str, Any]]


@router.get("/lineage/{kind}/{name}", response_class=HTMLResponse)
def lineage_page(
    ctx: kit.Ctx, request: Request, kind: Literal["dataset", "metric", "app"], name: str, column: str = ""
) -> HTMLResponse:
    """The lineage of one thing, or of one column of a dataset, by itself."""
    found = lineage(ctx, f"{kind}:{name}", column or None)
    return kit.render(request, "data/lineage.html", kind=kind, name=name, **_shown(found))


@kit.panel("dataset", "Where it comes from and where it goes", order=30)
def of_dataset(ctx: Context, one: Any) -> _Filled:
    """The lineage of a dataset, with a link to follow each of its columns."""
    return "data/panel_lineage.html", _shown(lineage(ctx, f"dataset:{one.name}"))


@kit.panel("metric", "Where it comes from and where it is used", order=30)
def of_metric(ctx: Context, one: Any) -> _Filled:
    """The lineage of a metric."""
    return "data/panel_lineage.html", _shown(lineage(ctx, f"metric:{one.name}"))


@kit.panel("app", "The data it reads", order=30)
def of_app(ctx: Context, one: Any) -> _Filled:
    """The lineage of an app, and for those who read its code what its answers are made of."""
    return "data/panel_lineage.html", _shown(lineage(ctx, f"app:{one.name}"))


def _shown(found: Lineage) -> dict[str, Any]:
    focus = found.node(found.of)
    return {
        "found": found,
        "focus": focus,
        "drawing": drawing(found),
        "rows": told(found),
        "address": address,
        "alone": len(found.nodes) == 1,
    }
