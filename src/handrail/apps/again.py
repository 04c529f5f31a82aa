"""Run something again: the same version on the same files, and in the sandbox on the same twins."""

from handrail import runtime
from handrail.apps import find
from handrail.apps.run import in_use, start_version
from handrail.kernel import Conflict, Context, Invalid
from handrail.runtime import Run


def again(ctx: Context, run_id: str) -> Run:
    """Start a run for the caller as an earlier one was, which the caller may know of.

    Refuses as `run` and `open` do: who may no longer run the app, and twins that are there no longer. Refuses
    Conflict where production has another version by now, and NotAllowed a run that somebody else gave files.
    """
    before = runtime.run(ctx, run_id)
    if before.manifest.kind != "job":
        raise Invalid(f"{before.app} is opened, and not run.", next_step=f"Open it: /open/{before.app}.")
    files = runtime.given_again(ctx, run_id)
    if before.environment == "sandbox":
        find.reach(ctx, before.app, "run-sandbox")
        version = find.chosen(ctx, before.app, before.commit)
        return start_version(ctx, version, "sandbox", before.variant, before.twins, files)
    version = in_use(ctx, before.app)
    if version.commit != before.commit:
        raise Conflict(
            f"Production runs version {version.n} of {before.app} by now, and this run was of another.",
            next_step=f"Open the app, and give it the files anew: /open/{before.app}.",
            subject=f"app:{before.app}",
        )
    return start_version(ctx, version, "production", inputs=files)
