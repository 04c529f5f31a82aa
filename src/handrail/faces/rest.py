"""REST under /api/v1: one shape for every refusal (RFC 9457), and the kernel's own verbs."""

from dataclasses import dataclass
from typing import Any

from fastapi import Query
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from handrail import kit
from handrail.faces.accounts import Changes, Closed, change, close
from handrail.kernel import Person, Refusal, identity, trail
from handrail.kernel.audit import Chosen, Entry, Proof, Verification

PREFIX = "/api/v1"
router = kit.rest(PREFIX, "kernel")


class Problem(BaseModel):
    """A refusal, as `application/problem+json`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "invalid",
                "status": 422,
                "detail": "No column is called regoin (line 1, column 8).",
                "code": "invalid",
                "next_step": "Did you mean region?",
            }
        }
    )
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    next_step: str


@dataclass(frozen=True)
class Myself:
    """Who asks, and what the token may do; None: whatever its person may."""

    person: Person
    scopes: list[str] | None


@dataclass(frozen=True)
class NewToken:
    """A token with its secret, which is in this answer and nowhere else."""

    token: identity.Token
    secret: str


class TokenRequest(BaseModel):
    """What a new personal token is for and what it may do; no scopes: whatever its person may."""

    model_config = {"extra": "forbid"}
    name: str = Field(min_length=1, max_length=100)
    scopes: list[str] | None = None
    days: int | None = None


def problem(refusal: Refusal) -> JSONResponse:
    """A refusal as RFC 9457 problem details, with Handrail's `code` and `next_step`."""
    content = Problem(
        title=refusal.code.replace("_", " "),
        status=refusal.status,
        detail=refusal.message,
        code=refusal.code,
        next_step=refusal.next_step,
    )
    response = problem_response(content)
    if seconds := refusal.facts.get("retry_after"):
        response.status_code = 429  # the one limit that passes by itself
        response.headers["Retry-After"] = str(seconds)
    return response


def problem_response(content: Problem) -> JSONResponse:
    """The response for problem details."""
    return JSONResponse(content.model_dump(), content.status, media_type="application/problem+json")


@router.get("/me", responses=kit.answers(Myself))
def me(ctx: kit.Ctx) -> dict[str, Any]:
    """Who you are here, by the token or session you sent."""
    scopes = ctx.caller.scopes
    return {"person": kit.jsonable(ctx.caller.person), "scopes": None if scopes is None else sorted(scopes)}


@router.get("/people", responses=kit.answers(list[Person]))
def people(ctx: kit.Ctx) -> list[Any]:
    """Everybody with an account."""
    return [kit.jsonable(person) for person in identity.people(ctx)]


class NewPerson(BaseModel):
    """Somebody to be added; without a role a viewer."""

    model_config = {"extra": "forbid"}
    id: str
    name: str
    email: str
    roles: list[str] = []
    groups: list[str] = []
    attributes: dict[str, str | list[str]] = {}


class PersonChange(BaseModel):
    """What changes; an empty attribute is taken away, and `active` opens a closed account again."""

    model_config = {"extra": "forbid"}
    name: str | None = None
    email: str | None = None
    roles: list[str] | None = None
    groups: list[str] | None = None
    attributes: dict[str, str | list[str]] | None = None
    active: bool = False


@router.post("/people", responses=kit.answers(Person))
def add_person(ctx: kit.Ctx, said: NewPerson) -> Any:
    """Add somebody."""
    who = Person(
        said.id,
        said.name,
        said.email,
        frozenset(said.roles),
        frozenset(said.groups),
        _attributes(said.attributes),
    )
    return kit.jsonable(identity.add_person(ctx, who))


@router.post("/people/{person_id}/change", responses=kit.answers(Person))
def change_person(ctx: kit.Ctx, person_id: str, said: PersonChange) -> Any:
    """Change somebody's name, address, roles, groups or attributes; what is not named stays."""
    attributes = _attributes(said.attributes or {})
    changes = Changes(said.name, said.email, said.roles, said.groups, attributes, said.active)
    return kit.jsonable(change(ctx, person_id, changes))


