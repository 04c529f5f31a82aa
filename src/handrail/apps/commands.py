"""The command line for apps: new, push, run, gates, promote, rollback, share, hand-over, apps."""

from pathlib import Path
from typing import Any

import click

from handrail import kit, runtime
from handrail.apps import far, find, said, unpack
from handrail.apps.again import again
from handrail.apps.answers import version_answer
from handrail.apps.anywhere import alone, chosen, named, ran, succeeded, text_of
from handrail.apps.ask import ask
from handrail.apps.causes_commands import failed_on
from handrail.apps.models import App, Gate, Promotion
from handrail.apps.new import new
from handrail.apps.own import hand_over
from handrail.apps.promote import gates, promote, rollback
from handrail.apps.push import limits, push
from handrail.apps.run import run
from handrail.apps.share import share, share_preview
from handrail.kernel import Caller, Context, Environment, Instance

FOLDER = click.Path(file_okay=False, path_type=Path)


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
        kit.cli.show({"files": [str(path) for path in made]}, said.made, as_json)


@click.command("push")
@click.argument("directory", type=FOLDER, default=Path())
@click.option("--why", default="", help="Why this version exists, in a sentence; a push needs one.")
@click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What you told the assistant.",
)
@kit.cli.verb(human=said.pushed, far=far.push)
def push_command(ctx: Context, directory: Path, why: str, prompts: Path | None) -> dict[str, Any]:
    """Keep the app in DIRECTORY as a new version, with the why and the prompts."""
    return version_answer(push(ctx, unpack.folder(directory, limits(ctx)), why, text_of(prompts)))


@click.command("run")
@click.argument("app", default=".")
@click.option("--commit", help="Another version than the newest.")
@click.option("--out", type=FOLDER, help="Save what it hands over into this folder.")
@click.option("--production", is_flag=True, help="Open the promoted version on certified data, as you.")
@click.option(
    "--twin",
    default="",
    metavar="WHICH",
    help="plain, hostile (default) or drill; a build; an earlier run.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=FILE",
    help="A file that its manifest asks for; again for another.",
)
@click.option(
    "--again", "before", metavar="RUN", help="As RUN was: its version, files and twins; no other option."
)
@kit.cli.supervisor(human=said.ran, far=far.run)
def run_command(
    instance: Instance,
    caller: Caller,
    app: str,
    commit: str | None,
    out: Path | None,
    production: bool,
    twin: str,
    inputs: tuple[str, ...],
    before: str | None,
) -> dict[str, Any]:
    """Run APP (its name, or its folder) as it was last pushed, and wait for its end."""
    with instance.context(caller) as ctx:
        if before is not None:
            alone(before, commit, twin, inputs, production)
            started = again(ctx, before)
        else:
            where: Environment = "production" if production else "sandbox"
            started = run(ctx, named(app), commit, where, twin, chosen(inputs))
    name = started.app
    with kit.cli.progress() as report:
        report(f"{name} runs in {'the sandbox' if started.environment == 'sandbox' else 'production'}", 0, 0)
        ended = runtime.execute(instance, started.id)
    with instance.context(caller) as ctx:
        log, outputs = runtime.log(ctx, ended.id), runtime.outputs(ctx, ended.id)
        kept = [runtime.download(ctx, ended.id, output.n) for output in outputs] if out else []
        contents = [one.content for one in kept]
    because = "" if ended.state == "succeeded" else failed_on(instance, caller, ended.id)
    succeeded(ended.id, name, ended.state, ended.reason, ended.next_step, log, because)
    return ran(ended.id, name, ended.environment, log, outputs, contents, out)


@click.command("gates")
@click.argument("app", default=".")
@click.option("--commit", help="Another version than the newest.")
@kit.cli.verb(human=said.gates, far=far.gates)
def gates_command(ctx: Context, app: str, commit: str | None) -> tuple[Gate, ...]:
    """Show what stands between APP and production, and who can open it."""
    return gates(ctx, named(app), commit)


@click.command("promote")
@click.argument("app", default=".")
@click.option("--commit", help="Another version than the newest.")
@kit.cli.supervisor(human=said.promoted, far=far.promote)
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
@kit.cli.verb(human=said.promoted, far=far.rollback)
def rollback_command(ctx: Context, app: str) -> Promotion:
    """Put the version that APP had in production before back there, by the same gates."""
    return rollback(ctx, named(app))


@click.command("share")
@click.argument("app")
@click.option("--group", "groups", multiple=True, help="A group that may open it; again for another.")
@click.option("--person", "people", multiple=True, help="A person who may open it; again for another.")
@click.option("--preview", is_flag=True, help="Only say what it would cost.")
@kit.cli.verb(human=said.shared, far=far.share)
def share_command(
    ctx: Context, app: str, groups: tuple[str, ...], people: tuple[str, ...], preview: bool
) -> dict[str, Any]:
    """Let more people open APP; says what that costs."""
    cost = share_preview(ctx, app, groups, people)
    shared = None if preview else share(ctx, app, groups, people)
    return {"preview": cost, "app": shared}


@click.command("hand-over")
@click.argument("app")
@click.argument("person")
@kit.cli.verb(human=said.handed_over, far="POST /apps/{app}/owner")
def hand_over_command(ctx: Context, app: str, person: str) -> App:
    """Make PERSON the owner of APP; for its owners, and for admins when the owner has left."""
    return hand_over(ctx, app, person)


@click.command("apps")
@kit.cli.verb(human=said.apps, far="GET /apps")
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
    hand_over_command,
    apps_command,
]
