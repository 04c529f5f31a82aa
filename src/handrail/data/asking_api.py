"""REST for questions: SQL and metrics by POST; a dataset or a metric by its address."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from handrail import kit
from handrail.data import formats
from handrail.data.answer import Answer
from handrail.data.by_address import listed, rows_of, values
from handrail.data.extension import Grain
from handrail.data.formats import Codec, Dialect, Format
from handrail.data.models import MetricRequest, Request
from handrail.data.negotiate import Form, form_of
from handrail.data.query import query
from handrail.kernel import Environment

router = kit.rest("/api/v1", "questions")

# Read by the verb, which says what is wrong with it in the same words everywhere.
Day = Annotated[str | None, Field(max_length=100, json_schema_extra={"format": "date"})]
Scalar = str | int | float | bool | None
Names = Annotated[list[str], Query(default_factory=list, max_length=500)]
_BYTES = {"schema": {"type": "string", "format": "binary"}}


class ColumnOf(BaseModel):
    """A column of an answer, with its Arrow type."""

    name: str
    type: str


class Told(BaseModel):
    """A refusal in the middle of an answer."""

    code: str
    message: str
    next_step: str


class Rows(BaseModel):
    """An answer as JSON. Decimals, and whole numbers beyond ±2⁵³, are texts; so are NaN and the infinities.

    `masked` names the columns that were seen masked, by dataset, and `no_row` says why nothing of a dataset
    is for whoever asks; `complete` and `count` come last.
    """

    query: str
    environment: Environment
    as_of: str | None
    columns: list[ColumnOf]
    masked: dict[str, list[str]]
    certified: bool | None = None
    ties_to: str | None = None
    currency: str | None = None
    rates: str | None = None
    no_row: list[str] = []
    rows: list[dict[str, object]]
    complete: bool
    count: int
    refusal: Told | None = None


_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Rows,
        "description": "The rows that you may see, while they are being made.",
        "content": {
            "application/vnd.apache.arrow.stream": _BYTES,
            "text/csv": {"schema": {"type": "string"}},
        },
        "headers": {
            "X-Handrail-Query": {
                "description": "The name of this answer on the trail.",
                "schema": {"type": "string"},
            },
            "X-Handrail-Certified": {
                "description": "Of a metric: whether it carries the badge, that is, ties to closed figures.",
                "schema": {"type": "boolean"},
            },
            "X-Handrail-As-Of": {
                "description": "When the oldest data in it was taken.",
                "schema": {"type": "string", "format": "date-time"},
            },
        },
    }
}


class MetricAsked(BaseModel):
    """A question about a metric."""

    model_config = ConfigDict(extra="forbid")
    name: str
    by: list[str] = Field(default=[], max_length=50)
    where: dict[str, Scalar | list[Scalar]] = {}
    grain: Grain | None = None
    start: Day = None
    end: Day = None
    order: list[str] = Field(default=[], max_length=50)
    limit: int | None = Field(default=None, ge=1, le=1 << 53)
    currency: str | None = Field(default=None, max_length=20)


class Asked(BaseModel):
    """A question: SQL with its parameters, or a metric. A purpose is needed, or an app that has one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "sql": "SELECT line, sum(net_amount) AS net FROM sales WHERE region = $region GROUP BY 1",
                    "params": {"region": "EMEA"},
                    "purpose": "sales-reporting",
                },
                {"metric": {"name": "revenue", "grain": "month"}, "purpose": "sales-reporting"},
            ]
        },
    )
    sql: str | None = None
    metric: MetricAsked | None = None
    params: dict[str, Scalar | list[Scalar]] = {}
    purpose: str | None = None
    environment: Environment = "production"
    app: str | None = None


def _said(
    accept: Annotated[str, Header()] = "application/json",
    format: Annotated[Format | None, Query(description="Instead of what Accept says.")] = None,
    codec: Annotated[Codec | None, Query(description="Compresses the bodies of Arrow batches.")] = None,
    dialect: Annotated[
        Dialect,
        Query(description="excel: CSV that Excel reads as UTF-8 and in which no text is a formula."),
    ] = "plain",
) -> Form:
    return form_of(accept, format, codec, dialect)


def _named(
    form: Format,
    codec: Annotated[Codec | None, Query()] = None,
    dialect: Annotated[Dialect, Query()] = "plain",
) -> Form:
    return Form(form, codec if form == "arrow" else None, dialect)


Purpose = Annotated[str | None, Query(description="What it is for, unless the token is bound to one.")]
Where = Annotated[list[str], Query(default_factory=list, max_length=100)]


@router.post("/query", response_class=kit.Streamed, responses=_FORMS)
def ask(ctx: kit.Ctx, asked: Asked, form: Annotated[Form, Depends(_said)]) -> StreamingResponse:
    """Answer a question from what you may see, in the format that you accept, while it is being made.

    A refusal after the first rows breaks the response off; JSON and Arrow say why in their last record.
    """
    wanted, of = None, asked.metric
    if of:
        named = {**of.model_dump(), "by": tuple(of.by), "order": tuple(of.order)}
        wanted = MetricRequest(**named)
    request = Request(asked.sql, wanted, asked.params, asked.purpose, asked.environment, asked.app)
    return _streamed(query(ctx, request), form)


@router.get("/datasets/{name}.{form}", response_class=kit.Streamed, responses=_FORMS)
def dataset_rows(
    ctx: kit.Ctx,
    name: str,
    form: Annotated[Form, Depends(_named)],
    columns: Names,
    where: Where,
    purpose: Purpose = None,
    limit: Annotated[int | None, Query(ge=0, le=1 << 53)] = None,
    environment: Environment = "production",
) -> StreamingResponse:
    """The rows of a dataset that you may see: `columns` (all without it) where every condition holds.

    `where` is COLUMN=VALUE, or with !=, <, <=, >, >=; several with = on one column mean any of them.
    """
    return _streamed(rows_of(ctx, name, columns, where, limit, purpose, environment), form, name)


@router.get("/metrics/{name}.{form}", response_class=kit.Streamed, responses=_FORMS)
def metric_values(
    ctx: kit.Ctx,
    name: str,
    form: Annotated[Form, Depends(_named)],
    by: Names,
    where: Where,
    order: Names,
    purpose: Purpose = None,
    grain: Grain | None = None,
    start: Day = None,
    end: Day = None,
    limit: Annotated[int | None, Query(ge=1, le=1 << 53)] = None,
    currency: Annotated[str | None, Query(max_length=20)] = None,
    environment: Environment = "production",
) -> StreamingResponse:
    """A metric by dimensions and in steps of time; `where` is DIMENSION=VALUE, as often as needed."""
    span, cut = (grain, start, end), (listed(order), limit, currency)
    wanted = MetricRequest(name, listed(by), values(where), *span, *cut)
    return _streamed(query(ctx, Request(None, wanted, {}, purpose, environment)), form, name)


def _streamed(answer: Answer, form: Form, name: str | None = None) -> StreamingResponse:
    headers = {"X-Handrail-Query": answer.id, "Cache-Control": "no-store"}
    if answer.as_of:
        headers["X-Handrail-As-Of"] = answer.as_of.isoformat()
    if answer.certified is not None:
        headers["X-Handrail-Certified"] = "true" if answer.certified else "false"
    if answer.currency:
        headers["X-Handrail-Currency"] = f"{quote(answer.currency)}; rates={answer.rates}"
    if name:
        headers["Content-Disposition"] = f'inline; filename="{name}.{form.format}"'
    pieces = formats.encoded(answer, form.format, form.codec, form.dialect)
    return kit.Streamed(pieces, media_type=form.media, headers=headers)
