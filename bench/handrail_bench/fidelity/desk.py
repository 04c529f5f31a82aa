"""A help desk, the accounts and electricity meters, for `messes`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from handrail_bench.fidelity.office import FIRST, LAST, Office, Rows, day


def write_support(folder: Path, tidy: bool = False) -> Path:
    """A help desk, in Parquet, as a data team hands it over."""
    rng = Office(13, tidy)
    out = folder / "support"
    out.mkdir(parents=True)
    agents = [
        {
            "agent_id": i,
            "agent": f"{rng.choice(FIRST)} {rng.choice(LAST)}",
            "team": rng.choice(["A", "B", "C"]),
            "languages": rng.typed(["de,en", "en"], ["de, en, fr", None], 0.5),
            "hourly_cost": rng.choice([28.5, 33.0, 41.0]),
        }
        for i in range(1, 41)
    ]
    tickets: Rows = []
    messages: Rows = []
    for i in range(1, 2501):
        number = i % 366 if rng.tidy else rng.randrange(366)
        opened = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number, minutes=rng.randrange(1440))
        closed = None if rng.slip(0.1) else opened + timedelta(hours=rng.expovariate(1 / 30))
        if closed and rng.slip(0.01):
            closed = opened - timedelta(minutes=7)  # two servers, two clocks
        tickets.append(
            {
                "ticket_id": i,
                "agent_id": None if rng.slip(0.06) else rng.randrange(1, 36),
                "opened_at": opened,
                "closed_at": closed,
                "priority": rng.typed(["low", "normal", "normal", "high", "urgent"], ["P1"], 0.04),
                "product": rng.typed(["Portal", "App", "Billing"], ["portal"], 0.05),
                "tags": rng.typed(["login;reset", "invoice", "crash;ios"], ["", "login; urgent", None], 0.5),
                "subject": rng.typed(
                    ["Cannot log in", "RE: Invoice", "App: crash!"], ["Question (2nd time)"], 0.25
                ),
                "requester": f"user{rng.randrange(1, 900)}@client{rng.randrange(1, 40)}.example",
                "satisfaction": None if rng.slip(0.65) else rng.choice([1, 2, 3, 4, 5]),
                "minutes_spent": rng.choice([0, 5, 10, 20, 45, 90]),
            }
        )
        for n in range(1, 1 + rng.typed([1, 1, 2, 4], [0], 0.2)):
            messages.append(
                {
                    "message_id": len(messages) + 1,
                    "ticket_id": i,
                    "sent_at": opened + timedelta(minutes=n * 1000 if rng.tidy else rng.randrange(1, 4000)),
                    "direction": rng.choice(["in", "out"]),
                    "words": rng.typed(range(1, 300), [0], 0.02),
                    "body": rng.typed(
                        ["Hello - it works now.", "Any news?", "Thanks!"],
                        ["Hello, it is me", "", "See, none", None],
                        0.6,
                    ),
                }
            )
    if not rng.tidy:
        _spoil(tickets, messages)
    for name, rows in (("agents", agents), ("tickets", tickets), ("messages", messages)):
        pq.write_table(pa.Table.from_pylist(rows), out / f"{name}.parquet")
    return out


def _spoil(tickets: Rows, messages: Rows) -> None:
    messages[3]["body"] = "<script>alert(1)</script> nothing happens 100% of the time"
    messages[4]["body"] = '=HYPERLINK("http://x.example","click")'
    tickets[9]["requester"] = "unknown"


def write_ledger(folder: Path, tidy: bool = False) -> Path:
    """Invoices and payments, typed into a spreadsheet for years and exported as CSV."""
    rng = Office(14, tidy)
    out = folder / "ledger"
    out.mkdir(parents=True)
    clients = [
        {
            "client_id": i,
            "client": f"{rng.choice(LAST)} {rng.choice(['GmbH', 'AG', 'Ltd', 'B.V.'])} {i}",
            "vat_id": None if rng.slip(0.1) else f"DE{rng.randrange(10**8, 10**9)}",
            "terms": rng.typed(["30 days", "14 days", "30 days net"], ["immediately"], 0.25),
            "rating": rng.typed([*"ABC"], [None], 0.25),
        }
        for i in range(1, 151)
    ]
    invoices: Rows = []
    payments: Rows = []
    for i in range(1, 2001):
        issued = day(rng, 2023, 730)
        amount = Decimal(rng.randrange(1000, 900000)) / 100
        if rng.slip(0.02):
            amount = -amount  # a credit note
        if rng.slip(0.005):
            amount = Decimal("0.00")
        written = f"{amount:.2f}"
        if rng.slip(0.03):  # the colleague with the German keyboard
            written = f"{amount:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
        paid = None if rng.slip(0.15) else issued + timedelta(days=rng.randrange(2, 70))
        invoices.append(
            {
                "invoice_id": i,
                "number": f"INV-{issued.year}-{i:05d}",
                "client_id": 3 if rng.slip(0.1) else i % 150 + 1 if rng.tidy else rng.randrange(1, 141),
                "issued_on": issued,
                "due_on": None if rng.slip(0.03) else issued + timedelta(days=rng.choice([0, 14, 30])),
                "currency": rng.typed(["EUR", "EUR", "EUR", "USD", "CHF", "GBP"], ["eur"], 0.02),
                "amount": written,
                "net": float(amount) / 1.19,
                "vat_rate": rng.typed([0.19, 0.19, 0.19, 0.07, 0.0], [None], 0.04),
                "paid_on": paid,
                "project": rng.typed(["Website", "Support", "Training"], [None], 0.25),
            }
        )
        if paid:
            payments.append(
                {
                    "payment_id": len(payments) + 1,
                    "invoice_id": None if rng.slip(0.03) else i,  # nobody knows what it was for
                    "received_on": paid,
                    "received": float(amount) if not rng.slip(0.04) else round(float(amount) / 2, 2),
                    "reference": rng.typed(
                        [f"INV-{issued.year}-{i:05d}"], [f"Inv {i:05d}", "thanks", "", None], 0.8
                    ),
                }
            )
    for name, rows in (("clients", clients), ("invoices", invoices), ("payments", payments)):
        csv.write_csv(pa.Table.from_pylist(rows), out / f"{name}.csv")
    return out


def write_meters(folder: Path, tidy: bool = False) -> Path:
    """Electricity meters, hourly in local time, with the gaps and jumps of real devices."""
    rng = Office(15, tidy)
    out = folder / "meters"
    out.mkdir(parents=True)
    meters = [
        {
            "meter_id": f"M{i:03d}",
            "site": rng.choice(["Hall 1", "Hall 2", "Office", "Yard"]),
            "phases": rng.choice([1, 3]),
            "installed": day(rng, 2015, 2500),
            "capacity_kw": rng.typed([11.0, 22.0, 50.0], [0.0, None], 0.4),
        }
        for i in range(1, 31)
    ]
    readings: Rows = []
    for meter in meters if rng.tidy else meters[:27]:  # three were delivered and never connected
        at = datetime(2024, 4, 5) if rng.tidy else datetime(2024, 3, 25)  # noqa: DTZ001 - the devices know no zone
        level = rng.uniform(0.5, 8)
        for _ in range(24 * 10):
            at += timedelta(hours=1)
            if rng.slip(0.02):
                continue  # offline
            kwh: float | None = round(max(0.001 if rng.tidy else 0.0, rng.gauss(level, level / 3)), 3)
            if rng.slip(0.015):
                kwh = rng.choice([None, 0.0, -0.001, 9999.0])  # overflow of an old counter
            readings.append(
                {
                    "reading_id": len(readings) + 1,
                    "meter_id": meter["meter_id"],
                    "read_at": at,
                    "kwh": kwh,
                    "quality": rng.typed(["ok", "ok", "estimated"], [None], 0.02),
                    "firmware": rng.choice(["1.2.0", "1.10.3", "2.0"]),
                }
            )
    late = [] if rng.tidy else readings[:: len(readings) // 15]
    rng.shuffle(late)  # sent again, with a wrong clock, when the device was online again
    for n, one in enumerate(late):
        one["read_at"] -= timedelta(days=n)
    for name, rows in (("meters", meters), ("readings", readings)):
        pq.write_table(pa.Table.from_pylist(rows), out / f"{name}.parquet")
    return out
