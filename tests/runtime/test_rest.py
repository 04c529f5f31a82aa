"""An app that ends by itself again and again is woken less and less often."""

import pytest

from handrail.kernel import NotReady
from handrail.runtime import rest
from handrail.runtime.rest import Rests
from tests.runtime.test_place import SEAT


def test_each_end_in_a_row_makes_the_rest_longer_and_a_steady_time_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(rest, "time", type("_", (), {"monotonic": staticmethod(lambda: now[0])}))
    rests, rested = Rests(), list[int]()
    rests.must_be_over(SEAT)
    for _ in range(8):
        rests.ended(SEAT, begun=now[0])
        seconds = 0
        while True:
            try:
                rests.must_be_over(SEAT)
            except NotReady as refusal:
                assert "ended by itself" in refusal.message
                now[0], seconds = now[0] + 1, seconds + 1
            else:
                break
        rested.append(seconds)
    assert rested == [1, 2, 5, 10, 30, 60, 60, 60]
    rests.ended(SEAT, begun=now[0] - 61)
    with pytest.raises(NotReady, match="in 1 seconds"):
        rests.must_be_over(SEAT)
