"""Pages of connectors: what there is, what apps call by one, and the first writes that wait for a yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.connectors.approve import approval, approve_write, refuse_write
from handrail.connectors.find import (
    ALL,
    approval_resource,
    approvals,
    connector,
    connectors,
    unreadable,
    uses,
    waiting,
)
from handrail.connectors.load import template
from handrail.connectors.save import definition, save_connector
from handrail.kernel import Context, access

router = kit.pages("/connectors")
kit.templates_from("handrail.connectors")
kit.nav(
    "Connectors",
    "/connectors",
    "plug",
    order=46,
    roles=("maker", "reviewer", "steward", "support", "compliance", "lead", "admin"),
)


@router.get("", response_class=HTMLResponse)
def connectors_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """All of them, and those that cannot be read."""
    return kit.render(
        request,
        "connectors/connectors.html",
        found=connectors(ctx),
        broken=unreadable(ctx),
        waiting=waiting(ctx),
        may_define=access.decide(ctx, "save-connector", ALL).allowed,
        beginning=template("crm", "crm.example.com", ctx.caller.person.id),
    )


@router.post("")
def new_form(
    ctx: kit.Ctx, request: Request, name: Annotated[str, Form()] = "", content: Annotated[str, Form()] = ""
) -> Response:
    """The dialog for a new one."""
    made = save_connector(ctx, name.strip(), content.replace("\r\n", "\n").encode())
    return kit.back(request, f"/connectors/{made.name}", toast=f"{made.name} is defined.")


@router.get("/{name}", response_class=HTMLResponse)
def connector_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """One connector."""
    one = connector(ctx, name)
    sees = access.decide(ctx, "see-calls", one.connector.resource).allowed
    may_define = access.decide(ctx, "save-connector", one.connector.resource).allowed
    return kit.render(
        request,
        "connectors/connector.html",
        one=one,
        of=one.connector,
        texts={call.pattern.key: str(call.pattern) for call in one.connector.calls},
        panels=kit.panels(ctx, request, "connector", one.connector),
        sees=sees,
        uses=uses(ctx, name) if sees else (),
        approvals=approvals(ctx, name) if sees else (),
        text=definition(ctx, name) if may_define else "",
        may_define=may_define,
        records=access.decide(ctx, "record-connector", one.connector.resource).allowed,
    )


@router.post("/{name}")
def save_form(ctx: kit.Ctx, request: Request, name: str, content: Annotated[str, Form()] = "") -> Response:
    """The dialog that changes a definition."""
    save_connector(ctx, name, content.replace("\r\n", "\n").encode())
    return kit.back(request, f"/connectors/{name}", toast=f"{name} is defined.")


@router.get("/{name}/approvals/{write}", response_class=HTMLResponse)
def approval_page(ctx: kit.Ctx, request: Request, name: str, write: str) -> HTMLResponse:
    """What a first write would send, and the two answers."""
    one = approval(ctx, name, write)
    decision = access.decide(ctx, "decide-call", approval_resource(ctx, one))
    return kit.render(request, "connectors/approval.html", one=one, decision=decision)


@router.post("/{name}/approvals/{write}/approve")
def approve_form(
    ctx: kit.Ctx, request: Request, name: str, write: str, reason: Annotated[str, Form()] = ""
) -> Response:
    """Yes."""
    one = approve_write(ctx, name, write, reason)
    return kit.back(request, one.page, toast=f"{one.app} may write by this call.")


@router.post("/{name}/approvals/{write}/refuse")
def refuse_form(
    ctx: kit.Ctx, request: Request, name: str, write: str, reason: Annotated[str, Form()] = ""
) -> Response:
    """No."""
    one = refuse_write(ctx, name, write, reason)
    return kit.back(request, one.page, toast=f"Refused; {one.by} sees why.")


@kit.panel("home", "Writes that wait for your yes", order=6)
def waiting_panel(ctx: Context, _subject: object) -> tuple[str, Mapping[str, Any]] | None:
    """On the home page of whoever answers for another system."""
    if not access.decide(ctx, "see-connectors", ALL).allowed:
        return None
    found = waiting(ctx)
    return ("connectors/waiting.html", {"waiting": found}) if found else None
