"""The third of the bank that was written first and held out."""

import csv
import io
import json
import math
import re
from collections import defaultdict
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl

from handrail_bench.fidelity.bank import Query, program


@program("shop")
def revenue_by_segment(query: Query) -> None:
    """How much revenue does each customer segment bring?"""
    lines = query("SELECT order_id, quantity * unit_price AS revenue FROM order_lines")
    orders = query("SELECT order_id, customer_id FROM orders")
    customers = query("SELECT customer_id, segment FROM customers")
    df = lines.merge(orders, on="order_id").merge(customers, on="customer_id")
    result = df.groupby("segment")["revenue"].sum()
    assert math.isclose(result.sum(), lines["revenue"].sum(), rel_tol=1e-9), "revenue got lost"


@program("shop")
def price_per_kilo(query: Query) -> None:
    """List products by price per kilogram and name the cheapest."""
    df = query("SELECT product, price, weight_kg FROM products")
    df["per_kg"] = df["price"] / df["weight_kg"]
    cheapest = df.sort_values("per_kg").iloc[0]
    assert cheapest["per_kg"] > 0, "a gift is not the cheapest product"
    assert df["per_kg"].notna().all(), "a price per kilogram is missing"


@program("shop")
def parcel_volume(query: Query) -> None:
    """Work out each product's volume in litres from its size, like 10x20x5."""
    df = query("SELECT sku, size FROM products")
    parts = df["size"].str.split("x", expand=True).astype(float)
    df["litres"] = parts[0] * parts[1] * parts[2] / 1000
    assert df["litres"].notna().all()


@program("shop")
def delivery_days(query: Query) -> None:
    """How many days does delivery take, by channel? Only delivered orders."""
    df = query("SELECT channel, ordered_at, delivered_on FROM orders WHERE status = 'delivered'")
    df["days"] = (df["delivered_on"] - df["ordered_at"].dt.normalize()).dt.days
    assert df["days"].between(0, 60).all(), "nothing is delivered before it is ordered, or after two months"
    assert (df.groupby("channel")["days"].mean() < 30).all()


@program("shop")
def order_letter(query: Query) -> None:
    """Write one line per order for the packing list: number, customer and note in capitals."""
    rows = query(
        "SELECT o.order_id, c.name, o.note FROM orders o LEFT JOIN customers c USING (customer_id) ORDER BY 1"
    )
    lines = [
        f"{row['order_id']}: {row['name'].strip()} - {row['note'].upper()}" for _, row in rows.iterrows()
    ]
    assert len(lines) == len(rows)


@program("shop")
def newsletter_domains(query: Query) -> None:
    """Count customers by the domain of their mail address."""
    df = query("SELECT email FROM customers")
    domains: dict[str, int] = defaultdict(int)
    for email in df["email"]:
        domains[email.split("@")[1].lower()] += 1
    assert sum(domains.values()) == len(df)


@program("people")
def length_of_service(query: Query) -> None:
    """Average years of service of those who left, by department."""
    df = query(
        "SELECT d.department, e.hired_on, e.left_on FROM employees e JOIN departments d USING (department_id)"
        " WHERE e.left_on IS NOT NULL"
    )
    df["years"] = (df["left_on"] - df["hired_on"]).dt.days / 365.25
    result = df.groupby("department")["years"].mean()
    assert (result.between(0, 50)).all(), "nobody serves for centuries"


@program("people")
def hourly_pay(query: Query) -> None:
    """Show pay per hour and the best paid hour."""
    df = query("SELECT employee_id, salary, hours FROM employees")
    df["per_hour"] = df["salary"] / (df["hours"] * 4.33)
    best = df["per_hour"].max()
    assert math.isfinite(best) and best < 1000, "pay per hour is no number"


@program("people")
def appraisal_average(query: Query) -> None:
    """Average score of the appraisals per year."""
    df = query("SELECT year, score FROM appraisals")
    df["score"] = df["score"].astype(float)
    result = df.groupby("year")["score"].mean()
    assert result.between(1, 5).all()


