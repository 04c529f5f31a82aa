"""Home: what each role has to do next, put together from the panels that the rooms register for it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from handrail import kit

router = APIRouter(include_in_schema=False)
kit.templates_from("handrail.faces.web")
kit.nav("Home", "/", "house", order=0)

ROLE_LEADS = {
    "maker": "You build apps. The twin answers in the sandbox; the steps below lead to production.",
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
