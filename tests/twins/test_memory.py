"""What a large table took while it was made goes back to the system."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from handrail.twins.memory import LARGE, give_back

BLOCKS, SIZE = 4000, 50_000  # bytes: small enough to be kept when they are freed


def held() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_memory_that_is_free_goes_back_after_a_large_table_and_stays_after_a_small_one() -> None:
    blocks = [np.ones(SIZE, dtype=np.uint8) for _ in range(BLOCKS)]
    last = np.ones(SIZE, dtype=np.uint8)  # lies after them, so that they cannot be given back by themselves
    del blocks
    before = held()
    give_back(LARGE - 1)
    assert held() > before - BLOCKS * SIZE / 10
    give_back(LARGE)
    assert held() < before - BLOCKS * SIZE / 2
    assert last.all()