@program("people")
def org_chart(query: Query) -> None:
    """Print the name of everybody's manager."""
    df = query("SELECT employee_id, full_name, manager_id FROM employees")
    names = dict(zip(df["employee_id"], df["full_name"], strict=True))
    df["manager"] = [names[int(m)] for m in df["manager_id"]]
    assert df["manager"].notna().all()


@program("people")
def absences_calendar(query: Query) -> None:
    """Count absent people per day of the year 2023, from the first to the last day of each absence."""
    df = query("SELECT from_day, to_day FROM absences")
    days: dict[date, int] = defaultdict(int)
    for _, row in df.iterrows():
        day = row["from_day"].date()
        while day <= row["to_day"].date():
            days[day] += 1
            day += timedelta(days=1)
            assert len(days) < 10_000, "an absence does not last for decades"
    assert sum(days.values()) >= len(df)


@program("support")
def first_answer(query: Query) -> None:
    """Median minutes until the first message of each ticket."""
    df = query(
        "SELECT t.ticket_id, t.opened_at, min(m.sent_at) AS first FROM tickets t"
        " LEFT JOIN messages m USING (ticket_id) GROUP BY ALL"
    )
    minutes = ((df["first"] - df["opened_at"]).dt.total_seconds() / 60).astype(int)
    assert minutes.median() > 0


@program("support")
def satisfaction_by_team(query: Query) -> None:
    """Average satisfaction by team as a JSON document for the intranet."""
    df = query("SELECT a.team, t.satisfaction FROM tickets t LEFT JOIN agents a USING (agent_id)")
    result = df.groupby("team", dropna=False)["satisfaction"].mean().to_dict()
    text = json.dumps(result, allow_nan=False, sort_keys=True)
    assert json.loads(text)


@program("support")
def tag_counts(query: Query) -> None:
    """Which tags are used how often?"""
    df = query("SELECT tags FROM tickets")
    counts: dict[str, int] = defaultdict(int)
    for tags in df["tags"]:
        for tag in tags.split(";"):
            counts[tag] += 1
    assert all(tag and tag == tag.strip() for tag in counts), "a tag is empty or written in two ways"


@program("support")
def backlog(query: Query) -> None:
    """Open tickets at the end of each week of 2024."""
    df = query("SELECT opened_at, closed_at FROM tickets")
    weeks = pd.date_range("2024-01-07", "2024-12-29", freq="W")
    counts = [
        int(((df["opened_at"] <= w) & ((df["closed_at"] > w) | df["closed_at"].isna())).sum()) for w in weeks
    ]
    assert len(counts) == len(weeks) and min(counts) >= 0


@program("support")
def quick_csv(query: Query) -> None:
    """Write the messages as CSV by hand for a spreadsheet."""
    df = query("SELECT message_id, direction, body FROM messages ORDER BY 1")
    text = "message_id,direction,body\n"
    for row in df.itertuples():
        text += f"{row.message_id},{row.direction},{row.body}\n"
    back = list(csv.reader(io.StringIO(text)))
    assert len(back) == len(df) + 1 and all(len(line) == 3 for line in back), "the file has other columns"
    assert not any(line[2].startswith(("=", "+", "@")) for line in back[1:]), "a cell would be a formula"
    assert not any(line[2] in ("nan", "None") for line in back[1:]), "a missing text became a word"


@program("ledger")
def open_items(query: Query) -> None:
    """Total amount of all invoices that are not paid."""
    df = query("SELECT amount, paid_on FROM invoices WHERE paid_on IS NULL")
    total = sum(float(a) for a in df["amount"])
    assert math.isfinite(total)


@program("ledger")
def days_overdue(query: Query) -> None:
    """Invoices paid late: how many days, as a whole number per invoice."""
    df = query("SELECT invoice_id, due_on, paid_on FROM invoices WHERE paid_on IS NOT NULL")
    df["late"] = (df["paid_on"] - df["due_on"]).dt.days.astype(int)
    assert (df["late"] > -400).all() and (df["late"] < 4000).all()


