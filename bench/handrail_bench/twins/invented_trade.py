"""Two larger invented databases: a clinic with codes, units and notes, and a market with lines and totals."""

import numpy as np
import pyarrow as pa

from handrail_bench.twins.invented import Database, Key, Link, Rng, blank, by, days, moments, pick, zipf
from handrail_bench.twins.invented_links import names

_TESTS = [("GLU", "mg/dl", 95, 18), ("HB", "g/dl", 14, 1.4), ("CRP", "mg/l", 4, 6), ("K", "mmol/l", 4.2, 0.4)]
_TESTS += [("NA", "mmol/l", 140, 3), ("LEU", "1/nl", 7, 2), ("TSH", "mU/l", 2, 1)]
_DIAGNOSES = [("J06", "cold"), ("I10", "high blood pressure"), ("E11", "diabetes"), ("M54", "back pain")]
_DIAGNOSES += [("F32", "depression"), ("K29", "gastritis"), ("S93", "sprain"), ("Z00", "check-up")]


def clinic(rng: Rng, scale: float) -> Database:
    """Codes with labels, units by test, nulls by state, skewed notes, stays that end after they begin."""
    people, seen, drawn = int(2500 * scale), int(9000 * scale), int(20_000 * scale)
    age = np.clip(rng.normal(52, 20, people), 0, 98).astype(np.int64)
    who = zipf(rng, people, seen, 0.5)
    code = np.clip((age[who] / 13 + rng.normal(0, 1.5, seen)), 0, 7).astype(np.int64)
    began = np.sort(rng.integers(0, 500 * 1440, seen)) * 60
    stay = rng.random(seen) < 0.1 + age[who] / 400
    phrases = ["no findings", "control in 2 weeks", "referred", "refused advice", "see letter", "chronic"]
    visit = np.sort(rng.integers(0, seen, drawn))
    test = zipf(rng, len(_TESTS), drawn, 0.7)
    mean, spread = (np.asarray([one[place] for one in _TESTS], dtype=float) for place in (2, 3))
    value = np.abs(
        mean[test] + spread[test] * rng.normal(0, 1, drawn) + (test == 0) * (code[visit] == 2) * 60
    )
    tables = {
        "patients": pa.table(
            {
                "patient_id": [f"PT-{n:05d}" for n in range(people)],
                "name": names(rng, people),
                "sex": pick(rng, ["f", "m", "x"], people, (52, 47, 1)),
                "born_on": days("2025-01-01", -age * 365 - rng.integers(0, 365, people)),
                "insurer": by(zipf(rng, 12, people), [f"Insurer {n}" for n in range(12)]),
                "fax": pa.nulls(people, pa.string()),
            }
        ),
        "visits": pa.table(
            {
                "visit_id": np.arange(1, seen + 1),
                "patient_id": [f"PT-{n:05d}" for n in who],
                "diagnosis": by(code, [one for one, _ in _DIAGNOSES]),
                "diagnosis_text": by(code, [text for _, text in _DIAGNOSES]),
                "admitted_at": moments("2024-01-01", began),
                "discharged_at": blank(
                    moments("2024-01-01", began + rng.integers(20, 9000, seen) * 60), ~stay
                ),
                "ward": blank(by((code + 1) // 2, list("ABCDE")), ~stay),
                "note": blank(by(zipf(rng, 6, seen, 1.5), phrases), rng.random(seen) < 0.4),
            }
        ),
        "labs": pa.table(
            {
                "lab_id": np.arange(1, drawn + 1),
                "visit_id": visit + 1,
                "test": by(test, [one[0] for one in _TESTS]),
                "unit": by(test, [one[1] for one in _TESTS]),
                "value": np.round(value, 1),
                "flagged": value > mean[test] + 2 * spread[test],
            }
        ),
    }
    links = (
        Link("visits", ("patient_id",), "patients", ("patient_id",)),
        Link("labs", ("visit_id",), "visits", ("visit_id",)),
    )
    rules = {
        "discharged after admitted": "SELECT count(*) FROM visits WHERE discharged_at < admitted_at",
        "who stays has a ward": "SELECT count(*) FROM visits WHERE (ward IS NULL) <> (discharged_at IS NULL)",
        "a code has one text": "SELECT count(*) FROM (SELECT diagnosis FROM visits GROUP BY ALL"
        " HAVING count(DISTINCT diagnosis_text) > 1)",
        "a test has one unit": "SELECT count(*) FROM (SELECT test FROM labs GROUP BY ALL"
        " HAVING count(DISTINCT unit) > 1)",
    }
    keys: dict[str, Key] = {"patients": ("patient_id",), "visits": ("visit_id",), "labs": ("lab_id",)}
    return Database(tables, keys, links, rules)


def market(rng: Rng, scale: float) -> Database:
    """A star of five tables: lines that multiply, orders that sum their lines, shares by region and time."""
    goods, people, sold = 300, int(2000 * scale), int(7000 * scale)
    group = zipf(rng, 8, goods, 0.6)
    price = np.round(np.exp(rng.normal(2 + group * 0.3, 0.5)), 2)
    region = zipf(rng, 5, 40, 0.5)
    shop = zipf(rng, 40, sold, 0.7)
    buyer = zipf(rng, people, sold, 0.6)
    each = np.minimum(rng.geometric(0.4, sold), 9)
    order = np.repeat(np.arange(sold), each)
    good = zipf(rng, goods, len(order), 0.6)
    number = np.arange(len(order)) - np.repeat(np.cumsum(each) - each, each) + 1
    quantity = np.where(rng.random(len(order)) < 0.6, 1, rng.geometric(0.35, len(order)))
    cents = np.round(price[good] * 100).astype(np.int64) * quantity
    total = np.bincount(order, cents, minlength=sold) / 100
    tables = {
        "shops": pa.table(
            {
                "shop_id": np.arange(1, 41),
                "region": by(region, ["north", "east", "south", "west", "web"]),
                "area_m2": np.where(region == 4, 0, rng.integers(8, 90, 40) * 10),
            }
        ),
        "products": pa.table(
            {
                "sku": [f"{'ABCDEFGH'[g]}{n:04d}" for n, g in enumerate(group)],
                "category": by(group, ["food", "drink", "home", "garden", "toys", "sport", "media", "tools"]),
                "list_price": pa.array(price).cast(pa.decimal128(10, 2)),
                "active": rng.random(goods) < 0.9,
            }
        ),
        "customers": pa.table(
            {
                "customer_id": np.arange(1, people + 1) * 3,
                "name": names(rng, people),
                "club": by(zipf(rng, 3, people), ["none", "silver", "gold"]),
                "joined_on": days("2018-01-01", rng.integers(0, 2500, people)),
            }
        ),
        "orders": pa.table(
            {
                "order_id": np.arange(1, sold + 1),
                "shop_id": shop + 1,
                "customer_id": blank((buyer + 1) * 3, rng.random(sold) < 0.15),
                "ordered_on": days("2024-01-01", (rng.beta(2, 1.2, sold) * 700).astype(np.int64)),
                "paid_by": pick(rng, ["card", "cash", "invoice"], sold, (70, 20, 10)),
                "total": pa.array(total).cast(pa.decimal128(12, 2)),
            }
        ),
        "lines": pa.table(
            {
                "order_id": order + 1,
                "line_no": number,
                "sku": [f"{'ABCDEFGH'[group[n]]}{n:04d}" for n in good],
                "quantity": quantity,
                "unit_price": pa.array(price[good]).cast(pa.decimal128(10, 2)),
                "line_total": pa.array(cents / 100).cast(pa.decimal128(12, 2)),
            }
        ),
    }
    links = (
        Link("orders", ("shop_id",), "shops", ("shop_id",)),
        Link("orders", ("customer_id",), "customers", ("customer_id",)),
        Link("lines", ("order_id",), "orders", ("order_id",)),
        Link("lines", ("sku",), "products", ("sku",)),
    )
    rules = {
        "a line multiplies": "SELECT count(*) FROM lines WHERE quantity * unit_price <> line_total",
        "an order sums its lines": "SELECT count(*) FROM orders JOIN"
        " (SELECT order_id, sum(line_total) AS summed FROM lines GROUP BY ALL) USING (order_id)"
        " WHERE total <> summed",
    }
    keys: dict[str, Key] = {"shops": ("shop_id",), "products": ("sku",), "customers": ("customer_id",)}
    keys |= {"orders": ("order_id",), "lines": ("order_id", "line_no")}
    return Database(tables, keys, links, rules)
