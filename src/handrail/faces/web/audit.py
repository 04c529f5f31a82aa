"""The trail in the browser: who did what, the proof of one entry, and the whole trail verified anew."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.kernel import Context, Resource, access, identity, trail

router = kit.pages()
kit.templates_from("handrail.faces.web")
kit.nav("Trail", "/audit", "scroll-text", order=80)

PAGE = 50
Filter = Annotated[str, Query(max_length=200)]


@router.get("/audit", response_class=HTMLResponse)
def audit_page(
    ctx: kit.Ctx,
    request: Request,
    person: Filter = "",
    verb: Filter = "",
    subject: Filter = "",
    before: Annotated[int | None, Query(ge=0, le=1 << 53)] = None,
) -> HTMLResponse:
    """The newest entries first; those who may not see the whole trail see their own."""
    whole = _sees_all(ctx)
    person = person.strip() if whole else ctx.caller.person.id
    found = trail.entries(
        ctx, person=person, verb=verb.strip(), subject=subject.strip(), before=before, limit=PAGE + 1
    )
    return kit.render(
        request,
        "web/audit.html",
        entries=found[:PAGE],
        older=found[PAGE - 1].seq if len(found) > PAGE else None,
        filters={"person": person if whole else "", "verb": verb, "subject": subject},
        before=before,
        whole=whole,
        people=[one.id for one in identity.people(ctx)] if whole else [],
    )


@router.get("/audit/{seq}", response_class=HTMLResponse)
def entry_page(ctx: kit.Ctx, request: Request, seq: kit.number) -> HTMLResponse:
    """One entry with the proof that it is in the signed log."""
    return kit.render(
        request, "web/audit_entry.html", proof=trail.prove(ctx, seq), key=ctx.instance.log.verifier_key
    )


@router.post("/audit/verify", response_class=HTMLResponse)
def verify(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Recompute the whole trail and say what was found."""
    return kit.render(request, "web/audit_verified.html", found=trail.verify(ctx), at=ctx.clock.now())


def _sees_all(ctx: Context) -> bool:
    return access.decide(ctx, "see-trail", Resource("Instance", "trail")).allowed
