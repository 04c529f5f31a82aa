"""Forms of the apps room: bring an app, run, ask, promote, roll back, share; each leads back to a page."""

from typing import Annotated, Literal

from fastapi import File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from handrail import data, kit
from handrail.apps import find, unpack
from handrail.apps.again import again
from handrail.apps.answers import unzipped
from handrail.apps.ask import ask
from handrail.apps.files_given import Files
from handrail.apps.new import starter
from handrail.apps.own import add_coowner, hand_over
from handrail.apps.promote import promote, rollback
from handrail.apps.push import limits, push
from handrail.apps.run import run
from handrail.apps.share import share, share_preview, unshare
from handrail.kernel import Context, Invalid
from handrail.kernel.manifest import FILENAME

router = kit.pages()
Why = Annotated[str, Form()]
Names = Annotated[list[str], Form()]
Commit = Annotated[str, Form()]


@router.get("/apps/new", response_class=HTMLResponse)
def new_page(ctx: kit.Ctx, request: Request, way: Literal["zip", "folder", "paste"] = "zip") -> HTMLResponse:
    """Three ways to bring an app: a zip, a folder, pasted code."""
    purposes = sorted(data.purposes(ctx))
    first = starter("my-report", purposes[0] if purposes else "sales-reporting")
    most = limits(ctx)
    return kit.render(
        request,
        "apps/new.html",
        way=way,
        purposes=purposes,
        manifest=first[FILENAME].decode(),
        code=first["app.py"].decode(),
        max_mb=most.size // 1024**2,
        max_files=most.files,
    )


@router.post("/apps/new/zip")
def push_zip(
    ctx: kit.Ctx, request: Request, file: Annotated[UploadFile, File()], why: Why = "", prompts: Why = ""
) -> Response:
    """Keep a version from a zip."""
    return _keep(ctx, request, unzipped(file, limits(ctx)), why, prompts)


@router.post("/apps/new/folder")
def push_folder(
    ctx: kit.Ctx,
    request: Request,
    files: Annotated[list[UploadFile], File()],
    why: Why = "",
    prompts: Why = "",
) -> Response:
    """Keep a version from a folder that the browser sends file by file."""
    parts = ((file.filename or "", file.file) for file in files)
    return _keep(ctx, request, unpack.uploaded(parts, limits(ctx)), why, prompts)


@router.post("/apps/new/paste")
def push_paste(
    ctx: kit.Ctx, request: Request, manifest: Why = "", code: Why = "", why: Why = "", prompts: Why = ""
) -> Response:
    """Keep a version from pasted text."""
    texts = {FILENAME: manifest, "app.py": code}
    files = {path: text.replace("\r\n", "\n").encode() for path, text in texts.items()}
    return _keep(ctx, request, files, why, prompts)


@router.post("/apps/{name}/run")
def run_form(
    ctx: kit.Ctx,
    request: Request,
    name: str,
    files: Files,
    commit: Commit = "",
    twin: Annotated[str, Form()] = "",
) -> Response:
    """Run a version in the sandbox, on a variant of the twins or an earlier build, and go to the run."""
    started = run(ctx, name, commit or None, twin=twin, inputs=files)
    return kit.back(request, f"/runs/{started.id}", toast=f"{name} runs in the sandbox.")


@router.post("/runs/{run_id}/again")
def again_form(ctx: kit.Ctx, request: Request, run_id: str) -> Response:
    """Run something again, and go to the new run."""
    started = again(ctx, run_id)
    return kit.back(request, f"/runs/{started.id}", toast=f"{started.app} runs again.")


@router.post("/apps/{name}/ask")
def ask_form(ctx: kit.Ctx, request: Request, name: str, commit: Commit = "") -> Response:
    """Put a version before a reviewer."""
    ask(ctx, name, commit or None)
    return kit.back(request, f"/apps/{name}", toast="A reviewer was asked.")


@router.post("/apps/{name}/promote")
def promote_form(ctx: kit.Ctx, request: Request, name: str, commit: Commit = "") -> Response:
    """Put a version into production."""
    done = promote(ctx, name, commit or None)
    return kit.back(request, f"/apps/{name}", toast=f"Version {done.n} is in production.")


@router.post("/apps/{name}/rollback")
def rollback_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Put the version before back into production."""
    done = rollback(ctx, name)
    return kit.back(request, f"/apps/{name}", toast=f"Version {done.n} is in production again.")


@router.post("/apps/{name}/share")
def share_form(
    ctx: kit.Ctx,
    request: Request,
    name: str,
    groups: Names = [],  # noqa: B006 - FastAPI copies it
    people: Names = [],  # noqa: B006
    agreed: Why = "",
) -> Response:
    """Say what sharing costs; with `agreed`, share."""
    if agreed:
        share(ctx, name, groups, people)
        return kit.back(request, f"/apps/{name}#app-share", toast=f"{name} is shared.")
    preview = share_preview(ctx, name, groups, people)
    app = find.app(ctx, name)
    return kit.render(request, "apps/share.html", app=app, preview=preview, groups=groups, people=people)


@router.post("/apps/{name}/unshare")
def unshare_form(
    ctx: kit.Ctx,
    request: Request,
    name: str,
    groups: Names = [],  # noqa: B006
    people: Names = [],  # noqa: B006
) -> Response:
    """Take it back."""
    unshare(ctx, name, groups, people)
    return kit.back(request, f"/apps/{name}#app-share", toast="Taken back.")


@router.post("/apps/{name}/coowners")
def coowner_form(ctx: kit.Ctx, request: Request, name: str, person: Why = "") -> Response:
    """Let somebody answer for it too."""
    add_coowner(ctx, name, person)
    return kit.back(request, f"/apps/{name}", toast=f"{person} answers for {name} too.")


@router.post("/apps/{name}/owner")
def owner_form(ctx: kit.Ctx, request: Request, name: str, person: Why = "") -> Response:
    """Hand it over to somebody else."""
    hand_over(ctx, name, person)
    return kit.back(request, f"/apps/{name}", toast=f"{person} owns {name} now.")


def _keep(ctx: Context, request: Request, files: dict[str, bytes], why: str, prompts: str) -> Response:
    if not files:
        raise Invalid("No file came.", next_step="Choose a zip or a folder with handrail.toml in it.")
    version = push(ctx, files, why, prompts)
    taken = sum(version.redacted.values())
    more = f" {taken} secrets or identifiers were taken out of the prompts." if taken else ""
    return kit.back(
        request, f"/apps/{version.app}", toast=f"{version.app} version {version.n} is kept.{more}"
    )
