"""Host an app: begin a run that answers people who come to it, in this process, until nobody does."""

from collections.abc import Mapping
from types import MappingProxyType

from handrail.kernel import Context, Environment, Manifest
from handrail.runtime import lease
from handrail.runtime.events import RunStarted
from handrail.runtime.models import Run
from handrail.runtime.start import queued


def host(
    ctx: Context,
    app: str,
    commit: str,
    files: Mapping[str, bytes],
    manifest: Manifest,
    environment: Environment,
    variant: str = "hostile",
    twins: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Begin a run of exactly these files for the caller, claimed by this process.

    The apps room decides before who may open what. Refuses Invalid when the entrypoint is not among the
    files, NotReady on a machine that cannot hold a sandbox.
    """
    run = queued(ctx, app, commit, files, manifest, environment, variant, twins)
    # Where another host may have to take its place, people wait for this lease to run out.
    hosts = ctx.settings.hosts
    begun = lease.take(ctx, run.id, seconds=hosts.lease_seconds if hosts.apps else 0)
    assert begun is not None  # nobody else sees it before this transaction commits
    ctx.events.publish(RunStarted(run.id, app, commit, environment))
    return begun
