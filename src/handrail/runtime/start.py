"""Start a run: put it into the queue, from where a server or a command takes it."""

from collections.abc import Mapping
from types import MappingProxyType

from handrail.kernel import Context, Environment, Invalid, LimitReached, Manifest, storage
from handrail.runtime import inputs_store, store
from handrail.runtime.check_input import Given
from handrail.runtime.diagnosis import refuse_red
from handrail.runtime.give import checked
from handrail.runtime.layer import layer_digest
from handrail.runtime.lease_store import somebody_takes_runs
from handrail.runtime.lock_packages import locked, of_lock
from handrail.runtime.models import Run


def start(
    ctx: Context,
    app: str,
    commit: str,
    files: Mapping[str, bytes],
    manifest: Manifest,
    environment: Environment,
    variant: str = "hostile",
    twins: Mapping[str, str] = MappingProxyType({}),
    inputs: Mapping[str, Given] = MappingProxyType({}),
) -> Run:
    """Queue a run of exactly these files for the caller; in the sandbox on this variant of these builds of
    twins, and of the newest where none is named. `inputs` are the files that the manifest asks for.

    The apps room decides before who may run what. Refuses NotReady where no host can hold a sandbox,
    Invalid for an app that people open and when the entrypoint is not among the files, LimitReached when too
    many of the caller's runs are not over, and inputs as `give.checked` does.
    """
    if manifest.kind != "job":
        raise Invalid(
            f"{app} is of kind {manifest.kind!r}: people open it, and it does not run to an end.",
            next_step=f"Open it in a browser: /open/{app}, or the page of the app for the sandbox.",
            subject=f"app:{app}",
        )
    most = ctx.settings.runtime.waiting
    if store.count_open(ctx, ctx.caller.person.id) >= most:
        raise LimitReached(
            f"{most} of your runs wait or go on already.",
            next_step="Wait until some are over, or stop those that you do not need.",
            subject=f"app:{app}",
        )
    found = checked(ctx, manifest, inputs)
    run = queued(ctx, app, commit, files, manifest, environment, variant, twins)
    for given, content in found:
        inputs_store.add_input(ctx, run.id, given, content)
        about = {"name": given.name, "type": given.type, "digest": given.digest}
        ctx.audit.note("run.given", f"run:{run.id}", app=app, bytes=given.size, **about)
    return run


def queued(
    ctx: Context,
    app: str,
    commit: str,
    files: Mapping[str, bytes],
    manifest: Manifest,
    environment: Environment,
    variant: str,
    twins: Mapping[str, str],
) -> Run:
    """Keep a run of the caller's, of whatever kind of app; refuses Invalid and NotReady as `start` does."""
    if manifest.entrypoint not in files:
        raise Invalid(
            f"{app} has no file {manifest.entrypoint}, its entrypoint.",
            next_step="Add the file, or name another entrypoint in handrail.toml.",
            subject=f"app:{app}",
        )
    own = locked(files)
    of_lock(ctx, own)
    if manifest.kind != "static" and not (manifest.kind == "job" and somebody_takes_runs(ctx)):
        refuse_red(ctx)
    run = Run(
        id=storage.new_id("run"),
        app=app,
        commit=commit,
        environment=environment,
        person=ctx.caller.person.id,
        manifest=manifest,
        layer=layer_digest(ctx.settings, manifest.layer, own),
        state="queued",
        queued=ctx.clock.now(),
        variant=variant,
        twins=dict(twins),
    )
    store.add_run(ctx, run, files)
    ctx.audit.note(
        "run.started", f"run:{run.id}", app=app, commit=commit, environment=environment, layer=run.layer
    )
    return run
