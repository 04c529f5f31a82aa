"""Products and customers."""

import numpy as np
import pyarrow as pa

from . import vocabulary as words
from .columns import Ints, Rng, blank, dates, day, decimals, draw, join, pick, replace

FIRST_CUSTOMER = 1001


def products(rng: Rng, count: int) -> pa.Table:
    """The catalogue: `count` products, each in one product line, with stock and a cost below its price."""
    line = draw(rng, len(words.PRODUCT_LINES), count, words.LINE_WEIGHTS)
    price = np.asarray(words.LINE_PRICE_CENTS)[line] * rng.lognormal(0, 0.35, count)
    price_cents = (np.round(price / 500) * 500).clip(min=500).astype(np.int64) - 5
    stock = rng.negative_binomial(2, 0.02, count)
    number = np.arange(1, count + 1)
    name = join(pick(rng, words.PRODUCT_WORDS, count), " ", pick(rng, words.PRODUCT_FORMS, count))
    launched = rng.integers(day("2016-03-01"), day("2025-09-01"), count)
    discontinued = dates(launched + rng.integers(500, 2500, count))
    return pa.table(
        {
            "product_id": number,
            "sku": join("MER-", number + 10000),
            "product_name": name,
            "product_line": pa.array(words.PRODUCT_LINES).take(pa.array(line)),
            "unit_price_eur": decimals(price_cents, 10, 2),
            "unit_cost_eur": decimals((price_cents * rng.uniform(0.38, 0.71, count)).astype(np.int64), 10, 2),
            "weight_g": blank(pa.array(rng.integers(40, 4200, count)), rng.random(count) < 0.06),
            "units_in_stock": np.where(rng.random(count) < 0.04, -1, stock),  # -1: the warehouse lost count
            "reorder_point": rng.integers(5, 60, count),
            "launched_on": dates(launched),
            "discontinued_on": blank(discontinued, rng.random(count) < 0.85),
        }
    )


def customers(rng: Rng, count: int, region: Ints) -> pa.Table:
    """`count` customers in their regions: nineteen columns, most of them personal data."""
    number = np.arange(FIRST_CUSTOMER, FIRST_CUSTOMER + count)
    first = pick(rng, words.FIRST_NAMES, count)
    last = replace(
        pick(rng, words.LAST_NAMES, count), rng.random(count) < 0.02, pick(rng, words.ODD_LAST_NAMES, count)
    )
    country, city = _places(rng, region)
    segment = pick(rng, words.SEGMENTS, count, words.SEGMENT_WEIGHTS)
    business = np.isin(np.asarray(segment), ("club", "retailer", "school"))
    company = join(pick(rng, words.COMPANIES, count), " #", number % 97)
    digits = rng.integers(10**17, 10**18, count)
    return pa.table(
        {
            "customer_id": number,
            "first_name": blank(first, rng.random(count) < 0.015),
            "last_name": last,
            "company": blank(company, ~business),
            "email": blank(_emails(rng, number), rng.random(count) < 0.03),
            "phone": blank(_phones(rng, count), rng.random(count) < 0.12),
            "birth_date": blank(dates(rng.integers(day("1938-01-01"), day("2007-12-31"), count)), business),
            "street": join(pick(rng, words.STREETS, count), " ", rng.integers(1, 240, count)),
            "postal_code": join(pa.array(rng.integers(1000, 99999, count))),
            "city": city,
            "country": country,
            "region": pa.array(words.REGIONS).take(pa.array(region)),
            "segment": segment,
            "loyalty_tier": blank(pick(rng, ("green", "silver", "gold"), count, (80, 15, 5)), business),
            "credit_limit_eur": blank(decimals(rng.integers(2, 120, count) * 50000, 12, 2), ~business),
            "iban": blank(_ibans(digits), rng.random(count) < 0.35),
            "newsletter": rng.random(count) < 0.44,
            "joined_on": dates(rng.integers(day("2015-01-01"), day("2024-01-01"), count)),
            "note": blank(
                pick(rng, ("calls back", "prefers Ærø pick-up", "N/A", "-", "VIP!!"), count),
                rng.random(count) < 0.9,
            ),
        }
    )


def _places(rng: Rng, region: Ints) -> tuple[pa.Array, pa.Array]:
    flat = [place for name in words.REGIONS for place in words.PLACES[name]]
    sizes = np.asarray([len(words.PLACES[name]) for name in words.REGIONS])
    starts = np.cumsum(sizes) - sizes
    chosen = pa.array(starts[region] + (rng.random(len(region)) * sizes[region]).astype(np.int64))
    return pa.array([c for c, _ in flat]).take(chosen), pa.array([t for _, t in flat]).take(chosen)


def _emails(rng: Rng, number: Ints) -> pa.Array:
    # Only reserved domains (RFC 2606): no demo data may reach a mailbox.
    size = len(number)
    stem = pick(rng, ("anna", "j.doe", "info", "m_rossi", "k+shop", "team-a"), size)
    return join(stem, number, "@", pick(rng, ("example.com", "example.org", "example.net"), size))


def _phones(rng: Rng, count: int) -> pa.Array:
    tidy = join(
        "+", pick(rng, ("49", "33", "44", "81", "1"), count), " 555 ", rng.integers(10**6, 10**7, count)
    )
    return replace(tidy, rng.random(count) < 0.1, join("00", rng.integers(10**9, 10**10, count)))


def _ibans(digits: Ints) -> pa.Array:
    # ISO 13616: check digits make the rearranged number (bban, "DE" as 1314, "00") congruent to 1 mod 97.
    check = 98 - (digits % 97 * (10**6 % 97) + 131400) % 97
    return join("DE", _two_digits(check), digits)


def _two_digits(values: Ints) -> pa.Array:
    """Numbers below 100 as two digits of text."""
    return pa.array([f"{n:02d}" for n in range(100)]).take(pa.array(values))
