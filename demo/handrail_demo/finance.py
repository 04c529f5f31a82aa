"""The board's revenue per closed quarter: what every other revenue figure has to tie to."""

import numpy as np
import pyarrow as pa

from .columns import Ints, dates, day, decimals, join

CLOSED_UNTIL = day("2026-10-01")  # the last closed quarter is 2026-Q3
_BOARD_ROUNDING = 10_000  # cents: the board pack shows hundreds of euros


def control_totals(order_day: Ints, net_eur: Ints) -> pa.Table:
    """Revenue per closed quarter by order date, net of returns, in euros at the booked rate.

    `net_eur` counts 1e-8 euros per order. Totals are rounded to 100 EUR, as they are shown to the board.
    """
    quarter = order_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // 3
    slot = quarter - quarter.min()
    exact = np.zeros(int(slot.max()) + 1, dtype=np.int64)
    np.add.at(exact, slot, net_eur)
    first_day = _first_day(quarter.min() + np.arange(len(exact)))
    next_day = _first_day(quarter.min() + np.arange(len(exact)) + 1)
    closed = next_day <= CLOSED_UNTIL
    cents = np.round(exact[closed] / 1_000_000 / _BOARD_ROUNDING).astype(np.int64) * _BOARD_ROUNDING
    year = 1970 + (quarter.min() + np.arange(len(exact)))[closed] // 4
    number = (quarter.min() + np.arange(len(exact)))[closed] % 4 + 1
    return pa.table(
        {
            "quarter": join(year, "-Q", number),
            "first_day": dates(first_day[closed]),
            "last_day": dates(next_day[closed] - 1),
            "revenue_eur": decimals(cents, 14, 2),
            "closed_on": dates(next_day[closed] + 17),
            "board_pack": join("Board pack Q", number, " ", year),
        }
    )


def _first_day(quarter: Ints) -> Ints:
    return (quarter * 3).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
