"""The command line for apps: new, push, run, gates, promote, rollback, share, apps."""

from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.text import Text

from handrail import kit, runtime
from handrail.apps import find, unpack
from handrail.apps.answers import version_answer
from handrail.apps.ask import ask
from handrail.apps.models import App, Gate, Promotion
from handrail.apps.new import new
from handrail.apps.promote import gates, promote, rollback
from handrail.apps.push import limits, manifest_of, push
from handrail.apps.run import run
from handrail.apps.share import share, share_preview
from handrail.kernel import Caller, Context, Instance, NotReady
from handrail.kernel.manifest import FILENAME

FOLDER = click.Path(file_okay=False, path_type=Path)
MARKS = {"open": ("✓", "green"), "waiting": ("…", "yellow"), "shut": ("✗", "red")}


@click.command("new")
@click.argument("directory", type=FOLDER)
@click.option("--name", help="What the app is called; without it, like the folder.")
@click.option(
    "--purpose", default="sales-reporting", show_default=True, help="A purpose data may be used for."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
def new_command(directory: Path, name: str | None, purpose: str, as_json: bool) -> None:
    """Write the beginning of an app into DIRECTORY: a manifest and code that runs at once."""
    with kit.cli.refusals(as_json):
        made = new(directory, name, purpose)
        kit.cli.show({"files": [str(path) for path in made]}, _made, as_json)


@click.command("push")
@click.argument("directory", type=FOLDER, default=Path())
@click.option("--why", required=True, help="Why this version exists, in a sentence.")
@click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What you told the assistant.",
)
@kit.cli.verb(human=lambda version: _pushed(version))
def push_command(ctx: Context, directory: Path, why: str, prompts: Path | None) -> dict[str, Any]:
    """Keep the app in DIRECTORY as a new version, with the why and the prompts."""
    said = prompts.read_text(encoding="utf-8", errors="replace") if prompts else ""
    return version_answer(push(ctx, unpack.folder(directory, limits(ctx)), why, said))


@click.command("run")
@click.argument("app", default=".")
@click.option("--commit", help="Another version than the newest.")
@click.option("--out", type=FOLDER, help="Save what it hands over into this folder.")
@click.option("--production", is_flag=True, help="Open the promoted version on certified data, as you.")
@kit.cli.supervisor(human=lambda done: _ran(done))
def run_command(
    instance: Instance, caller: Caller, app: str, commit: str | None, out: Path | None, production: bool
) -> dict[str, Any]:
    """Run APP (its name, or its folder) as it was last pushed, and wait for its end."""
    with instance.context(caller) as ctx:
        name = named(app)
        started = run(ctx, name, commit, "production" if production else "sandbox")
    with kit.cli.progress() as report:
        report(f"{name} runs in {'production' if production else 'the sandbox'}", 0, 0)
        ended = runtime.execute(instance, started.id)
    with instance.context(caller) as ctx:
        log = runtime.log(ctx, ended.id)
        if ended.state != "succeeded":
            if not kit.cli.wants_json():
                click.echo(log, err=True, nl=False)
            raise NotReady(f"Run {ended.id} of {name}: {ended.reason}", next_step=ended.next_step)
        outputs = runtime.outputs(ctx, ended.id)
        saved = [str(_save(ctx, ended.id, output.n, out)) for output in outputs] if out else []
    return {"run": ended, "log": log, "outputs": outputs, "saved": saved}


@click.command("gates")
@click.argument("app", default=".")
@click.option("--commit", help="Another version than the newest.")
@kit.cli.verb(human=lambda found: _gates(found))
def gates_command(ctx: Context, app: str, commit: str | None) -> tuple[Gate, ...]:
    """Show what stands between APP and production, and who can open it."""
    return gates(ctx, named(app), commit)


@click.command("promote")
@click.argument("app", default=".")
@click.option("--commit", help="Another version than the newest.")
@kit.cli.supervisor(human=lambda done: _promoted(done))
def promote_command(instance: Instance, caller: Caller, app: str, commit: str | None) -> Promotion:
    """Put APP into production, through every gate; asks for the review when only that is missing."""
    name = named(app)
    with instance.context(caller) as ctx:
        missing = [gate for gate in gates(ctx, name, commit) if not gate.open]
    if [gate.key for gate in missing] == ["sign-off"] and missing[0].ask:
        with instance.context(caller) as ctx:
            ask(ctx, name, commit)
    with instance.context(caller) as ctx:
        return promote(ctx, name, commit)


