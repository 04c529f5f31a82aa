"""Sales orders and their lines: seasons, returns, three currencies, and a month that arrives late."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from . import vocabulary as words
from .columns import Ints, Rng, blank, dates, day, decimals, draw, instants, pick, replace
from .commerce import FIRST_CUSTOMER

FIRST_DAY, LAST_DAY = day("2024-01-01"), day("2026-11-22")
LATE_FROM, LATE_TO, LATE_REGION = day("2026-08-01"), day("2026-08-31"), words.REGIONS.index("LATAM")
RETURNED_SHARE = 0.008  # of gross revenue, in every quarter
_MONTH_WEIGHT = np.asarray([6, 6, 8, 9, 10, 11, 10, 9, 8, 7, 8, 12], dtype=float)
_RATE_START = {"EUR": 1_000_000, "USD": 915_000, "GBP": 1_162_000}  # millionths of a euro


@dataclass(frozen=True)
class Sales:
    """The two order tables, and what finance needs of them: day and exact net euros (1e-8) per order."""

    orders: pa.Table
    lines: pa.Table
    day: Ints
    net_eur: Ints


def sales(rng: Rng, count: int, customer_region: Ints, products: pa.Table) -> Sales:
    """`count` orders of these customers, one to seven lines each; amounts of lines sum to their order."""
    when = _days(rng, count)
    customer = (rng.beta(0.8, 2.4, count) * len(customer_region)).astype(np.int64)
    region = np.where(
        rng.random(count) < 0.01, draw(rng, len(words.REGIONS), count), customer_region[customer]
    )
    currency = _currencies(rng, region)
    rate = _rates(when, currency)
    line = draw(rng, len(words.PRODUCT_LINES), count, words.LINE_WEIGHTS)
    per_order = np.minimum(rng.geometric(0.45, count), 7)
    lines, net = _lines(rng, per_order, line, rate, products)
    returned = _returns(rng, when, net, rate)
    number = np.arange(1, count + 1) + 500_000
    orders = pa.table(
        {
            "order_id": number,
            "customer_id": customer + FIRST_CUSTOMER,
            "order_date": dates(when),
            "loaded_at": instants(_loaded(rng, when, region)),
            "region": pa.array(words.REGIONS).take(pa.array(region)),
            "channel": blank(
                pick(rng, ("web", "store", "partner", "phone", "Web "), count, (60, 25, 10, 4, 1)),
                rng.random(count) < 0.02,
            ),
            "product_line": pa.array(words.PRODUCT_LINES).take(pa.array(line)),
            "currency": pa.array(words.CURRENCIES).take(pa.array(currency)),
            "eur_rate": decimals(rate, 9, 6),
            "net_amount": decimals(net, 12, 2),
            "returned_amount": blank(decimals(returned, 12, 2), returned == 0),
            "returned_on": blank(dates(when + rng.integers(3, 21, count)), returned == 0),
            "promo_code": blank(
                replace(
                    pick(rng, ("SPRING10", "CLUB", "FJORD", "blackfriday"), count),
                    rng.random(count) < 0.01,
                    " n/a",
                ),
                rng.random(count) < 0.8,
            ),
            "note": blank(
                pick(rng, ("gift 🎁", "Lieferung nach 18 Uhr", "see e-mail", "", "§ 13b"), count),
                rng.random(count) < 0.95,
            ),
        }
    )
    return Sales(orders, lines, when, (net - returned) * rate)


def _days(rng: Rng, count: int) -> Ints:
    every = np.arange(FIRST_DAY, LAST_DAY + 1)
    month = every.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    weekday = (every + 3) % 7
    growth = 1 + (every - FIRST_DAY) / 1500
    weight = _MONTH_WEIGHT[month] * np.where(weekday >= 5, 1.35, 1.0) * growth
    return np.sort(FIRST_DAY + draw(rng, len(every), count, weight.tolist()))


def _currencies(rng: Rng, region: Ints) -> Ints:
    usual = np.asarray([words.CURRENCIES.index(c) for c in words.REGION_CURRENCY])[region]
    return np.where(rng.random(len(region)) < 0.03, draw(rng, 3, len(region)), usual)


def _rates(when: Ints, currency: Ints) -> Ints:
    """Euros per unit of the currency in millionths, fixed per calendar month as finance books them."""
    month = when.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    start = np.asarray([_RATE_START[c] for c in words.CURRENCIES])[currency]
    swing = np.round(22_000 * np.sin(month * 0.9 + currency)).astype(np.int64)
    return np.where(currency == 0, start, start + swing)


def _lines(rng: Rng, per_order: Ints, line: Ints, rate: Ints, products: pa.Table) -> tuple[pa.Table, Ints]:
    total = int(per_order.sum())
    order = np.repeat(np.arange(len(per_order)), per_order)
    first = np.cumsum(per_order) - per_order
    product = _products_of_line(rng, line[order], products)
    list_cents = np.asarray(products["unit_price_eur"].cast(pa.float64())) * 100
    unit_price = np.round(list_cents[product] * 1_000_000 / rate[order]).astype(np.int64)
    quantity = np.minimum(rng.geometric(0.62, total), 24)
    percent = np.asarray([0, 5, 10, 20, 30])[draw(rng, 5, total, (72, 10, 10, 6, 2))]
    amount = np.round(unit_price * quantity * (100 - percent) / 100).astype(np.int64)
    table = pa.table(
        {
            "order_id": order + 500_001,
            "line_no": np.arange(total) - first[order] + 1,
            "product_id": product + 1,
            "quantity": quantity,
            "unit_price": decimals(unit_price, 12, 2),
            "discount": decimals(percent, 4, 2),
            "line_amount": decimals(amount, 12, 2),
        }
    )
    return table, np.add.reduceat(amount, first)


def _products_of_line(rng: Rng, line: Ints, products: pa.Table) -> Ints:
    names = np.asarray(products["product_line"].combine_chunks())
    product = np.zeros(len(line), dtype=np.int64)
    for index, name in enumerate(words.PRODUCT_LINES):
        where = np.flatnonzero(line == index)
        stocked = np.flatnonzero(names == name)
        product[where] = stocked[(rng.beta(0.9, 1.8, len(where)) * len(stocked)).astype(np.int64)]
    return product


def _returns(rng: Rng, when: Ints, net: Ints, rate: Ints) -> Ints:
    """Cents sent back per order, mostly none, scaled so that each quarter returns `RETURNED_SHARE`."""
    share = np.where(rng.random(len(net)) < 0.03, rng.uniform(0.1, 0.45, len(net)), 0.0)
    quarter = when.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // 3
    slot = quarter - quarter.min()
    gross = np.bincount(slot, net * rate)
    back = np.bincount(slot, net * rate * share)
    scale = RETURNED_SHARE * gross / np.maximum(back, 1)
    cents: Ints = np.minimum(np.round(net * share * scale[slot]).astype(np.int64), net)
    return cents


def _loaded(rng: Rng, when: Ints, region: Ints) -> Ints:
    seconds = when * 86_400 + rng.integers(6 * 3600, 22 * 3600, len(when)) + 9 * 3600
    late = (region == LATE_REGION) & (when >= LATE_FROM) & (when <= LATE_TO)
    # The LATAM warehouse sent August in October: a report by load date is wrong for two quarters.
    arrived = day("2026-10-05") * 86_400 + rng.integers(0, 7200, len(when))
    return np.where(late, arrived, seconds)
