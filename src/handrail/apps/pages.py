"""Pages of the apps room: the list, an app, one version, and what was said for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from handrail import data, kit, runtime
from handrail.apps import find, panels, schedule_pages
from handrail.apps.files_given import Files
from handrail.apps.models import App, Gate, Version
from handrail.apps.promote import gates, tier
from handrail.apps.run import open as open_app
from handrail.apps.spoken import prompts
from handrail.kernel import Context, NotFound, access, identity

router = kit.pages()
kit.templates_from("handrail.apps")
kit.nav("Apps", "/apps", "layout-grid", order=10)

SECTIONS = (
    ("way", "Way to production"),
    ("versions", "Versions"),
    ("runs", "Runs"),
    ("schedule", "Schedule"),
    ("share", "Sharing"),
    ("code", "Code"),
    ("prompts", "Prompts"),
)


LONGEST_SHOWN = 100_000  # bytes of a file on the page
LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".json": "json",
    ".sql": "sql",
    ".html": "html",
    ".js": "javascript",
}
PANELS = (panels.yours, panels.to_open, panels.readers)  # registered by being imported


@dataclass(frozen=True)
class May:
    """What the caller may do here, so that a page offers nothing that would be refused."""

    run: bool
    open: bool
    promote: bool
    share: bool
    code: bool
    prompts: bool
    hand_over: bool
    schedule: bool

    @classmethod
    def of(cls, ctx: Context, app: App) -> "May":
        """Ask the rules."""
        actions = ("run-sandbox", "open", "promote", "share", "clone", "see-prompts", "hand-over", "schedule")
        return cls(*(access.decide(ctx, action, app.resource).allowed for action in actions))


@router.get("/apps", response_class=HTMLResponse)
def apps_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Every app that concerns the caller: theirs, shared with them, and by their role."""
    me = ctx.caller.person
    every = find.apps(ctx)
    mine = [app for app in every if me.id in (app.owner, *app.coowners)]
    shared = [
        app for app in every if app not in mine and (me.id in app.people or me.groups & set(app.groups))
    ]
    others = [app for app in every if app not in mine and app not in shared]
    maker = "maker" in me.roles
    return kit.render(request, "apps/apps.html", mine=mine, shared=shared, others=others, is_maker=maker)


@router.get("/apps/{name}", response_class=HTMLResponse)
def app_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """One app: its way to production, versions, runs, sharing, code and prompts, as far as the caller may."""
    app = find.app(ctx, name)
    may = May.of(ctx, app)
    code = _code(ctx, app, may) if may.code else {}
    return kit.render(
        request,
        "apps/app.html",
        app=app,
        may=may,
        tier=tier(ctx, name),
        sections=[one for one in SECTIONS if one[0] != "prompts" or may.prompts],
        clone_address=f"{_address(ctx, request)}/git/{name}.git",
        shares=[{"name": one, "kind": "group"} for one in app.groups]
        + [{"name": one, "kind": "person"} for one in app.people],
        runs=runtime.runs(ctx, app=name, limit=30),
        **schedule_pages.values(ctx, name),
        panels=kit.panels(ctx, request, "app", app),
        **code,
        **(_choices(ctx) if may.share or may.hand_over else {}),
    )


@router.get("/apps/{name}/versions/{n}", response_class=HTMLResponse)
def version_page(ctx: kit.Ctx, request: Request, name: str, n: kit.number) -> HTMLResponse:
    """One version: what changed, its gates, its manifest and what was said for it."""
    version, app = find.version(ctx, name, n=n), find.app(ctx, name)
    may = May.of(ctx, app)
    changes = find.diff(ctx, name, n - 1 if n > 1 else None, n)
    sections = [("changes", "What changed"), ("way", "Way to production"), ("manifest", "Manifest")]
    return kit.render(
        request,
        "apps/version.html",
        app=app,
        may=may,
        version=version,
        redacted=", ".join(f"{count} × {kind}" for kind, count in version.redacted.items()) or "nothing",
        changes=[kit.diff(change.before, change.after, change.path) for change in changes],
        gates=gates(ctx, name, version.commit),
        sections=[*sections, ("prompts", "Prompts")] if may.prompts else sections,
        said=prompts(ctx, name, version.commit) if may.prompts else (),
    )


@router.get("/apps/{name}/versions/{n}/prompts", response_class=HTMLResponse)
def prompts_page(ctx: kit.Ctx, request: Request, name: str, n: kit.number) -> HTMLResponse:
    """What was said for a version; for most people there is no such address."""
    said = prompts(ctx, name)  # asks first, so that nobody can try out version numbers
    version = find.chosen(ctx, name, n=n)
    said = prompts(ctx, name, version.commit)
    return kit.render(request, "apps/prompts.html", app=find.app(ctx, name), version=version, said=said)


@router.get("/open/{name}", response_class=HTMLResponse)
def open_page(ctx: kit.Ctx, request: Request, name: str) -> HTMLResponse:
    """An app for those who use it: what it last showed this person, how old its data is, and who helps."""
    app = find.reach(ctx, name, "open")
    version = find.in_production(ctx, name)
    me = ctx.caller.person.id
    mine = runtime.runs(ctx, app=name, environment="production", person=me, limit=1)
    catalog = {dataset.name: dataset for dataset in data.datasets(ctx)}
    ages = [catalog[one].as_of for one in version.manifest.datasets if one in catalog]
    return kit.render(
        request,
        "apps/open.html",
        app=app,
        version=version,
        run=mine[0] if mine else None,
        metrics=[one for one in data.metrics(ctx) if one.name in version.manifest.metrics],
        as_of=min(ages, default=None),
        owner=identity.found(ctx, app.owner),
        **schedule_pages.values(ctx, name),
    )


@router.post("/open/{name}")
def open_form(ctx: kit.Ctx, request: Request, name: str, files: Files) -> Response:
    """Run the promoted version as the caller, on the files that it asks for."""
    open_app(ctx, name, files)
    return kit.back(request, f"/open/{name}")


def _code(ctx: Context, app: App, may: May) -> Mapping[str, Any]:
    versions: tuple[Version, ...] = find.versions(ctx, app.name)
    if not versions:
        raise NotFound(f"{app.name} has no version.", next_step="Push one.")
    newest = versions[0]
    found: tuple[Gate, ...] = gates(ctx, app.name, newest.commit)
    return {
        "newest": newest,
        "gates": found,
        "versions": [
            {"version": version, "icon": "git-commit-horizontal", "tone": _tone(app, version)}
            for version in versions
        ],
        "past": find.promotions(ctx, app.name),
        "files": [_shown(path, content) for path, content in find.files(ctx, app.name).items()],
        "said": prompts(ctx, app.name, newest.commit) if may.prompts else (),
    }


def _shown(path: str, content: bytes) -> Mapping[str, Any]:
    try:
        text = content.decode() if len(content) <= LONGEST_SHOWN and b"\0" not in content else None
    except UnicodeDecodeError:
        text = None
    return {
        "path": path,
        "size": len(content),
        "text": text,
        "language": LANGUAGES.get(PurePosixPath(path).suffix, "text"),
    }


def _choices(ctx: Context) -> Mapping[str, Any]:
    everybody = [person for person in identity.people(ctx) if person.active]
    return {
        "groups": sorted({group for person in everybody for group in person.groups}),
        "people": [(person.id, f"{person.name} ({person.id})") for person in everybody],
    }


def _tone(app: App, version: Version) -> str:
    return "good" if app.promoted == version.n else "neutral"


def _address(ctx: Context, request: Request) -> str:
    return ctx.settings.server.public_url.rstrip("/") or str(request.base_url).rstrip("/")
