"""Whatever a run prints is in its log, in its order, also where the database is away for a while."""

import pytest

from handrail import runtime
from handrail.kernel import Instance, Upstream
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
