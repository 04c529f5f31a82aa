"""REST for apps: push, look, run, promote, share, open; the same verbs as everywhere."""

from typing import Annotated, Any

from fastapi import File, Form, UploadFile
from pydantic import Base64Bytes, BaseModel, Field

from handrail import kit
from handrail.apps import find, spoken
from handrail.apps.answers import unzipped, version_answer
from handrail.apps.ask import ask
from handrail.apps.models import App, Gate, Promotion, Prompt, SharePreview
from handrail.apps.own import add_coowner, hand_over
from handrail.apps.promote import gates as gates_now
from handrail.apps.promote import promote, rollback
from handrail.apps.push import limits, push
from handrail.apps.run import open as open_as_me
from handrail.apps.run import run
from handrail.apps.share import share, share_preview, unshare
from handrail.kernel import Environment
from handrail.runtime import Given

router = kit.rest("/api/v1/apps", "apps")


class Which(BaseModel):
    """Which version; the newest, without a commit."""

    model_config = {"extra": "forbid"}
    commit: str | None = None


class FileGiven(BaseModel):
    """A file for a run: how it is called, and its content as Base64."""

    model_config = {"extra": "forbid"}
    file: str = Field(max_length=200)
    content: Base64Bytes


Files = dict[str, FileGiven]


class Opened(BaseModel):
    """The files that the app asks for, by the names of its manifest."""

    model_config = {"extra": "forbid"}
    inputs: Files = {}


class RunWanted(Which):
    """What to run, where, on which files, and in the sandbox on which twin: see `handrail run --twin`."""

    environment: Environment = "sandbox"
    twin: str = Field(default="", max_length=100)
    inputs: Files = {}


class Sharing(BaseModel):
    """Whom to share with."""

    model_config = {"extra": "forbid"}
    groups: list[str] = Field(default=[], max_length=100)
    people: list[str] = Field(default=[], max_length=100)


class CoOwner(BaseModel):
    """Who is to answer for the app."""

    model_config = {"extra": "forbid"}
    person: str


def app_answer(app: App) -> dict[str, Any]:
    """An app as JSON."""
    answer: dict[str, Any] = kit.jsonable(app)
    return answer


@router.post("", status_code=201)
def push_zip(
    ctx: kit.Ctx,
    app: Annotated[UploadFile, File(description="The app's folder as a zip")],
    why: Annotated[str, Form(description="Why this version exists; a push needs one")] = "",
    prompts: Annotated[
        str, Form(description="What was said to the assistant: text, JSON or JSON lines")
    ] = "",
) -> dict[str, Any]:
    """Keep a new version; the first one makes you the app's owner."""
    return version_answer(push(ctx, unzipped(app, limits(ctx)), why, prompts))


@router.get("", responses=kit.answers(list[App]))
def apps(ctx: kit.Ctx) -> list[dict[str, Any]]:
    """Every app that concerns you."""
    return [app_answer(app) for app in find.apps(ctx)]


@router.get("/{name}", responses=kit.answers(App))
def app(ctx: kit.Ctx, name: str) -> dict[str, Any]:
    """One app."""
    return app_answer(find.app(ctx, name))


@router.get("/{name}/versions")
def versions(ctx: kit.Ctx, name: str) -> list[dict[str, Any]]:
    """All versions with their why, newest first."""
    return [version_answer(version) for version in find.versions(ctx, name)]


@router.get("/{name}/prompts", responses=kit.answers(list[Prompt]))
def prompts(ctx: kit.Ctx, name: str, commit: str | None = None) -> list[Any]:
    """What was said while a version was made, for those who may see it."""
    return [kit.jsonable(prompt) for prompt in spoken.prompts(ctx, name, commit)]


@router.get("/{name}/gates", responses=kit.answers(list[Gate]))
def gates(ctx: kit.Ctx, name: str, commit: str | None = None) -> list[Any]:
    """What stands between a version and production."""
    return [kit.jsonable(gate) for gate in gates_now(ctx, name, commit)]


@router.post("/{name}/run", status_code=202)
def start_run(ctx: kit.Ctx, name: str, wanted: RunWanted) -> dict[str, Any]:
    """Start a version; ask for the run afterwards."""
    files = _given(wanted.inputs)
    answer: dict[str, Any] = kit.jsonable(
        run(ctx, name, wanted.commit, wanted.environment, wanted.twin, files)
    )
    return answer


@router.post("/{name}/open", status_code=202)
def open_app(ctx: kit.Ctx, name: str, wanted: Opened | None = None) -> dict[str, Any]:
    """Start the promoted version on certified data, as you."""
    files = _given(wanted.inputs) if wanted else {}
    answer: dict[str, Any] = kit.jsonable(open_as_me(ctx, name, files))
    return answer


def _given(files: Files) -> dict[str, Given]:
    return {name: Given(one.file, one.content) for name, one in files.items()}


@router.post("/{name}/ask", status_code=202)
def ask_for_review(ctx: kit.Ctx, name: str, which: Which) -> dict[str, Any]:
    """Put a version before a reviewer."""
    ask(ctx, name, which.commit)
    return {"app": name, "asked": True}


@router.post("/{name}/promote", responses=kit.answers(Promotion))
def promote_version(ctx: kit.Ctx, name: str, which: Which) -> dict[str, Any]:
    """Put a version into production, through every gate."""
    answer: dict[str, Any] = kit.jsonable(promote(ctx, name, which.commit))
    return answer


@router.post("/{name}/rollback", responses=kit.answers(Promotion))
def roll_back(ctx: kit.Ctx, name: str) -> dict[str, Any]:
    """Put the version before this one back into production, by the same gates."""
    answer: dict[str, Any] = kit.jsonable(rollback(ctx, name))
    return answer


@router.post("/{name}/share", responses=kit.answers(App))
def share_app(ctx: kit.Ctx, name: str, sharing: Sharing) -> dict[str, Any]:
    """Let more people open it."""
    return app_answer(share(ctx, name, sharing.groups, sharing.people))


@router.post("/{name}/share/preview", responses=kit.answers(SharePreview))
def preview_share(ctx: kit.Ctx, name: str, sharing: Sharing) -> dict[str, Any]:
    """What sharing would change, before it is done."""
    answer: dict[str, Any] = kit.jsonable(share_preview(ctx, name, sharing.groups, sharing.people))
    return answer


@router.post("/{name}/unshare", responses=kit.answers(App))
def unshare_app(ctx: kit.Ctx, name: str, sharing: Sharing) -> dict[str, Any]:
    """Take it back."""
    return app_answer(unshare(ctx, name, sharing.groups, sharing.people))


@router.post("/{name}/owner", responses=kit.answers(App))
def change_owner(ctx: kit.Ctx, name: str, wanted: CoOwner) -> dict[str, Any]:
    """Hand it over to somebody else."""
    return app_answer(hand_over(ctx, name, wanted.person))


@router.post("/{name}/coowners", status_code=201)
def add_owner(ctx: kit.Ctx, name: str, wanted: CoOwner) -> dict[str, Any]:
    """Let somebody answer for it beside you."""
    return app_answer(add_coowner(ctx, name, wanted.person))