@click.command("rollback")
@click.argument("app", default=".")
@kit.cli.verb(human=lambda done: _promoted(done))
def rollback_command(ctx: Context, app: str) -> Promotion:
    """Put the version that APP had in production before back there, by the same gates."""
    return rollback(ctx, named(app))


@click.command("share")
@click.argument("app")
@click.option("--group", "groups", multiple=True, help="A group that may open it; again for another.")
@click.option("--person", "people", multiple=True, help="A person who may open it; again for another.")
@click.option("--preview", is_flag=True, help="Only say what it would cost.")
@kit.cli.verb(human=lambda shared: _shared(shared))
def share_command(
    ctx: Context, app: str, groups: tuple[str, ...], people: tuple[str, ...], preview: bool
) -> dict[str, Any]:
    """Let more people open APP; says what that costs."""
    cost = share_preview(ctx, app, groups, people)
    shared = None if preview else share(ctx, app, groups, people)
    return {"preview": cost, "app": shared}


@click.command("apps")
@kit.cli.verb(human=lambda apps: _apps(apps))
def apps_command(ctx: Context) -> tuple[App, ...]:
    """List the apps that concern you."""
    return find.apps(ctx)


commands: list[click.Command] = [
    new_command,
    push_command,
    run_command,
    gates_command,
    promote_command,
    rollback_command,
    share_command,
    apps_command,
]


def named(app: str) -> str:
    """The app's name, when it was given by its folder."""
    manifest = Path(app) / FILENAME
    return manifest_of({FILENAME: manifest.read_bytes()}).name if manifest.is_file() else app


def _save(ctx: Context, run_id: str, n: int, out: Path) -> Path:
    output, content = runtime.output(ctx, run_id, n)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{n:02}-{output.name}"
    path.write_bytes(content)
    return path


def _made(made: dict[str, Any]) -> str:
    files = "\n".join(f"  {path}" for path in made["files"])
    folder = Path(made["files"][0]).parent
    return f'{files}\n\nNext: change it, then\n  handrail push {folder} --why "…"\n  handrail run {folder}'


def _pushed(version: dict[str, Any]) -> str:
    taken = ", ".join(f"{count} × {kind}" for kind, count in version["redacted"].items())
    kept = f"\nTaken out before it was kept: {taken}." if taken else ""
    return (
        f"{version['app']} version {version['n']} is kept ({version['commit'][:10]}).{kept}\n"
        f"Next: handrail run {version['app']}"
    )


def _ran(done: dict[str, Any]) -> Group:
    rows = [(output.n, output.kind, output.title or output.name, output.size) for output in done["outputs"]]
    saved = [Text(path) for path in done["saved"]]
    synthetic = Text("Synthetic data: the twin answered.", style="yellow")
    return Group(
        Text(done["log"].rstrip()),
        *([synthetic] if done["run"].environment == "sandbox" else []),
        kit.cli.table(["#", "Kind", "Output", "Bytes"], rows),
        *(saved or [Text("--out DIR saves them.", style="dim")]),
    )


def _gates(found: tuple[Gate, ...]) -> Group:
    lines = []
    for gate in found:
        mark, colour = MARKS[gate.state]
        lines.append(Text.assemble((f"{mark} {gate.title}", f"bold {colour}"), f"\n  {gate.because}"))
        if not gate.open and gate.next_step:
            who = f" ({gate.who})" if gate.who else ""
            lines.append(Text(f"  → {gate.next_step}{who}", style="bold"))
    return Group(*lines)


def _promoted(done: Promotion) -> str:
    return f"{done.app} version {done.n} is in production, as {done.tier}. Its page: /open/{done.app}"


def _shared(done: dict[str, Any]) -> str:
    preview = done["preview"]
    lines = [f"{'Shared' if done['app'] else 'Would be shared'} with {', '.join(preview.adds)}."]
    if preview.after.name != preview.before.name:
        lines.append(f"It {'is' if done['app'] else 'would be'} {preview.after.name} now:")
        lines += [f"  {line}" for line in (*preview.after.reasons, *preview.costs)]
    return "\n".join(lines)


def _apps(apps: tuple[App, ...]) -> Any:
    if not apps:
        return "There is no app yet. Begin one: handrail new my-report"
    rows = [
        (app.name, app.owner, app.versions, f"v{app.promoted}" if app.promoted else "–", app.says)
        for app in apps
    ]
    return kit.cli.table(["App", "Owner", "Versions", "Production", "Says"], rows)
