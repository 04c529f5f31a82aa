"""The plugs of an instance are made when they are needed, and let go with it."""

from typing import Any

import pytest

from handrail.kernel.ports import Ports


class _Plug:
    """Notes that it was closed; one that is `stuck` cannot be."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.closed, self._stuck = False, stuck

    def close(self) -> None:
        self.closed = True
        if self._stuck:
            raise OSError("it does not close")


def ports(engine: Any, isolation: Any) -> Ports:
    def never() -> Any:
        raise AssertionError("nobody needs it")

    return Ports(apps=never, engine=engine, isolation=isolation, door=never, twins=never)


def test_what_was_needed_is_closed_and_what_was_not_is_not_even_made() -> None:
    engine, isolation, made = _Plug(), _Plug(), list[str]()

    def make() -> _Plug:
        made.append("engine")
        return engine

    plugs = ports(make, lambda: isolation)
    assert plugs.isolation is isolation
    plugs.close()
    assert isolation.closed
    assert made == []
    assert plugs.engine is engine
    plugs.close()
    assert engine.closed


def test_one_that_cannot_be_closed_keeps_no_other_from_it() -> None:
    for stuck in ("engine", "isolation"):
        engine, isolation = _Plug(stuck=stuck == "engine"), _Plug(stuck=stuck == "isolation")
        plugs = ports(lambda engine=engine: engine, lambda isolation=isolation: isolation)
        assert plugs.engine and plugs.isolation
        with pytest.raises(OSError, match="does not close"):
            plugs.close()
        assert engine.closed and isolation.closed
