"""The bodies of this room's commands when they go by REST; each gives what its namesake on the spot gives."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from handrail import kit
from handrail.apps import unpack
from handrail.apps.anywhere import named, ran, succeeded, text_of
from handrail.apps.models import App, Gate, Promotion, SharePreview, Tier
from handrail.apps.remote import Remote
from handrail.runtime import Output
from handrail.settings import AppsSettings


def push(remote: Remote, directory: Path, why: str, prompts: Path | None) -> Any:
    """Send a folder; the server decides about everything once more."""
    most = AppsSettings()
    files = unpack.folder(directory, unpack.Limits(most.max_files, most.max_mb * 1024**2))
    return remote.push(files, why, text_of(prompts))


def run(remote: Remote, app: str, commit: str | None, out: Path | None, production: bool) -> dict[str, Any]:
    """Run it there, and wait here."""
    name = named(app)
    environment = "production" if production else "sandbox"
    wanted = {"commit": commit, "environment": environment}
    started = remote.post(f"{_at(name)}/run", wanted)
    with kit.cli.progress() as report:
        report(f"{name} runs in {environment}", 0, 0)
        ended = remote.wait(started["id"])
    at = f"/runs/{ended['id']}"
    log = remote.get(f"{at}/log")["log"]
    succeeded(ended["id"], name, ended["state"], ended["reason"], ended["next_step"], log)
    outputs = [Output(**output) for output in remote.get(f"{at}/outputs")]
    contents = [remote.fetch("GET", f"{at}/outputs/{output.n}") for output in outputs] if out else []
    return ran(ended["id"], name, environment, log, outputs, contents, out)


def gates(remote: Remote, app: str, commit: str | None) -> tuple[Gate, ...]:
    """What stands between it and production."""
    which = f"?commit={quote(commit)}" if commit else ""
    return tuple(Gate(**gate) for gate in remote.get(f"{_at(named(app))}/gates{which}"))


def promote(remote: Remote, app: str, commit: str | None) -> Promotion:
    """Ask for the review when only that is missing; promote."""
    name = named(app)
    missing = [gate for gate in gates(remote, name, commit) if not gate.open]
    if [gate.key for gate in missing] == ["sign-off"] and missing[0].ask:
        remote.post(f"{_at(name)}/ask", {"commit": commit})
    return Promotion(**remote.post(f"{_at(name)}/promote", {"commit": commit}))


def rollback(remote: Remote, app: str) -> Promotion:
    """Go back to the version before."""
    return Promotion(**remote.post(f"{_at(named(app))}/rollback", {}))


def share(
    remote: Remote, app: str, groups: tuple[str, ...], people: tuple[str, ...], preview: bool
) -> dict[str, Any]:
    """Say what it costs; share."""
    whom = {"groups": list(groups), "people": list(people)}
    cost = remote.post(f"{_at(app)}/share/preview", whom)
    tiers = {key: Tier(**cost[key]) for key in ("before", "after")}
    shared = None if preview else App(**remote.post(f"{_at(app)}/share", whom))
    return {"preview": SharePreview(**{**cost, **tiers}), "app": shared}


def apps(remote: Remote) -> tuple[App, ...]:
    """The apps that concern the token's person."""
    return tuple(App(**app) for app in remote.get("/apps"))


def _at(name: str) -> str:
    return f"/apps/{quote(name, safe='')}"
