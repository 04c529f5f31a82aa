"""The page to ask on: SQL, a purpose and where, first rows at once, all of them as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response

from handrail import kit
from handrail.data import formats
from handrail.data.browse import Wanted, browse
from handrail.data.by_address import dataset_question
from handrail.data.catalog import contract, purposes
from handrail.data.cells import plain
from handrail.data.models import Request as Asked
from handrail.data.negotiate import Form as Shape
from handrail.data.query import query
from handrail.data.questions import First, ask_first, forget_questions, question, questions
from handrail.kernel import Context, Environment

router = kit.pages()
kit.nav("Ask", "/ask", "message-circle-question-mark", order=15)
_SHOWN = 200
_FILES = {
    "csv": Shape("csv"),
    "excel": Shape("csv", dialect="excel"),
    "arrow": Shape("arrow", "zstd"),
    "json": Shape("json"),
}
Sql = Annotated[str, Form(max_length=100_000)]
Purpose = Annotated[str, Form(max_length=200)]
Where = Annotated[Environment, Form()]


@dataclass(frozen=True)
class Typed:
    """What stands in the form."""

    sql: str = ""
    purpose: str = ""
    environment: Environment = "production"


@dataclass(frozen=True)
class Shown:
    """An answer as the page shows it; a column is marked when it bears the name of one that was masked."""

    columns: list[tuple[str, bool]]
    rows: list[tuple[Any, ...]]
    masked: list[str]


@router.get("/ask", response_class=HTMLResponse)
def ask_page(ctx: kit.Ctx, request: Request, q: str = "", dataset: str = "") -> HTMLResponse:
    """An empty form, or one with a first question about a dataset; help with names beside it."""
    if not dataset:
        return _page(ctx, request, Typed(), q=q)
    stated = contract(ctx, dataset)
    sql, _ = dataset_question(stated, (), (), 100)
    return _page(ctx, request, Typed(sql, next(iter(stated.purposes), "")), q=dataset)


@router.post("/ask", response_class=HTMLResponse)
def ask_form(
    ctx: kit.Ctx, request: Request, sql: Sql = "", purpose: Purpose = "", environment: Where = "production"
) -> HTMLResponse:
    """The first rows of the answer, under the question."""
    first = ask_first(ctx, sql, purpose, environment, _SHOWN)
    return _page(ctx, request, Typed(sql, purpose, environment), first)


@router.post("/ask/rows/{shape}")
def ask_rows(
    ctx: kit.Ctx,
    shape: str,
    sql: Sql = "",
    purpose: Purpose = "",
    environment: Where = "production",
) -> Response:
    """All rows as a file, while they are made; what is broken off is no whole file for the browser either."""
    form = _FILES.get(shape, _FILES["csv"])
    answer = query(ctx, Asked(sql, purpose=purpose or None, environment=environment))
    pieces = formats.encoded(answer, form.format, form.codec, form.dialect)
    name = f"{answer.id}.{form.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return kit.Streamed(pieces, media_type=form.media, headers=headers)


@router.get("/ask/{name}", response_class=HTMLResponse)
def asked_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """One of your own questions, in the form again."""
    found = question(ctx, name)
    return _page(ctx, request, Typed(found.sql, found.purpose, found.environment))


@router.post("/ask/forget")
def forget_form(ctx: kit.Ctx, request: Request) -> Response:
    """Forget your questions."""
    count = forget_questions(ctx)
    return kit.back(request, "/ask", toast=f"{count} of your questions are forgotten.")


def _page(
    ctx: Context, request: Request, typed: Typed, first: First | None = None, q: str = ""
) -> HTMLResponse:
    return kit.render(
        request,
        "data/ask.html",
        typed=typed,
        purposes=[(name, f"{name}: {meaning}") for name, meaning in purposes(ctx).items()],
        first=first,
        shown=_shown(first) if first else None,
        q=q,
        found=browse(ctx, Wanted(q=q, state="certified")),
        mine=questions(ctx),
    )


def _shown(first: First) -> Shown:
    masked = first.answer.masked
    hidden = {name for names in masked.values() for name in names}
    return Shown(
        columns=[(name, name in hidden) for name in first.rows.column_names],
        rows=list(zip(*(plain(column.combine_chunks()) for column in first.rows.columns), strict=True)),
        masked=[f"{dataset}.{name}" for dataset, names in masked.items() for name in names],
    )
