"""Why a run ended as it did, in words for its person."""

import signal
from dataclasses import dataclass

from handrail.kernel import Refusal, Upstream
from handrail.kernel.sandbox import Conversation, Limits, Outcome
from handrail.runtime.models import RunState

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """The end of a run: its state, one word for counting, and for people why and what to do."""

    state: RunState
    ended: str
    reason: str = ""
    next_step: str = ""


def explain(outcome: Outcome, limits: Limits, said: Conversation, log_end: str) -> Verdict:
    """Judge a run by how its sandbox ended, what was said at its door, and the last lines it printed."""
    forced = _FORCED.get(outcome.ended)
    if forced is not None:
        reason, next_step = forced
        state: RunState = "stopped" if outcome.ended == "stopped" else "failed"
        return Verdict(state, outcome.ended, _fill(reason, limits, outcome), next_step)
    if outcome.code == 0 and not said.broken:
        return Verdict("succeeded", "exited")
    if said.broken:
        reason = f"It sent {said.broken} to Handrail, which no use of the SDK does, and was cut off."
        return Verdict("failed", "broken", reason, "Use handrail_sdk, and leave its socket alone.")
    lines = log_end.strip().splitlines() or [""]
    if said.refusals and any(line.startswith("handrail_sdk.Refused:") for line in lines):
        return refused(said.refusals[-1])
    last = lines[-1]
    if last.startswith(_NO_MEMORY):
        return Verdict("failed", "memory", _fill(_MEMORY[0], limits, outcome), _MEMORY[1])
    if last.startswith(_NO_PROCESSES):
        return Verdict("failed", "processes", _fill(_PROCESSES[0], limits, outcome), _PROCESSES[1])
    reason = f"It ended with exit code {outcome.code}" + (f": {last[:300]}" if last else " and said nothing.")
    mend = _NO_PACKAGE if last.startswith("ModuleNotFoundError:") else _MEND
    return Verdict("failed", "exited", reason, mend if last else "Let it print what it does, and push that.")


def refused(refusal: Refusal) -> Verdict:
    """The end of a run that gave up on a refusal."""
    ended = "upstream" if isinstance(refusal, Upstream) else "refused"  # the first may help itself by and by
    return Verdict("failed", ended, f"Handrail refused: {refusal.message}", refusal.next_step)


def of_hosted(verdict: Verdict, outcome: Outcome, answered: int, silent: bool = False) -> Verdict:
    """The end of an app that people come to: to be stopped is to sleep, unless it had been `silent` for too
    long; to end by itself is a failure.
    """
    if outcome.ended == "stopped" and silent:
        said = "It answered nobody any more, and was ended."
        return Verdict("failed", "silent", said, "Look for what takes so long: its log ends where it did.")
    if outcome.ended == "stopped":
        if answered:
            return Verdict("succeeded", "asleep")
        unheard = "It went to sleep before it had answered anybody."
        return Verdict("failed", "silent", unheard, "Open it again, and wait until it shows itself.")
    if verdict.state != "succeeded":
        return verdict
    reason = "It ended by itself, where a web app goes on until it is put to sleep."
    return Verdict("failed", "exited", reason, "Let it serve: its log says what it did instead.")


def interrupted() -> Verdict:
    """The end of a run whose server is gone."""
    return Verdict(
        "failed", "interrupted", "Interrupted: the server stopped.", "Start it again; nothing of it goes on."
    )


def given_up(attempts: int) -> Verdict:
    """The end of a run that was begun anew as often as it may be, and whose server was gone each time."""
    said = f"Interrupted: {attempts} times the server that executed it was gone before it had ended."
    return Verdict("failed", "interrupted", said, "Tell an admin; it may be this run that ends them.")


_MEND = "Its log names the line: mend that and push again, or tell the app's owner."
_NO_PACKAGE = (
    "Apps run on a set of packages, among them pandas, numpy, matplotlib, openpyxl and pyarrow (the page"
    " Packages names all). Write it with those, or name what it needs in requirements.txt, and push again;"
    " your own files belong in the app's folder."
)
_NO_MEMORY = ("MemoryError", "numpy._core._exceptions._ArrayMemoryError", "pyarrow.lib.ArrowMemoryError")
_NO_PROCESSES = ("BlockingIOError: [Errno 11]", "RuntimeError: can't start new thread")
_MEMORY = (
    "It needed more than the {memory} MB of memory that a run may use.",
    "Let the query aggregate, or read fewer columns and rows at a time.",
)
_PROCESSES = (
    "It started more than the {processes} processes and threads that a run may have.",
    "Start fewer workers.",
)
_FORCED = {
    "stopped": ("It was stopped.", "Start it again when you want it to go on."),
    "timeout": (
        "It ran longer than {seconds} seconds and was ended.",
        "Look for a loop that does not end; let the query do the counting.",
    ),
    "output": (
        "It printed more than {printed} MB and was ended.",
        "Print less; hand tables over with show() and files with save().",
    ),
    "memory": _MEMORY,
    "processes": _PROCESSES,
    "signal": (
        "It was ended by signal {signal}.",
        "A library crashed, or the app ended itself; the log says more.",
    ),
    "lost": (
        "Its sandbox was lost before it had ended: {detail}",
        "Start it again. If that happens often, tell an admin.",
    ),
    "unstarted": (
        "Its sandbox could not be started: {detail}",
        "Tell an admin, who can run `handrail doctor`.",
    ),
}


def _fill(sentence: str, limits: Limits, outcome: Outcome) -> str:
    return sentence.format(
        memory=limits.memory // _MEGABYTE,
        processes=limits.processes,
        seconds="" if limits.seconds is None else f"{limits.seconds:g}",
        printed=limits.printed // _MEGABYTE,
        signal=_signal(outcome.code),
        detail=outcome.detail[:300],
    )


def _signal(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
