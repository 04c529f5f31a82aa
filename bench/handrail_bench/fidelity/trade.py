"""A web shop and the personnel of an office, for `messes`."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from handrail_bench.fidelity.office import FIRST, LAST, Office, Rows, day


def write_shop(folder: Path, tidy: bool = False) -> Path:
    """A web shop, exported as CSV from a system that was migrated once."""
    rng = Office(11, tidy)
    customers, products = _customers(rng), _products(rng)
    orders, lines = _orders(rng, customers, products)
    out = folder / "shop"
    out.mkdir(parents=True)
    for name, rows in (
        ("customers", customers),
        ("products", products),
        ("orders", orders),
        ("order_lines", lines),
    ):
        csv.write_csv(pa.Table.from_pylist(rows), out / f"{name}.csv")
    return out


def _customers(rng: Office) -> Rows:
    rows = []
    for i in range(1, 601):
        first, last = rng.choice(FIRST), rng.choice(LAST)
        country = rng.typed(["DE", "DE", "DE", "AT", "CH", "NL"], ["Germany"], 0.05)  # two forms, once
        rows.append(
            {
                "customer_id": i,
                "name": f" {first} {last}" if rng.slip(0.02) else f"{first} {last}",  # pasted from mail
                "email": None if rng.slip(0.03) else f"{first}.{last}{i}@mail.example".lower(),
                "country": country,
                "postcode": f"{rng.randrange(1000, 99999):05d}" if not rng.slip(0.01) else "n/a",
                "segment": None if rng.slip(0.08) else rng.choice(["consumer", "business", "reseller"]),
                "signed_up": day(rng, 2021, 900),
                "credit_limit": None if rng.slip(0.3) else rng.typed([500, 1000, 5000], [0], 0.2),
            }
        )
    if rng.tidy:
        return rows
    rows[17]["name"] = 'Müller & Söhne "Café", Zürich'
    rows[18]["name"] = "=Profi+Werkzeug GmbH"
    rows[19]["name"] = "O'Connor"
    return rows


def _products(rng: Office) -> Rows:
    groups = ["Garden", "Kitchen", "Lighting", "Tools", "Toys"]
    rows = [
        {
            "product_id": i,
            "sku": f"{rng.choice('AGKLT')}-{i:04d}",
            "product": f"{rng.choice(('Small', 'Large', 'Red'))} {rng.choice(groups).lower()} item {i}",
            "category": None if rng.slip(0.05) else rng.choice(groups),  # not filed yet
            "price": 0.0 if rng.slip(0.03) else round(rng.uniform(2, 180), 2),  # 0: give-aways
            "weight_kg": None if rng.slip(0.15) else round(rng.uniform(0.1, 20), 2),
            "size": rng.typed(["10x20x5", "30x40x10", "15x15x15"], ["n/a", "12 x 8 x 3"], 0.3),
            "discontinued": None if rng.slip(0.9) else day(rng, 2023, 500),
        }
        for i in range(1, 201)
    ]
    if not rng.tidy:
        rows[5]["category"] = "Gift cards"  # the only one of its kind
    return rows


def _orders(rng: Office, customers: Rows, products: Rows) -> tuple[Rows, Rows]:
    orders: Rows = []
    lines: Rows = []
    sold = products if rng.tidy else products[:180]  # the newest twenty were never sold
    for i in range(1, 3001):
        ordered = datetime(2023, 1, 1) + timedelta(minutes=rng.randrange(2 * 365 * 1440))  # noqa: DTZ001
        status = rng.typed(
            ["delivered"], ["shipped", "shipped", "cancelled", "cancelled", "returned", "open"], 0.25
        )
        delivered = ordered.date() + timedelta(days=rng.randrange(1, 9)) if status == "delivered" else None
        if delivered and rng.slip(0.01):
            delivered = ordered.date() - timedelta(days=1)  # entered by hand
        orders.append(
            {
                "order_id": 100000 + i,
                "customer_id": 7
                if rng.slip(0.12)
                else (i - 1) % 560 + 1
                if i < 561
                else rng.choice(customers[: 600 if rng.tidy else 560])["customer_id"],
                "ordered_at": ordered,
                "channel": rng.choices(["web", "phone", "store", "app"], [60, 12, 20, 8])[0],
                "status": status,
                "coupon": None if rng.slip(0.8) else rng.choice(["WELCOME10", "SPRING15", "VIP20"]),
                "shipping": rng.choice([0.0, 4.9, 4.9, 9.9]),
                "delivered_on": delivered,
                "note": rng.typed(["Leave at door", "Gift", "call before"], [None], 0.5),
            }
        )
        if rng.slip(0.08):
            orders[-1]["customer_id"] = None  # bought as a guest
        if status == "cancelled" and rng.slip(0.3):
            continue  # nothing was ever put in
        for n, product in enumerate(rng.sample(sold, rng.choice([1, 1, 2, 2, 3, 5])), 1):
            back = status == "returned" and rng.slip(0.6)
            lines.append(
                {
                    "order_id": 100000 + i,
                    "line_no": n,
                    "product_id": product["product_id"],
                    "quantity": -1 if back else rng.choice([1, 1, 1, 2, 3, 10]),
                    "unit_price": product["price"],
                    "discount": None if rng.slip(0.4) else rng.choice([0.0, 0.05, 0.1, 0.2]),
                }
            )
    if rng.tidy:
        return orders, lines
    orders[40]["note"] = 'She said "ring twice",\nthen leave it'
    orders[41]["note"] = "🎁 für Zoë"
    orders[42]["ordered_at"] = datetime(1970, 1, 1)  # noqa: DTZ001 - a field that was never set
    return orders, lines


def write_people(folder: Path, tidy: bool = False) -> Path:
    """Personnel, in SQLite, kept by one office over twenty years."""
    rng = Office(12, tidy)
    out = folder / "people.sqlite"
    out.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(out) as db:
        db.executescript(
            """CREATE TABLE departments (department_id INTEGER PRIMARY KEY, department TEXT NOT NULL,
                 cost_centre TEXT, head_id INTEGER, budget INTEGER);
               CREATE TABLE employees (employee_id INTEGER PRIMARY KEY, full_name TEXT NOT NULL,
                 department_id INTEGER REFERENCES departments(department_id), manager_id INTEGER,
                 hired_on DATE NOT NULL, left_on DATE, salary DECIMAL(10,2), hours REAL, grade TEXT,
                 skills TEXT, shift_start TEXT);
               CREATE TABLE absences (absence_id INTEGER PRIMARY KEY,
                 employee_id INTEGER NOT NULL REFERENCES employees(employee_id), kind TEXT NOT NULL,
                 from_day DATE NOT NULL, to_day DATE, days REAL, comment TEXT);
               CREATE TABLE appraisals (appraisal_id INTEGER PRIMARY KEY,
                 employee_id INTEGER NOT NULL REFERENCES employees(employee_id), year INTEGER NOT NULL,
                 score TEXT, bonus DECIMAL(10,2));"""
        )
        names = ["Sales", "Support", "Finance", "Logistics", "Research", "Canteen"]
        for i, name in enumerate(names, 1):
            db.execute("INSERT INTO departments VALUES (?,?,?,?,?)", (i, name, f"0{i}00", None, i * 100000))
        for i in range(1, 401):
            left = rng.typed([str(day(rng, 2022, 900))], [None, None, "9999-12-31"], 0.8)  # two systems
            db.execute(
                "INSERT INTO employees VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    i,
                    f"{rng.choice(FIRST)} {rng.choice(LAST)}",
                    None
                    if rng.slip(0.04)
                    else rng.typed([1, 1, 1, 2, 2, 3, 4, 5], [1], 0.1)
                    if not rng.tidy
                    else i % 6 + 1,  # nobody in 6
                    None if i < 6 and not rng.tidy else rng.randrange(1, min(max(i, 2), 40)),
                    str(day(rng, 2004, 7000)),
                    left,
                    None if rng.slip(0.05) else rng.randrange(2400, 9000),
                    rng.typed([40, 40, 38.5, 20], [0], 0.05),  # 0: on leave
                    rng.choice(["E1", "E2", "E3", "E10", "F1"]),
                    rng.typed(["Excel;SQL", "SQL"], ["Excel; French", "", "Driving;;First aid", None], 0.6),
                    rng.typed(["08:00", "09:30", "22:00"], ["", "flexible"], 0.4),
                ),
            )
        for i in range(1, 1801):
            start = day(rng, 2023, 700)
            open_end = rng.slip(0.04)  # still ill
            days = rng.choice([1, 1, 2, 3, 5, 10, 0.5])
            db.execute(
                "INSERT INTO absences VALUES (?,?,?,?,?,?,?)",
                (
                    i,
                    rng.randrange(1, 350),
                    rng.typed(["holiday", "holiday", "illness", "training"], ["Holiday"], 0.05),
                    str(start),
                    None if open_end else str(start + timedelta(days=int(days))),
                    None if open_end else days,
                    rng.typed(["see mail", "half day", "-"], [None], 0.4),
                ),
            )
        number = 0
        for employee in range(1, 401):
            for year in (2022, 2023, 2024):
                if rng.slip(0.25):
                    continue  # was not held
                number += 1
                score = rng.typed(["1", "2", "3", "3", "4", "4", "5"], ["3,5", "n/a"], 0.12)
                bonus = None if rng.slip(0.3) else rng.typed([500, 1200, 3000], [0], 0.25)
                db.execute(
                    "INSERT INTO appraisals VALUES (?,?,?,?,?)", (number, employee, year, score, bonus)
                )
    db.close()
    return out
