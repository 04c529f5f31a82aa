"""Random numbers: a generator of its own for each purpose, the same in every build with the same seed."""

from __future__ import annotations

from zlib import crc32

import numpy as np

KEY_SEED = 0  # keys are the same in every build, so that twins built apart fit each other


def seeded(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that one table's draws do not move another's."""
    return np.random.default_rng([seed, crc32(purpose.encode())])
