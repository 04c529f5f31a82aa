"""How many cases a random test draws: a part of them at each change, and all in `make fuzz`, with another seed each."""

import os

FUZZING = "HANDRAIL_SEED" in os.environ
LEAST = 10


def cases(most: int) -> int:
    """All of these in `make fuzz`; a third in `make test`, which draws the same ones each time, but never under ten."""
    return most if FUZZING else max(LEAST, most // 3)
