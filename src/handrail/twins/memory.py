"""Gives the system back what a large table took while it was made."""

from __future__ import annotations

import ctypes

LARGE = 200_000  # rows from which the memory of a table is worth milliseconds


def give_back(rows: int) -> None:
    """Have the system get all memory that is free, after work on a table of so many rows; of few, nothing.

    glibc keeps what is freed for whoever asks next, by thread, and gives it back when it is told to (numpy's
    arrays of a million rows are freed by the hundred). Other C libraries are left to their own ways.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if rows >= LARGE else None
    if trim is not None:
        trim(0)
