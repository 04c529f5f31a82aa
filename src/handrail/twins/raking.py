"""Leans the shares that a column is drawn by until all rows together come to what the sketch says of them.

Shares are told by the cells of what a column depends on. In the twin these cells have other numbers of rows
than in reality, since their own shares were rounded, told of k only, or repaired; and each column drawn by
another that strayed strays further. So every bin is weighed by one factor, the same in all cells, until the
whole fits (iterative proportional fitting, Deming and Stephan 1940): what cells have more or less of than
others stays, and what a cell never has it does not get.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handrail.twins.draw import shares_by_cell
from handrail.twins.models import ColumnSketch
from handrail.twins.values import Ints

Floats = NDArray[np.float64]
ROUNDS = 16
MOST = 5.0  # times by which a bin is weighed at most, either way: beyond, something else is wrong
NEAR = 1e-4  # share of all rows by which the whole may miss


def leaned(column: ColumnSketch, cell: Ints) -> ColumnSketch:
    """The column with shares by cell that add up to its own over rows of these cells, as `draw.cells` gives
    them. It stays as it is where it depends on nothing."""
    if not column.given or not any(column.shares) or not len(cell):
        return column
    shares, which = shares_by_cell(column, cell)
    factors = raked(shares, np.bincount(which, minlength=len(shares)), np.array(column.shares))[1]
    otherwise = column.otherwise or column.shares
    return replace(
        column,
        given=tuple((group, _weighed(found, factors)) for group, found in column.given),
        otherwise=tuple(float(share * factor) for share, factor in zip(otherwise, factors, strict=True)),
    )


def raked(shares: Floats, rows: Ints, wanted: Floats) -> tuple[Floats, Floats]:
    """Shares (a row for each cell, a column for each value), each row adding up to 1, whose columns come to
    the `wanted` numbers or shares over this many `rows` of each cell; and the factor of each value.

    What cannot come to that, since no cell has enough of it, comes as near as `MOST` lets it.
    """
    factors = np.ones(shares.shape[1])
    found = _whole(shares)
    total = float(wanted.sum())
    if not total or not rows.sum():
        return found, factors
    goal = wanted / total
    for _ in range(ROUNDS):
        has = rows @ found / rows.sum()
        if np.abs(has - goal).max() < NEAR:
            break
        ratio = np.divide(goal, has, out=np.ones_like(goal), where=(has > 0) & (goal > 0))
        factors = np.clip(factors * ratio, 1 / MOST, MOST)
        found = _whole(shares * factors)
    return found, factors


def _whole(shares: Floats) -> Floats:
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(shares, total, out=np.zeros_like(shares), where=total > 0), dtype=np.float64)


def _weighed(found: tuple[tuple[int, float], ...], factors: Floats) -> tuple[tuple[int, float], ...]:
    total = sum(share * factors[code] for code, share in found) or 1.0
    return tuple((code, float(share * factors[code] / total)) for code, share in found)
