"""Run a version: in the sandbox for those who make or review it, in production for those who use it."""

from collections.abc import Mapping
from types import MappingProxyType

from handrail import runtime, twins
from handrail.apps import facts, find
from handrail.apps.models import Version
from handrail.kernel import Context, Environment, Invalid, NotReady, access, git
from handrail.runtime import Given, Run


def run(
    ctx: Context,
    name: str,
    commit: str | None = None,
    environment: Environment = "sandbox",
    twin: str = "",
    inputs: Mapping[str, Given] = MappingProxyType({}),
) -> Run:
    """Start a version (the newest, without a commit) in the sandbox, on synthetic data.

    `twin` says on which: a variant (plain, hostile or drill), an earlier or frozen build, both, or the run
    whose twins it is to read again, so that two versions can be compared on the same data. `inputs` are the
    files that its manifest asks for. Refuses all but owners and reviewers, twins that are there no longer,
    and files that are not what the manifest says (`runtime.start`). With `production` it is `open`, which
    knows no commit: production runs what was promoted.
    """
    if environment == "production":
        if commit is not None:
            raise Invalid("Production runs the promoted version only.", next_step=f"handrail promote {name}")
        if twin:
            raise Invalid("Production reads no twin.", next_step="Leave out the twin, or the production.")
        return open(ctx, name, inputs)
    find.reach(ctx, name, "run-sandbox")
    return start_version(ctx, find.chosen(ctx, name, commit), "sandbox", *_twins(ctx, twin), inputs)


def open(ctx: Context, name: str, inputs: Mapping[str, Given] = MappingProxyType({})) -> Run:
    """Start the promoted version on certified data, cut down to what the caller may see.

    Refuses those it is not shared with; NotReady before it was promoted, and to all but its owners while a
    handoff app waits for its sign-off; and files as `run` does.
    """
    return start_version(ctx, in_use(ctx, name), "production", inputs=inputs)


def in_use(ctx: Context, name: str) -> Version:
    """The version that the caller may use in production; refuses as `open` does."""
    app = find.reach(ctx, name, "open")
    version = find.in_production(ctx, name)
    owns = ctx.caller.person.id in (app.owner, *app.coowners)
    if not owns and not facts.signed(ctx, app, version):
        raise NotReady(
            f"{name} was shared further than its version in production is approved for.",
            next_step=f"{app.owner} must have version {version.n} reviewed; it opens by itself then.",
        )
    return version


def _twins(ctx: Context, wanted: str) -> tuple[str, Mapping[str, str]]:
    """The variant and the builds of twins that a run is to read."""
    if wanted.startswith("run_"):
        earlier = runtime.run(ctx, wanted)
        return earlier.variant, earlier.twins
    return twins.chosen(ctx, wanted)


def start_version(
    ctx: Context,
    version: Version,
    environment: Environment,
    variant: str = "hostile",
    builds: Mapping[str, str] = MappingProxyType({}),
    inputs: Mapping[str, Given] = MappingProxyType({}),
) -> Run:
    """Start a version that the caller may run there, as another verb of this room has found out. Refuses
    NotAllowed a token that is bound to other purposes than the app's.
    """
    access.require_purpose(ctx, version.manifest.purpose, f"app:{version.app}")
    files = git.Repository(ctx.db, version.app).files(version.commit)
    app, manifest = version.app, version.manifest
    builds_on = (variant, builds, inputs)
    return runtime.start(ctx, app, version.commit, files, manifest, environment, *builds_on)
