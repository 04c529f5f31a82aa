"""What owners and support learn of a failed production run: where, and never a row."""

import pytest

from handrail import runtime
from handrail.kernel import LimitReached, trail
from handrail.kernel.sandbox import Conversation, Limits, Outcome
from handrail.runtime.outline import outline
from handrail.runtime.reasons import explain, interrupted
from tests.conftest import Acting
from tests.runtime.conftest import Start

NAME = "Anna Weber"
FAILS = f"customers = {{}}\n\ndef find(name):\n    return customers[name]\n\nfind({NAME!r})\n"
FILES = {"app.py": FAILS.encode(), "lib/prices.py": b"a\nb\n"}
FRAME = 'Traceback (most recent call last):\n  File "/app/app.py", line 4, in find\n'


def told(log: str, ended: Conversation | None = None) -> str:
    return outline(explain(Outcome("exited", 1, 1), Limits(), ended or Conversation(), log), log, FILES)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (f"{FRAME}    return customers[name]\nKeyError: '{NAME}'\n", "It ended with an error: KeyError at app.py:4."),
        (f"{FRAME}ValueError: bad\n{NAME}: 54000\n", "It ended with an error: ValueError at app.py:4."),
        (f'{FRAME}  File "/layer/pandas/x.py", line 900, in get\npandas.errors.MergeError: {NAME}',
         "It ended with an error: pandas.errors.MergeError at app.py:4."),
        (f'{FRAME}  File "/app/lib/prices.py", line 2, in get\nZeroDivisionError\n',
         "It ended with an error: ZeroDivisionError at lib/prices.py:2."),
        # what an app may forge: a class, a file, a line, a last line
        (f"{FRAME}Anna_Weber: 54000", "It ended with an error: an exception of another kind at app.py:4."),
        (f"{FRAME}pandas.errors.Anna_Weber: 54000",
         "It ended with an error: an exception of another kind at app.py:4."),
        (f'Traceback (most recent call last):\n  File "/app/{NAME}.py", line 1, in x\nKeyError: 1',
         "It ended with an error: KeyError."),
        ('Traceback (most recent call last):\n  File "/app/app.py", line 54000, in x\nKeyError: 1',
         "It ended with an error: KeyError."),
        (f"print: {NAME}", "It ended with an error."),
        ("", "It ended with an error."),
    ],
)  # fmt: skip
def test_an_outline_says_where_and_nothing_that_the_app_chose(log: str, words: str) -> None:
    assert told(log) == words


def test_a_refusal_is_not_quoted_since_the_app_chose_its_words() -> None:
    refusal = LimitReached(f'There is no column "{NAME}".', next_step=f"Did you mean {NAME}?")
    log = f"{FRAME}handrail_sdk.Refused: {refusal.message}"
    assert told(log, Conversation(refusals=(refusal,))) == "Handrail refused what it asked for at app.py:4."


def test_other_ends_are_told_in_full() -> None:
    verdict = explain(Outcome("timeout", 0, 1), Limits(), Conversation(), NAME)
    assert outline(verdict, NAME, FILES) == verdict.reason
    assert outline(interrupted(), NAME, FILES) == "Interrupted: the server stopped."


@pytest.mark.parametrize("other", ["maker.sales", "support.oncall"])
def test_a_row_in_the_last_words_of_a_production_run_reaches_nobody_else(
    ended: Start, acting: Acting, owned: None, other: str
) -> None:
    run = ended(FAILS, person="viewer.emea", environment="production")
    with acting("viewer.emea") as ctx:
        assert NAME in runtime.run(ctx, run.id).reason
    with acting(other) as ctx:
        for seen in (runtime.run(ctx, run.id), *runtime.runs(ctx, "tried")):
            assert seen.reason == "It ended with an error: KeyError at app.py:4."
            assert NAME not in repr(seen)
            assert seen.exit_code is None
            assert seen.next_step
    with acting("compliance") as ctx:
        assert not [entry for entry in trail.entries(ctx, limit=500) if NAME in repr(entry)]


def test_the_owner_reads_the_whole_reason_of_a_sandbox_run(ended: Start, acting: Acting, owned: None) -> None:
    run = ended(FAILS, person="reviewer.platform")
    with acting("maker.sales") as ctx:
        assert NAME in runtime.run(ctx, run.id).reason


def test_who_stopped_a_waiting_run_of_somebody_else_is_told_so(
    start: Start, acting: Acting, owned: None
) -> None:
    run = start("pass", person="viewer.emea", environment="production")
    with acting("maker.sales") as ctx:
        assert runtime.stop(ctx, run.id).state == "stopped"
        assert runtime.run(ctx, run.id).reason == "It was stopped."
