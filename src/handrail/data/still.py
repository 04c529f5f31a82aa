"""Whether an answer that is still leaving would be given now: a right that is taken ends what it gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from handrail.kernel import SYSTEM, Context, NotAllowed, NotReady, Refusal, identity

if TYPE_CHECKING:
    from handrail.data.query import Question

_AGAIN = timedelta(seconds=0.5)  # between two looks, each of which takes as long as planning a known question


def still(ctx: Context, question: Question, decide: Callable[[Context], Question]) -> Callable[[], None]:
    """What an answer calls before each batch leaves.

    It refuses what `decide` would refuse by now, to the person as they are recorded now; NotAllowed once the
    session or the token has ended; NotReady when the answer would come from other rows or with other masks.
    """
    instance, caller, clock = ctx.instance, ctx.caller, ctx.clock
    looked = clock.now()

    def look() -> None:
        nonlocal looked
        now = clock.now()
        if abs(now - looked) < _AGAIN:  # whichever way the clock was set
            return
        looked = now
        with instance.context(SYSTEM) as own:
            person, proven = identity.found(own, caller.person.id), identity.still_proven(own, caller)
        if not proven:
            raise NotAllowed(
                "The session or the token that this was asked with has ended, so the rest is kept back.",
                next_step="Sign in, or make another token on your page, and ask again.",
                subject=f"query:{question.name}",
                rule="proof-ended",
            )
        refusal: Refusal | None = None
        with instance.context(replace(caller, person=person)) as own:
            try:
                same = _is_same(question, decide(own))
            except Refusal as error:  # whoever takes the rows has it on the trail, once
                same, refusal = False, error
        if not same:
            raise refusal or NotReady(
                "What you may see has changed while this was being answered, so the rest is kept back.",
                next_step="Ask again.",
                subject=f"query:{question.name}",
            )

    return look


def _is_same(before: Question, now: Question) -> bool:
    if before.plan.key != now.plan.key:
        return False
    if before.viewer == now.viewer:
        return True
    resolved, environment = before.plan.resolved, before.asked.environment
    made = (before.plan.rewritten(resolved, viewer, environment) for viewer in (before.viewer, now.viewer))
    return next(made) == next(made)
