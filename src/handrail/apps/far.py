"""The bodies of this room's commands when they go by REST; each gives what its namesake on the spot gives."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handrail import kit
from handrail.apps import unpack
from handrail.apps.anywhere import alone, chosen, named, ran, succeeded, text_of
from handrail.apps.causes_commands import failed_on_far
from handrail.apps.models import App, Gate, Promotion, SharePreview
from handrail.apps.remote import push as send
from handrail.apps.remote import wait
from handrail.runtime import Output
from handrail.settings import AppsSettings


def push(remote: kit.Remote, directory: Path, why: str, prompts: Path | None) -> Any:
    """Send a folder; the server decides about everything once more."""
    most = AppsSettings()
    files = unpack.folder(directory, unpack.Limits(most.max_files, most.max_mb * 1024**2))
    return send(remote, files, why, text_of(prompts))


def run(
    remote: kit.Remote,
    app: str,
    commit: str | None,
    out: Path | None,
    production: bool,
    twin: str,
    inputs: Sequence[str] = (),
    before: str | None = None,
) -> dict[str, Any]:
    """Run it there, and wait here."""
    if before is not None:
        alone(before, commit, twin, inputs, production)
        started = remote.post(f"/runs/{quote(before, safe='')}/again", {})
    else:
        started = _started(remote, named(app), commit, production, twin, inputs)
    name, environment = started["app"], started["environment"]
    with kit.cli.progress() as report:
        report(f"{name} runs in {environment}", 0, 0)
        ended = wait(remote, started["id"])
    at = f"/runs/{ended['id']}"
    log = remote.get(f"{at}/log")["log"]
    because = "" if ended["state"] == "succeeded" else failed_on_far(remote, ended["id"])
    succeeded(ended["id"], name, ended["state"], ended["reason"], ended["next_step"], log, because)
    outputs = [Output(**output) for output in remote.get(f"{at}/outputs")]
    contents = [remote.fetch("GET", f"{at}/outputs/{output.n}") for output in outputs] if out else []
    return ran(ended["id"], name, environment, log, outputs, contents, out)


def _started(
    remote: kit.Remote, name: str, commit: str | None, production: bool, twin: str, inputs: Sequence[str]
) -> dict[str, Any]:
    files = {
        key: {"file": one.file, "content": b64encode(one.content).decode()}
        for key, one in chosen(inputs).items()
    }
    environment = "production" if production else "sandbox"
    wanted = {"commit": commit, "environment": environment, "twin": twin, "inputs": files}
    started: dict[str, Any] = remote.post(f"{_at(name)}/run", wanted)
    return started


def gates(remote: kit.Remote, app: str, commit: str | None) -> tuple[Gate, ...]:
    """What stands between it and production."""
    which = {"app": named(app), "commit": commit}
    found: tuple[Gate, ...] = remote.read("GET /apps/{app}/gates", which, tuple[Gate, ...])
    return found


def promote(remote: kit.Remote, app: str, commit: str | None) -> Promotion:
    """Ask for the review when only that is missing; promote."""
    which = {"app": named(app), "commit": commit}
    missing = [gate for gate in gates(remote, app, commit) if not gate.open]
    if [gate.key for gate in missing] == ["sign-off"] and missing[0].ask:
        remote.follow("POST /apps/{app}/ask", which)
    made: Promotion = remote.follow("POST /apps/{app}/promote", which, Promotion)
    return made


def rollback(remote: kit.Remote, app: str) -> Promotion:
    """Go back to the version before."""
    made: Promotion = remote.follow("POST /apps/{app}/rollback", {"app": named(app)}, Promotion)
    return made


def share(
    remote: kit.Remote, app: str, groups: tuple[str, ...], people: tuple[str, ...], preview: bool
) -> dict[str, Any]:
    """Say what it costs; share."""
    whom = {"app": app, "groups": groups, "people": people}
    cost = remote.follow("POST /apps/{app}/share/preview", whom, SharePreview)
    shared = None if preview else remote.follow("POST /apps/{app}/share", whom, App)
    return {"preview": cost, "app": shared}


def _at(name: str) -> str:
    return f"/apps/{quote(name, safe='')}"
