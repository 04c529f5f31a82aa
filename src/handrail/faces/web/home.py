"""Home: what each role has to do next, put together from the panels that the rooms register for it."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.kernel import ROLES, Context, identity, trail

router = kit.pages()
kit.templates_from("handrail.faces.web")
kit.nav("Home", "/", "house", order=0)

ROLE_LEADS = {
    "maker": "You build apps. The twin answers in the sandbox; each app's page shows its way to production.",
    "reviewer": "You take a short, real look at what makers built before it reaches production.",
    "steward": "You say what the data means, who may use it for what, and for how long that holds.",
    "support": "You answer when something breaks, with its history at hand.",
    "compliance": "You see everything that was asked and answered, and can prove it.",
    "lead": "You see what is built, what it is worth, and where it waits.",
    "admin": "You look after people, their roles and this instance.",
}


@router.get("/", response_class=HTMLResponse)
def home_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The start for whoever is signed in."""
    person = ctx.caller.person
    leads = [ROLE_LEADS[role] for role in ROLE_LEADS if role in person.roles]
    lead = (
        leads[0] if leads else "You use the apps that are shared with you, on the data that is yours to see."
    )
    return kit.render(request, "web/home.html", lead=lead, panels=kit.panels(ctx, request, "home"))


@kit.panel("home", "Refused lately", order=15, roles=("compliance", "admin", "support"))
def refused(ctx: Context, _: object) -> tuple[str, dict[str, Any]]:
    """The newest refusals: where people or apps ran into a rule."""
    return "web/panel_refused.html", {"entries": trail.entries(ctx, verb="request.refused", limit=6)}


@kit.panel("home", "People", order=60, roles=("admin",))
def accounts(ctx: Context, _: object) -> tuple[str, dict[str, Any]]:
    """How many accounts there are, and with which roles."""
    people = identity.people(ctx)
    counted = {role: sum(role in person.roles for person in people if person.active) for role in ROLES}
    return "web/panel_people.html", {"people": people, "counted": counted}