@program("ledger")
def exchange(query: Query) -> None:
    """Total net in euro with fixed rates."""
    rates = {"EUR": 1.0, "USD": 0.92, "CHF": 1.05, "GBP": 1.17}
    df = query("SELECT currency, net FROM invoices")
    total = sum(row.net * rates[row.currency] for row in df.itertuples())
    assert math.isfinite(total) and total > 0


@program("ledger")
def invoice_of_payment(query: Query) -> None:
    """Take the invoice number out of the reference of each payment."""
    df = query("SELECT payment_id, reference FROM payments")
    numbers = [int(re.search(r"INV-\d{4}-(\d{5})", r).group(1)) for r in df["reference"]]  # type: ignore[union-attr]
    assert len(numbers) == len(df)


@program("ledger")
def best_client_polars(query: Query) -> None:
    """Share of each client in what was received, with polars; the shares make 1."""
    invoices = pl.DataFrame(query("SELECT invoice_id, client_id FROM invoices").to_dict("list"))
    payments = pl.DataFrame(query("SELECT invoice_id, received FROM payments").to_dict("list"))
    key = pl.col("invoice_id").cast(pl.Float64)
    joined = payments.with_columns(key).join(invoices.with_columns(key), on="invoice_id")
    shares = joined.group_by("client_id").agg(pl.col("received").sum() / payments["received"].sum())
    assert math.isclose(float(shares["received"].sum()), 1.0, rel_tol=1e-6), "the shares do not make 1"
    assert float(shares["received"].min()) >= 0  # type: ignore[arg-type]


@program("meters")
def daily_use(query: Query) -> None:
    """Energy per day and site; every day has 24 readings per connected meter."""
    df = query("SELECT m.site, r.meter_id, r.read_at, r.kwh FROM readings r JOIN meters m USING (meter_id)")
    df["day"] = df["read_at"].dt.date
    counts = df.groupby(["meter_id", "day"]).size()
    inner = counts[counts.index.get_level_values("day") == date(2024, 3, 28)]
    assert (inner == 24).all(), "a day has more or fewer hours"
    assert df["kwh"].ge(0).all(), "energy is not negative and not missing"


@program("meters")
def load_factor(query: Query) -> None:
    """Mean load in relation to the capacity of each meter, in per cent."""
    df = query(
        "SELECT m.meter_id, m.capacity_kw, avg(r.kwh) AS mean FROM meters m"
        " LEFT JOIN readings r USING (meter_id) GROUP BY ALL"
    )
    df["load"] = (df["mean"] / df["capacity_kw"] * 100).round().astype(int)
    assert df["load"].between(0, 100).all()


@program("meters")
def newest_firmware(query: Query) -> None:
    """Which firmware is the newest in use?"""
    versions = query("SELECT DISTINCT firmware FROM readings")["firmware"]
    newest = max(versions)
    by_parts = max(versions, key=lambda v: [int(part) for part in v.split(".")])
    assert newest == by_parts == "2.0"


@program("meters")
def local_hours(query: Query) -> None:
    """Show readings by hour of day in UTC: the meters write Berlin time."""
    df = query("SELECT read_at, kwh FROM readings")
    local = df["read_at"].dt.tz_localize("Europe/Berlin")
    hours = local.dt.tz_convert("UTC").dt.hour
    assert np.isfinite(df.groupby(hours)["kwh"].mean()).all()


@program("meters")
def latest_reading(query: Query) -> None:
    """The latest reading of every meter that was delivered."""
    meters = query("SELECT meter_id FROM meters ORDER BY 1")["meter_id"]
    readings = query("SELECT meter_id, read_at, kwh FROM readings ORDER BY reading_id")
    latest = {}
    for meter in meters:
        latest[meter] = readings[readings["meter_id"] == meter].iloc[-1]["read_at"]
    newest = readings.groupby("meter_id")["read_at"].max()
    assert all(latest[meter] == newest[meter] for meter in meters), "the last row is not the latest"
    assert all(at < datetime(2030, 1, 1) for at in latest.values())  # noqa: DTZ001
