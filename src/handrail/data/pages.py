"""The data pages: the catalog, one dataset, its contract's form, and importing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from handrail import kit
from handrail.data import catalog_store, forms, odcs, spoken
from handrail.data.browse import Wanted, browse, unreadable
from handrail.data.catalog import dataset, purposes
from handrail.data.certify import before, certify, revoke, timeline
from handrail.data.doubts import doubts
from handrail.data.import_source import import_source
from handrail.data.models import Contract, Dataset
from handrail.data.promise_changes import write_age
from handrail.data.promises import Result
from handrail.data.propose import propose
from handrail.data.renew import renew
from handrail.data.rules import KINDS, write_rule
from handrail.data.sample import sample
from handrail.data.see_as import preview
from handrail.data.touched import compared, contract_changes
from handrail.data.try_promises import try_promises
from handrail.data.upload import import_upload
from handrail.kernel import Context, Resource, access, definitions

router = kit.pages()
kit.templates_from("handrail.data")
kit.nav("Data", "/datasets", "database", order=20)


async def _sent(request: Request) -> FormData:
    """A form with as many fields as the widest table has columns."""
    return await request.form(max_fields=20_000)


Sent = Annotated[FormData, Depends(_sent)]


@router.get("/catalog")
def catalog_address() -> RedirectResponse:
    """The catalog's other name."""
    return RedirectResponse("/datasets", status_code=308)


@router.get("/datasets", response_class=HTMLResponse)
def catalog_page(
    ctx: kit.Ctx, request: Request, wanted: Annotated[Wanted, Depends()], page: int = 1
) -> HTMLResponse:
    """Every dataset, found by words and narrowed by facets, a page at a time."""
    return kit.render(
        request,
        "data/catalog.html",
        found=browse(ctx, wanted, page),
        wanted=wanted,
        broken=unreadable(ctx),
        may_import=access.decide(ctx, "import", Resource("Source", "new")).allowed,
    )


@router.get("/datasets/{name}", response_class=HTMLResponse)
def dataset_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """One dataset: its contract in words, its columns, its certification, its twin, its file."""
    one = dataset(ctx, name)
    proposals, certifications = timeline(ctx, name)
    proposed_by = one.renewal.by if one.renewal else one.proposed_by
    subject = Resource("Dataset", name, {"proposed_by": proposed_by or ""})
    may = {
        action: access.decide(ctx, action, subject)
        for action in ("propose", "certify", "revoke", "see-use", "see-as")
    }
    content = definitions.read(ctx, odcs.path_of(name)) or b""
    rows = sample(ctx, name)
    open_question = one.state in ("draft", "proposed", "edited") and may["propose"].allowed
    since, earlier = before(ctx, name)
    return kit.render(
        request,
        "data/dataset.html",
        dataset=one,
        spoken=spoken,
        meanings=purposes(ctx),
        events=forms.events(proposals, certifications),
        may=may,
        yaml=content.decode(),
        since=since,
        change=kit.diff(earlier, content, odcs.path_of(name)),
        comparison=contract_changes(ctx, name) if may["see-use"].allowed else None,
        doubts=doubts(ctx, one.contract) if open_question else (),
        quality=catalog_store.qualities(ctx, [name]).get(name, ""),
        age=write_age,
        sample=rows,
        sample_rows=forms.shown_rows(rows) if rows is not None else [],
        panels=kit.panels(ctx, request, "dataset", one),
    )


@router.get("/datasets/{name}/certify", response_class=HTMLResponse)
def contract_form(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """The form in which a steward completes a contract and proposes it."""
    access.require(ctx, "propose", Resource("Dataset", name))
    one = dataset(ctx, name)
    return _contract_form(ctx, request, one, one.contract)


@router.post("/datasets/{name}/try", response_class=HTMLResponse)
def try_form(ctx: kit.Ctx, request: Request, name: str, sent: Sent) -> HTMLResponse:
    """The form again as it was sent, with what would come of its promises on the data now."""
    one = dataset(ctx, name)
    wanted, tried = try_promises(ctx, name, forms.changes(sent, one.contract))
    return _contract_form(ctx, request, one, wanted, tried)


def _contract_form(
    ctx: Context, request: Request, one: Dataset, contract: Contract, tried: tuple[Result, ...] | None = None
) -> HTMLResponse:
    changed = tried is not None and contract != one.contract
    return kit.render(
        request,
        "data/certify.html",
        dataset=one,
        contract=contract,
        tried=tried,
        comparison=compared(ctx, one.contract, contract) if changed else None,
        meanings=purposes(ctx),
        rules=[write_rule(rule) for rule in contract.quality],
        kinds=KINDS,
        age=write_age,
    )


@router.post("/datasets/{name}/propose")
def propose_form(ctx: kit.Ctx, request: Request, name: str, sent: Sent) -> Response:
    """Write what the form says into the contract and propose it."""
    made = propose(ctx, name, forms.changes(sent, dataset(ctx, name).contract))
    said = "Another steward can certify it now." if not made.missing else "It still lacks something."
    return kit.back(request, f"/datasets/{name}", toast=f"{name} is proposed. {said}")


@router.post("/datasets/{name}/certify")
def certify_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Certify what another steward proposed."""
    made = certify(ctx, name)
    return kit.back(request, f"/datasets/{name}", toast=f"{name} is certified until {made.certified_until}.")


@router.get("/datasets/{name}/see-as", response_class=HTMLResponse)
def see_as_page(
    ctx: kit.Ctx, request: Request, name: str, person: str = "", purpose: str = ""
) -> HTMLResponse:
    """What a person would see of a dataset, told to a steward without a row of it."""
    access.require(ctx, "see-as", Resource("Dataset", name))
    return kit.render(
        request,
        "data/see_as.html",
        dataset=dataset(ctx, name),
        person=person.strip(),
        purpose=purpose,
        purposes=list(purposes(ctx)),
        preview=preview(ctx, name, person.strip(), purpose or None) if person.strip() else None,
    )


@router.post("/datasets/{name}/renew")
def renew_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Ask that the contract be certified for another year as it is."""
    made = renew(ctx, name)
    until = made.renewal.until if made.renewal else made.certified_until
    said = f"{name} waits for another steward to certify it until {until}."
    return kit.back(request, f"/datasets/{name}", toast=said)


@router.post("/datasets/{name}/revoke")
def revoke_form(ctx: kit.Ctx, request: Request, name: str, reason: Annotated[str, Form()] = "") -> Response:
    """End a certification."""
    revoke(ctx, name, reason)
    return kit.back(request, f"/datasets/{name}", toast=f"The certification of {name} is revoked.")


@router.get("/import", response_class=HTMLResponse)
def import_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The form in which a steward brings data in."""
    access.require(ctx, "import", Resource("Source", "new"))
    return kit.render(request, "data/import.html", folder=ctx.settings.data.import_from)


@router.post("/import", response_class=HTMLResponse)
def import_form(
    ctx: kit.Ctx,
    request: Request,
    location: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    encoding: Annotated[str, Form()] = "",
    files: Annotated[list[UploadFile] | None, Depends(forms.uploads)] = None,
) -> HTMLResponse:
    """Import what was sent or named, and say what came in."""
    options: dict[str, Any] = {"name": name.strip() or None, "encoding": encoding or None}
    if location.strip():
        report = import_source(ctx, location.strip(), **options)
    else:
        sent = [(file.filename or "", file.file) for file in files or () if file.filename]
        report = import_upload(ctx, sent, **options)
    return kit.render(request, "data/imported.html", report=report)
