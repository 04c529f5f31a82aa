"""Give a run its files: those that its manifest declares, checked, and bound to this run by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from handrail.kernel import Context, Invalid, LimitReached, Manifest, NotFound, access
from handrail.kernel.manifest import nearest
from handrail.runtime import inputs_store, look, retention_store
from handrail.runtime.check_input import Given, check_input
from handrail.runtime.handed_over import safe_name
from handrail.runtime.models import Input


def checked(ctx: Context, manifest: Manifest, given: Mapping[str, Given]) -> tuple[tuple[Input, bytes], ...]:
    """The files as the manifest wants them.

    Refuses Invalid a name that it does not declare, a required one that is missing, and a file that is not of
    its type; LimitReached what is too large, each alone and all together.
    """
    most = ctx.settings.runtime.inputs_mb
    for name in given:
        if name not in manifest.inputs:
            raise Invalid(
                f"{manifest.name} takes no file {name[:40]!r}.", next_step=nearest(name, manifest.inputs)
            )
    for name, declared in manifest.inputs.items():
        if declared.required and name not in given:
            raise Invalid(
                f"{manifest.name} needs a file for {name}{f': {declared.says}' if declared.says else ''}.",
                next_step=f"Give one ({', '.join(declared.types)}): on its page, or by --input {name}=FILE.",
                subject=f"app:{manifest.name}",
            )
    if sum(len(one.content) for one in given.values()) > most << 20:
        raise LimitReached(f"A run may be given {most} MB.", next_step="Give smaller files.")
    found = []
    for name, one in given.items():
        kind = check_input(name, manifest.inputs[name], one, most)
        digest = hashlib.sha256(one.content).hexdigest()
        about = Input(name, safe_name(one.file), kind.type, len(one.content), digest, kind.note)
        found.append((about, one.content))
    return tuple(found)


def inputs(ctx: Context, run_id: str) -> tuple[Input, ...]:
    """What a run was given, without the content: for its person, and in the sandbox for the app's owners."""
    look.shown_run(ctx, run_id)
    return inputs_store.find_inputs(ctx, run_id)


def given_again(ctx: Context, run_id: str) -> dict[str, Given]:
    """The files that a run was given, for another run of the same person: nobody else runs on them.

    Refuses NotAllowed everybody else where there are any, the app's owners too, and NotFound once they are
    deleted.
    """
    run, resource = look.known(ctx, run_id)
    found = inputs_store.find_inputs(ctx, run_id)
    if found:
        access.require(ctx, "use-inputs", resource, run_person=run.person)
        retention_store.lock(ctx, [run_id])  # nobody deletes them before they are the next run's, too
        run = look.run(ctx, run_id)
    if found and run.inputs_swept is not None:
        raise NotFound(
            f"The files that this run was given were deleted on {run.inputs_swept:%-d %B %Y}, as they are "
            "kept no longer.",
            next_step="Start a new run, and give it the files anew.",
            subject=f"run:{run_id}",
        )
    again = {}
    for one in found:
        kept = inputs_store.find_input(ctx, run_id, one.name)
        assert kept is not None  # the run is locked, and has them
        again[one.name] = Given(one.file, kept[1])
    return again
