"""People for admins: who has an account, with which roles, groups and attributes, and a way in for each."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response

from handrail import kit
from handrail.faces.answering import answers_for
from handrail.kernel import ROLES, Context, Invalid, Person, Resource, access, identity

router = kit.pages()
kit.templates_from("handrail.faces.web")
kit.nav("People", "/people", "users", order=90, roles=("admin",))

Line = Annotated[str, Form(max_length=500)]
Roles = Annotated[list[str], Form()]
_PEOPLE = Resource("Instance", "people")


@router.get("/people", response_class=HTMLResponse)
def people_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Everybody, and a form for one more."""
    access.require(ctx, "manage-people", _PEOPLE)
    return kit.render(request, "web/people.html", people=identity.people(ctx), roles=ROLES)


@router.post("/people")
def add(
    ctx: kit.Ctx,
    request: Request,
    id: Line = "",
    name: Line = "",
    email: Line = "",
    roles: Roles = [],  # noqa: B006 - FastAPI copies it
    groups: Line = "",
    attributes: Line = "",
) -> Response:
    """Add somebody."""
    person = _person(id.strip(), name, email, roles, groups, attributes, active=True)
    identity.add_person(ctx, person)
    return kit.back(request, f"/people/{person.id}", toast=f"{person.name} has an account.")


@router.get("/people/{person_id}", response_class=HTMLResponse)
def person_page(ctx: kit.Ctx, request: Request, person_id: str) -> HTMLResponse:
    """One account."""
    access.require(ctx, "manage-people", _PEOPLE)
    return _person_page(ctx, request, person_id)


@router.post("/people/{person_id}")
def change(
    ctx: kit.Ctx,
    request: Request,
    person_id: str,
    name: Line = "",
    email: Line = "",
    roles: Roles = [],  # noqa: B006
    groups: Line = "",
    attributes: Line = "",
    active: Line = "",
) -> Response:
    """Change an account."""
    person = _person(person_id, name, email, roles, groups, attributes, active=bool(active))
    identity.change_person(ctx, person)
    return kit.back(request, f"/people/{person_id}", toast="The account is changed.")


@router.post("/people/{person_id}/link", response_class=HTMLResponse)
def issue_link(ctx: kit.Ctx, request: Request, person_id: str) -> HTMLResponse:
    """Make a one-time sign-in link and show it this once."""
    token = identity.issue_link(ctx, person_id)
    base = ctx.settings.server.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    return _person_page(ctx, request, person_id, f"{base}/sign-in/link?token={token}")


def _person_page(
    ctx: Context, request: Request, person_id: str, link_address: str | None = None
) -> HTMLResponse:
    return kit.render(
        request,
        "web/person.html",
        person=identity.found(ctx, person_id),
        roles=ROLES,
        answering=answers_for(ctx, person_id),
        link_address=link_address,
    )


def _person(
    person_id: str, name: str, email: str, roles: list[str], groups: str, attributes: str, *, active: bool
) -> Person:
    if not name.strip():
        raise Invalid("The account has no name.", next_step="Give the name that colleagues know.")
    split = frozenset(group.strip() for group in groups.split(",") if group.strip())
    return Person(
        person_id, name.strip(), email.strip(), frozenset(roles), split, _attributes(attributes), active
    )


def _attributes(text: str) -> Mapping[str, str | tuple[str, ...]]:
    """`region = EMEA` on a line of its own each; several values are separated by commas."""
    read: dict[str, str | tuple[str, ...]] = {}
    for line in filter(str.strip, text.splitlines()):
        key, equals, value = line.partition("=")
        values = tuple(part.strip() for part in value.split(",") if part.strip())
        if not equals or not key.strip() or not values:
            raise Invalid(f"{line.strip()!r} is not an attribute.", next_step="Write: region = EMEA")
        read[key.strip()] = values[0] if len(values) == 1 else values
    return read
