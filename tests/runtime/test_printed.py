"""Whatever a run prints is in its log, in its order, also where the database is away for a while."""

from contextlib import nullcontext
from typing import Any

import pytest

from handrail import runtime
from handrail.kernel import Instance, Upstream
from handrail.runtime import printed as printed_module
from handrail.runtime.execute import claim
from handrail.runtime.printed import Printed
from tests.runtime.shared import acting, postgres, queue, shared

__all__ = ["postgres", "shared"]


def test_what_a_run_prints_while_the_database_is_away_is_kept_once_it_is_back(
    shared: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(shared)
    run = claim(shared)
    assert run is not None

    def away(*_: object) -> None:
        raise Upstream("The database does not answer.", next_step="Try again.")

    with Printed(shared, run) as printed:
        printed.write(b"one ")
        printed.flush()
        printed.write(b"two ")
        with monkeypatch.context() as patched:
            patched.setattr(shared, "context", away)
            for more in (b"three ", b"four "):
                with pytest.raises(Upstream):
                    printed.flush()
                printed.write(more)
        printed.flush()
        printed.write(b"five")
    with acting(shared, run.person) as ctx:
        assert runtime.log(ctx, run.id) == "one two three four five"


@pytest.mark.parametrize(
    ("away_for", "kept"), [(printed_module._TRIES - 1, True), (printed_module._TRIES, False)]
)
def test_a_run_does_not_fail_for_a_moment_without_the_database_at_its_end(
    shared: Instance, monkeypatch: pytest.MonkeyPatch, away_for: int, kept: bool
) -> None:
    queue(shared)
    run = claim(shared)
    assert run is not None
    monkeypatch.setattr(printed_module, "_AGAIN", 0.0)
    left, there = [1] * away_for, shared.context

    def at_times(*given: Any) -> Any:
        if left:
            left.pop()
            raise Upstream("The database does not answer.", next_step="Try again.")
        return there(*given)

    monkeypatch.setattr(shared, "context", at_times)
    with nullcontext() if kept else pytest.raises(Upstream), Printed(shared, run) as printed:
        printed.write(b"the last words")
    with acting(shared, run.person) as ctx:
        assert runtime.log(ctx, run.id) == ("the last words" if kept else "")
