"""REST for connectors: what there is, what was called, first writes, and answers of the sandbox."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from handrail import kit
from handrail.connectors.approve import approval, approve_write, refuse_write
from handrail.connectors.call import call
from handrail.connectors.find import approvals, connector, connectors, uses
from handrail.connectors.models import Approval, Connector, Standing, Use, Wanted
from handrail.connectors.record import Recording, record
from handrail.connectors.save import save_connector

router = kit.rest("/api/v1/connectors", "connectors")


class Text(BaseModel):
    """The text of a definition, in YAML."""

    model_config = {"extra": "forbid"}
    content: str = Field(max_length=100_000)


class Call(BaseModel):
    """A call; `app` is an app of yours that declares it."""

    model_config = {"extra": "forbid"}
    method: str = "GET"
    path: str
    params: dict[str, Any] = {}
    json_: Any = Field(default=None, alias="json")
    headers: dict[str, str] = {}
    app: str = ""


class Reply(BaseModel):
    """What the sandbox answers; the content is text."""

    status: int
    headers: dict[str, str]
    content: str
    synthetic: str


class Recorded(BaseModel):
    """Which answer to record; it is kept with `keep`, and otherwise shown."""

    model_config = {"extra": "forbid"}
    path: str
    params: dict[str, str] = {}
    keep: bool = False


class Said(BaseModel):
    """A yes or a no, with its reason."""

    model_config = {"extra": "forbid"}
    reason: str = ""


@router.get("", responses=kit.answers(list[Standing]))
def get_connectors(ctx: kit.Ctx) -> list[Any]:
    """Every connector, with what it lacks."""
    return [kit.jsonable(one) for one in connectors(ctx)]


@router.get("/{name}", responses=kit.answers(Standing))
def get_connector(ctx: kit.Ctx, name: str) -> Any:
    """One connector."""
    return kit.jsonable(connector(ctx, name))


@router.put("/{name}", responses=kit.answers(Connector))
def put_connector(ctx: kit.Ctx, name: str, text: Text) -> Any:
    """Write its definition; refused with the line to mend."""
    return kit.jsonable(save_connector(ctx, name, text.content.encode("utf-8", "replace")))


@router.get("/{name}/calls", responses=kit.answers(list[Use]))
def get_calls(ctx: kit.Ctx, name: str) -> list[Any]:
    """What apps called by it, by version and environment."""
    return [kit.jsonable(one) for one in uses(ctx, name)]


@router.post("/{name}/call")
def post_call(ctx: kit.Ctx, name: str, asked: Call) -> Reply:
    """Ask the sandbox, which never reaches the other system."""
    said = asked.model_dump(exclude={"json_"})
    answer = call(ctx, Wanted(name, **said, json=asked.json_))
    content = answer.content.decode("utf-8", "replace")
    return Reply(
        status=answer.status, headers=dict(answer.headers), content=content, synthetic=answer.synthetic
    )


@router.post("/{name}/record", responses=kit.answers(Recording))
def post_record(ctx: kit.Ctx, name: str, wanted: Recorded) -> Any:
    """Make a reading call for the sandbox, and show it without what is hidden; with `keep`, keep it."""
    return kit.jsonable(record(ctx, name, wanted.path, wanted.params, wanted.keep))


@router.get("/{name}/approvals", responses=kit.answers(list[Approval]))
def get_approvals(ctx: kit.Ctx, name: str) -> list[Any]:
    """The first writes that wait for a yes, and those that were answered."""
    return [kit.jsonable(one) for one in approvals(ctx, name)]


@router.get("/{name}/approvals/{write}", responses=kit.answers(Approval))
def get_approval(ctx: kit.Ctx, name: str, write: str) -> Any:
    """One first write, with what it would send."""
    return kit.jsonable(approval(ctx, name, write))


@router.post("/{name}/approvals/{write}/approve", responses=kit.answers(Approval))
def post_approve(ctx: kit.Ctx, name: str, write: str, said: Said) -> Any:
    """Let the version write by this call from now on."""
    return kit.jsonable(approve_write(ctx, name, write, said.reason))


@router.post("/{name}/approvals/{write}/refuse", responses=kit.answers(Approval))
def post_refuse(ctx: kit.Ctx, name: str, write: str, said: Said) -> Any:
    """Say no, with a reason that the maker can act on."""
    return kit.jsonable(refuse_write(ctx, name, write, said.reason))
