"""Why a run ended, in words."""

import pytest

from handrail.kernel import LimitReached, NotAllowed
from handrail.kernel.sandbox import Conversation, Limits, Outcome
from handrail.runtime.reasons import explain

REFUSED = NotAllowed("payroll is not declared.", next_step="Declare it.")


@pytest.mark.parametrize(
    ("outcome", "said", "log", "state", "how", "words"),
    [
        (Outcome("exited", 0, 1), Conversation(), "", "succeeded", "exited", ""),
        (Outcome("exited", 0, 1), Conversation(refusals=(REFUSED,)), "", "succeeded", "exited", ""),
        (Outcome("exited", 1, 1), Conversation(), "ValueError: x", "failed", "exited", "ValueError: x"),
        (Outcome("exited", 1, 1), Conversation(), "", "failed", "exited", "said nothing"),
        (Outcome("exited", 1, 1), Conversation(refusals=(REFUSED,)), "x\nhandrail_sdk.Refused: p", "failed",
         "refused", "payroll is not declared"),
        (Outcome("exited", 1, 1), Conversation(refusals=(REFUSED,)), "KeyError: 1", "failed", "exited", "KeyError"),
        (Outcome("exited", 0, 1), Conversation(broken="a frame of 9 bytes"), "", "failed", "broken", "cut off"),
        (Outcome("exited", 1, 1), Conversation(), "MemoryError", "failed", "memory", "1024 MB"),
        (Outcome("lost", 0, 1, 0, "Evicted: no room"), Conversation(), "", "failed", "lost", "Evicted: no room"),
        (Outcome("exited", 1, 1), Conversation(), "RuntimeError: can't start new thread", "failed", "processes", "64"),
        (Outcome("stopped", 0, 1), Conversation(), "", "stopped", "stopped", "stopped"),
        (Outcome("signal", 64, 1), Conversation(), "", "failed", "signal", "signal 64"),
        (Outcome("signal", 99, 1), Conversation(), "", "failed", "signal", "signal 99"),
        (Outcome("unstarted", 1, 1, detail="bwrap: no"), Conversation(), "", "failed", "unstarted", "bwrap: no"),
    ],
)  # fmt: skip
def test_every_end_has_its_state_and_words(
    outcome: Outcome, said: Conversation, log: str, state: str, how: str, words: str
) -> None:
    verdict = explain(outcome, Limits(), said, log)
    assert (verdict.state, verdict.ended) == (state, how)
    assert words in verdict.reason
    assert bool(verdict.next_step) == (state != "succeeded")


def test_the_last_of_several_refusals_is_the_reason() -> None:
    said = Conversation(refusals=(REFUSED, LimitReached("Too many rows.", next_step="Ask for fewer.")))
    verdict = explain(Outcome("exited", 1, 1), Limits(), said, "handrail_sdk.Refused: Too many rows.")
    assert (verdict.reason, verdict.next_step) == ("Handrail refused: Too many rows.", "Ask for fewer.")
