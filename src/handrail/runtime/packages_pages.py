"""The page of packages: what apps may use, what makers ask for, and what admins say."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.kernel import Context, Resource, access
from handrail.kernel.manifest import LAYERS
from handrail.runtime.decide_package import grant_package, package_requests, refuse_package
from handrail.runtime.layer import packages
from handrail.runtime.packages_known import approved_packages
from handrail.runtime.request_package import request_package

router = kit.pages("/packages")
kit.templates_from("handrail.runtime")
kit.nav(
    "Packages",
    "/packages",
    "package",
    order=45,
    roles=("maker", "reviewer", "compliance", "support", "admin"),
)


@router.get("", response_class=HTMLResponse)
def packages_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Requests first, then what there is."""
    somebodys = Resource("Package", "all", {"requested_by": ""})
    found, layers = package_requests(ctx), {name: packages(name) for name in LAYERS}
    known = {name for layer in layers.values() for name in layer}
    return kit.render(
        request,
        "runtime/packages.html",
        requests=found,
        decides={one.id for one in found if access.decide(ctx, "decide-package", one.resource).allowed},
        may_ask=access.decide(ctx, "request-package", somebodys).allowed,
        admin=access.decide(ctx, "decide-package", somebodys).allowed,
        layers=layers,
        added={name: versions for name, versions in approved_packages(ctx).items() if name not in known},
    )


@kit.panel("home", "Packages that makers ask for", order=40, roles=("admin",))
def waiting_panel(ctx: Context, _subject: object) -> tuple[str, Mapping[str, Any]] | None:
    """On an admin's home page, while somebody waits for an answer."""
    waiting = [one for one in package_requests(ctx) if one.state == "waiting"]
    return ("runtime/packages_waiting.html", {"waiting": waiting}) if waiting else None


@router.post("/request")
def request_form(
    ctx: kit.Ctx,
    request: Request,
    name: Annotated[str, Form()] = "",
    versions: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Response:
    """Ask for a package."""
    asked = request_package(ctx, name, why, versions)
    return kit.back(request, "/packages", toast=f"An admin will look at {asked.name}.")


@router.post("/{name}/grant")
def grant_form(ctx: kit.Ctx, request: Request, name: str, versions: Annotated[str, Form()] = "") -> Response:
    """The grant dialog."""
    granted = grant_package(ctx, name, versions)
    return kit.back(request, "/packages", toast=f"Apps may use {granted.name}.")


@router.post("/{name}/refuse")
def refuse_form(ctx: kit.Ctx, request: Request, name: str, reason: Annotated[str, Form()] = "") -> Response:
    """The refuse dialog."""
    refused = refuse_package(ctx, name, reason)
    return kit.back(request, "/packages", toast=f"Refused; {refused.by} sees why.")
