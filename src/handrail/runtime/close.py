"""Write the end of a run: once, whoever comes to it first, in the transaction of what follows from it."""

from dataclasses import replace
from typing import NamedTuple

from handrail.kernel import SYSTEM, Context, Instance
from handrail.kernel.sandbox import Conversation, Outcome
from handrail.runtime import seats_store, store
from handrail.runtime.events import RunFinished
from handrail.runtime.models import Run
from handrail.runtime.outline import outline
from handrail.runtime.reasons import Verdict


class End(NamedTuple):
    """All that is known of how a run ended; `outputs` counts what it handed over."""

    verdict: Verdict
    outcome: Outcome | None = None
    said: Conversation | None = None
    log_end: str = ""
    outputs: int = 0


def close(instance: Instance, run: Run, how: End) -> None:
    """Write the end of a running run, once; later ends of the same run change nothing.

    Raises Lost when this process held the run and does so no longer.
    """
    with instance.context(SYSTEM, run.lease) as ctx:
        if run.lease is not None:
            run.lease.hold(ctx.db)
        end(ctx, run, how)


def end(ctx: Context, run: Run, how: End) -> None:
    """The same in a transaction that has more to do."""
    verdict, outcome, said = how.verdict, how.outcome, how.said or Conversation()
    told = outcome is not None and outcome.ended in ("exited", "memory", "processes")
    files = {} if verdict.state == "succeeded" else store.find_files(ctx, run.id)  # to name a line of them
    brief = outline(verdict, how.log_end, files)
    over = replace(
        run,
        state=verdict.state,
        finished=ctx.clock.now(),
        reason=verdict.reason,
        next_step=verdict.next_step,
        outline=brief,
        ended=verdict.ended,
        exit_code=outcome.code if outcome and told else None,
        peak_memory=outcome.peak_memory if outcome else 0,
        questions=said.questions,
    )
    if not store.finish(ctx, over, "running"):
        return
    if run.manifest.kind == "web":
        seats_store.rise(ctx, run.id)
    ctx.audit.note(
        "run.finished", f"run:{run.id}", run=run.id, app=run.app, commit=run.commit,
        environment=run.environment, state=over.state, ended=over.ended, reason=brief,
        questions=over.questions, refusals=len(said.refusals), outputs=how.outputs, for_person=run.person,
    )  # fmt: skip
    ended = over.state, over.ended, said.reads, said.metrics
    ctx.events.publish(RunFinished(run.id, run.app, run.commit, run.environment, run.person, *ended))
