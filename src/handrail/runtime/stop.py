"""Stop a run."""

from dataclasses import replace

from handrail.kernel import Conflict, Context, access
from handrail.runtime import store
from handrail.runtime.look import known
from handrail.runtime.models import Run


def stop(ctx: Context, run_id: str) -> Run:
    """End a queued run at once; ask the process that executes a running one to end it within a second.

    For its person, the app's owners and support. Refuses Conflict when it is over.
    """
    run, resource = known(ctx, run_id)
    access.require(ctx, "stop-run", resource, run_person=run.person)
    if run.over:
        raise Conflict("The run is over already.", next_step="Start another one.", subject=f"run:{run_id}")
    ctx.audit.note("run.stopped", f"run:{run_id}", app=run.app)
    said = "It was stopped."
    stopped = replace(
        run, state="stopped", ended="stopped", reason=said, outline=said, finished=ctx.clock.now()
    )
    if run.state == "queued" and store.finish(ctx, stopped, "queued"):
        return stopped
    store.want_stop(ctx, run_id)
    return run