@router.post("/people/{person_id}/deactivate", responses=kit.answers(Closed))
def deactivate_person(ctx: kit.Ctx, person_id: str) -> Any:
    """Close an account: nothing runs or answers as that person any more. Says what needs somebody else."""
    return kit.jsonable(close(ctx, person_id))


def _attributes(said: dict[str, str | list[str]]) -> dict[str, str | tuple[str, ...]]:
    return {key: value if isinstance(value, str) else tuple(value) for key, value in said.items()}


@router.get("/tokens", responses=kit.answers(list[identity.Token]))
def tokens(ctx: kit.Ctx) -> list[Any]:
    """Your tokens, without their secrets."""
    return [kit.jsonable(token) for token in identity.tokens(ctx)]


@router.post("/tokens", responses=kit.answers(NewToken, 201), status_code=201)
def issue_token(ctx: kit.Ctx, wanted: TokenRequest) -> dict[str, Any]:
    """Make a token; its secret is in this answer and nowhere else."""
    token, secret = identity.issue_token(ctx, wanted.name, wanted.scopes, wanted.days)
    return {"token": kit.jsonable(token), "secret": secret}


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(ctx: kit.Ctx, token_id: str) -> None:
    """End one of your tokens."""
    identity.revoke_token(ctx, token_id)


@router.get("/audit", responses=kit.answers(list[Entry]))
def audit_entries(
    ctx: kit.Ctx,
    person: str = "",
    verb: str = "",
    subject: str = "",
    before: int | None = Query(None, ge=0, le=1 << 53),
    limit: int = Query(50, ge=1, le=10_000),
) -> list[Any]:
    """The trail, newest first."""
    found = trail.entries(ctx, person=person, verb=verb, subject=subject, before=before, limit=limit)
    return [kit.jsonable(entry) for entry in found]


@router.get("/audit/verify", responses=kit.answers(Verification))
def verify(ctx: kit.Ctx) -> Any:
    """Prove the whole trail anew."""
    return kit.jsonable(trail.verify(ctx))


@router.get(
    "/audit/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}},
)
def export(
    ctx: kit.Ctx,
    person: str = "",
    verb: str = "",
    subject: str = "",
    start: AwareDatetime | None = None,
    end: AwareDatetime | None = None,
) -> StreamingResponse:
    """The trail, or a part of it, as JSON Lines: each entry with its proof, sealed at the end.

    `/api/v1/audit/verifier.py` is the program that checks it anywhere, without Handrail.
    """
    lines = trail.export(ctx, Chosen(person, verb, subject, start, end))
    headers = {"Content-Disposition": 'attachment; filename="trail.jsonl"'}
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)


@router.get("/audit/checkpoint", response_class=PlainTextResponse)
def checkpoint(ctx: kit.Ctx) -> str:
    """The newest signed checkpoint (C2SP tlog-checkpoint)."""
    return trail.checkpoint(ctx)


@router.get("/audit/key", response_class=PlainTextResponse)
def audit_key(ctx: kit.Ctx) -> str:
    """The public key of the trail, as name+hash+key."""
    return ctx.instance.log.verifier_key


class Kept(BaseModel):
    """A checkpoint that somebody kept, as it was given out, or its size."""

    model_config = ConfigDict(extra="forbid")
    checkpoint: str = Field(max_length=4000)


@router.post("/audit/consistency")
def consistency(ctx: kit.Ctx, kept: Kept) -> Any:
    """The proof that the log of an older checkpoint is the beginning of today's."""
    return trail.consistency(ctx, kept.checkpoint)


@router.get("/audit/verifier.py", response_class=PlainTextResponse)
def verifier(_: kit.Ctx) -> str:
    """The program of one file that verifies exports and consistency proofs without Handrail."""
    return trail.verifier()


@router.get("/audit/{seq}/proof", responses=kit.answers(Proof))
def proof(ctx: kit.Ctx, seq: kit.number) -> Any:
    """The inclusion proof of one entry."""
    return kit.jsonable(trail.prove(ctx, seq))
