"""Run a version: in the sandbox for those who make or review it, in production for those who use it."""

from handrail import runtime
from handrail.apps import facts, find
from handrail.apps.models import Version
from handrail.kernel import Context, Environment, Invalid, NotReady, git
from handrail.runtime import Run


def run(ctx: Context, name: str, commit: str | None = None, environment: Environment = "sandbox") -> Run:
    """Start a version (the newest, without a commit) in the sandbox, on synthetic data.

    Refuses all but owners and reviewers. With `production` it is `open`, which knows no commit: production
    runs what was promoted.
    """
    if environment == "production":
        if commit is not None:
            raise Invalid("Production runs the promoted version only.", next_step=f"handrail promote {name}")
        return open(ctx, name)
    find.reach(ctx, name, "run-sandbox")
    return _start(ctx, find.chosen(ctx, name, commit), "sandbox")


def open(ctx: Context, name: str) -> Run:
    """Start the promoted version on certified data, cut down to what the caller may see.

    Refuses those it is not shared with; NotReady before it was promoted, and to all but its owners while a
    handoff app waits for its sign-off.
    """
    return _start(ctx, in_use(ctx, name), "production")


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


def _start(ctx: Context, version: Version, environment: Environment) -> Run:
    files = git.Repository(ctx.db, version.app).files(version.commit)
    return runtime.start(ctx, version.app, version.commit, files, version.manifest, environment)
